"""The ledger's tables. Whoever changes them raises `SCHEMA_VERSION` and writes a migration."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

SCHEMA_VERSION = 4

metadata = MetaData()

datasets = Table(
    "datasets",
    metadata,
    Column("name", String, primary_key=True),
    Column("fingerprint", String, nullable=False, doc="of the declaration at the last start"),
    Column("merge_keys", String, doc="JSON: the key columns under which rows are merged, and their types"),
    Column("first_day", String, doc="retention: rows of earlier days are not in the cube"),
    Column("held", Integer, doc="rows in the cube since the last commit; null where that is not known"),
    Column("volumes", String, doc="JSON: the landing directory as it was last believed; null where it never was"),
    Column("meaning", String, doc="JSON: which rows cover others, and whether equal files count; null where not noted"),
    Column("doubted_after", Integer, doc="the last version before it came in doubt; null where it is not"),
    Column("day_column", String, doc="the column whose days are in business_days; null where they have to be derived"),
)

paths = Table(
    "paths",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("dataset", String, nullable=False),
    Column("path", LargeBinary, nullable=False, doc="relative to the landing directory"),
    Column("arrival", Integer, doc="the number of its place: when it was first seen settled; null where it was moved"),
    Column("accepted", Integer, doc="version accepted last"),
    Column("judged", Integer, doc="version that the bytes seen last are"),
    Column("present", Boolean, nullable=False),
    Column("size_bytes", Integer),
    Column("mtime_ns", Integer),
    Column("ctime_ns", Integer),
    Column("inode", Integer),
    UniqueConstraint("dataset", "path"),
)
Index("paths_gone", paths.c.dataset, sqlite_where=~paths.c.present)

versions = Table(
    "versions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("dataset", String, nullable=False),
    Column("path_id", Integer, ForeignKey("paths.id"), nullable=False),
    Column("digest", LargeBinary, nullable=False, doc="sha256 of the bytes"),
    Column(
        "path_values", String, nullable=False, doc="JSON of the values that the path gives; empty where it gives none"
    ),
    Column("content", Integer, doc="the version whose rows it has; null where it has none"),
    Column("size_bytes", Integer, nullable=False),
    Column("mtime_ns", Integer, nullable=False),
    Column("state", String, nullable=False),
    Column("cause", String, doc="why it left: deleted, request, lost or renamed"),
    Column("reason", String, doc="why it is not in the cube, in words"),
    Column("rows", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    Column("collapsed", Integer, nullable=False),
    Column("findings", Integer, nullable=False, doc="how many findings in all"),
    Column("first_finding", String, doc="JSON of the first finding"),
    Column("segment", Integer, ForeignKey("segments.id")),
    Column(
        "batch", Integer, ForeignKey("batches.id"), nullable=False, doc="the one that brought it, or a restore's own"
    ),
    Column("detected_utc", String, nullable=False),
    Column("staged_utc", String),
    Column("loaded_utc", String),
    Column("ended_utc", String),
    Column("warning", String, doc="what people should know of it, though it was accepted, in words"),
    Column("tolerances", String, doc="JSON of what was let pass because the format says so; null where nothing was"),
)
Index(
    "versions_by_digest", versions.c.digest, sqlite_where=versions.c.rows > 0
)  # files of a header alone are all equal
Index("versions_by_path", versions.c.path_id)
Index("versions_by_content", versions.c.content)
Index("versions_by_segment", versions.c.segment)
Index("versions_by_state", versions.c.state, versions.c.dataset)

Index("versions_with_refused_rows", versions.c.dataset, sqlite_where=versions.c.refused > 0)
Index("versions_by_warning", versions.c.dataset, sqlite_where=versions.c.warning.is_not(None))

segments = Table(
    "segments",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("dataset", String, nullable=False),
    Column("file", String, nullable=False),
    Column("sha256", String, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("fingerprint", String, nullable=False),
    Column("key_low", String, doc="JSON: smallest value of the first key column"),
    Column("key_high", String, doc="JSON: largest value of the first key column"),
    Column("uuid", String, doc="tells it from another of the same number; null for one whose footer has none"),
    Column("keys_repeat", Boolean, nullable=False, doc="whether one of its contents has a key twice"),
)

derived = Table(
    "derived",
    metadata,
    Column("id", Integer, primary_key=True, doc="the segment that it is made of"),
    Column("source", String, nullable=False, doc="the checksum of that segment"),
    Column("dataset", String, nullable=False),
    Column("file", String, nullable=False),
    Column("sha256", String, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("fingerprint", String, nullable=False, doc="of the declaration that it is made for"),
    Column("key_low", String),
    Column("key_high", String),
    Column("uuid", String),
    Column("keys_repeat", Boolean, nullable=False),
)

overruled = Table(
    "overruled",
    metadata,
    Column("content", Integer, primary_key=True, doc="the version whose rows the present declaration would refuse"),
    Column("dataset", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("counts", String, nullable=False, doc="JSON: rule and how many findings"),
    Column("findings", String, nullable=False, doc="JSON of the first findings"),
)

batches = Table(
    "batches",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("dataset", String, nullable=False),
    Column("state", String, nullable=False),
    Column("files", Integer, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("staged_utc", String, nullable=False),
    Column("loaded_utc", String),
)
Index("batches_by_state", batches.c.state)

decisions = Table(
    "decisions",
    metadata,
    Column("batch", Integer, primary_key=True),
    Column("number", Integer, primary_key=True, doc="within the batch"),
    Column("dataset", String, nullable=False),
    Column("path_id", Integer, nullable=False),
    Column("action", String, nullable=False, doc="what became of the path, beyond what its version says"),
    Column("version", Integer),
    Column("other_id", Integer, doc="another path: that it was renamed from, or is a copy of"),
    Column("cause", String, doc="as in versions"),
    Column("who", String, doc="who asked for it; null where nobody did"),
)
Index("decisions_by_path", decisions.c.path_id)

business_days = Table(
    "business_days",
    metadata,
    Column("dataset", String, primary_key=True),
    Column("day", String, primary_key=True),
    Column("state", String, nullable=False),
    Column("arrived_utc", String),
    Column("rows", Integer, doc="that came then; once it was closed, in the cube"),
    Column("said_by", String, doc="what has said that it has come: rows, path or expected"),
    Column("version", Integer, doc="the version without rows that has said so; null where rows have"),
    Column("late_utc", String),
    Column("checked_utc", String, doc="when a close last looked at it"),
    Column("closed_utc", String),
    Column("closed_by", String, doc="the Prefect run"),
    Column("restated_utc", String),
    Column("totals", String, doc="JSON: those with which it was closed"),
    Column("changes", String, doc="JSON: where it is restated, the totals that are others now"),
    Column("untold", Boolean, nullable=False, doc="whether nobody was told yet that it has become what it is"),
)
Index("business_days_untold", business_days.c.dataset, sqlite_where=business_days.c.untold)

requests = Table(
    "requests",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("dataset", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("payload", String, nullable=False, doc="JSON"),
    Column("who", String, nullable=False),
    Column("created_utc", String, nullable=False),
    Column("state", String, nullable=False, doc="open, running, done, failed or withdrawn"),
    Column("outcome", String, doc="JSON"),
    Column("ended_utc", String),
)
Index("requests_by_state", requests.c.state)

alerts = Table(
    "alerts",
    metadata,
    Column("source", String, primary_key=True, doc="who looks after it: the session, or what supervises it"),
    Column("kind", String, primary_key=True),
    Column("dataset", String, primary_key=True, doc="empty where it is no dataset's"),
    Column("subject", String, primary_key=True, doc="which disk, which day; empty where there is only one"),
    Column("text", String, nullable=False),
    Column("details", String, nullable=False),
    Column("news", Integer, nullable=False, doc="grows with what is worth another message"),
    Column("since_utc", String, nullable=False),
    Column("changed_utc", String, nullable=False, doc="when there was news last"),
    Column("said_utc", String, doc="when a message was made of it last; null where none was"),
    Column("said_news", Integer, nullable=False, doc="the news of that message"),
    Column("gone_utc", String, doc="since when it is not seen any more"),
    Column("over_utc", String, doc="when it was said that it is over"),
    Column("returns", Integer, nullable=False, doc="how often it came back soon"),
)

alert_messages = Table(
    "alert_messages",
    metadata,
    Column("source", String, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("address", String, nullable=False, doc="which address it waits for: a mark that tells nothing of it"),
    Column("title", String, nullable=False),
    Column("body", String, nullable=False),
    Column("mood", String, nullable=False),
    Column("page", String, doc="a file that goes with it"),
    Column("made_utc", String, nullable=False),
    Column("tries", Integer, nullable=False),
)
