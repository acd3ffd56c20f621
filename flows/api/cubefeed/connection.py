"""A connection to a live cube: questions from a notebook or a script, answered as frames.

import cubefeed

cube = cubefeed.connect()
sales = cube.query("Quantity.SUM", by=["Date.Month", "Product"], where="Date>=2021-05-01")
sales.attrs["caveats"]  # what is known to be wrong with it; empty where it is complete and current
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from cubefeed.changes import Commit, commits
from cubefeed.file_requests import FileRequests
from cubefeed.overview import html_of, text_of
from cubefeed.parameters import Texts, pairs, texts
from cubefeed.schema import DatasetSchema, Schema
from cubefeed.transport import LOOK_S, Transport
from flows.errors import QueryError, TooSlow

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from cubefeed.frames import AnswerFrame, To

ARROW = ("format", "arrow")
PATIENCE_S = 30.0
"""A session that restarts is back before that, unless it has very much to fill."""
MOST_DAYS = 1_000


def connect(
    *, state: str | Path | None = None, url: str | None = None, token: str | None = None, patience_s: float = PATIENCE_S
) -> Connection:
    """Connect to a live cube.

    Args:
        state: the state directory of a session on this computer; by default the one that commands use.
        url: the address of its live page instead, from wherever that is reached.
        token: what readers have to know there; by default `CUBEFEED_TOKEN` of the environment.
        patience_s: for how many seconds a session is waited for that restarts.

    Raises:
        NotRunning: nothing is running there; it says how to start.
        QueryError: both a state directory and an address are given, or the token is wrong.
    """
    from flows.settings import Settings

    if state is not None and url is not None:
        raise QueryError("There is a state directory and an address", next_step="give one of them", got=url)
    place = None if url is not None else Settings.read(state=None if state is None else Path(state)).state
    transport = Transport(place, url, token, patience_s)
    transport.require_session()
    return Connection(transport)


class Connection(FileRequests):
    """A live cube. It holds nothing open: each call asks anew, and waits for a session that restarts."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self._schema: Schema | None = None

    @overload
    def query(
        self, *measures: str, by: Texts = ..., where: Texts = ..., having: Texts = ..., sort: Texts = ...,
        top: int | str | None = ..., others: bool = ..., totals: bool = ..., limit: int | None = ..., offset: int = ...,
        dataset: str | None = ..., index: bool = ..., to: Literal["pandas"] = ...,
    ) -> AnswerFrame: ...  # fmt: skip
    @overload
    def query(
        self, *measures: str, by: Texts = ..., where: Texts = ..., having: Texts = ..., sort: Texts = ...,
        top: int | str | None = ..., others: bool = ..., totals: bool = ..., limit: int | None = ..., offset: int = ...,
        dataset: str | None = ..., index: bool = ..., to: Literal["polars"],
    ) -> pl.DataFrame: ...  # fmt: skip
    @overload
    def query(
        self, *measures: str, by: Texts = ..., where: Texts = ..., having: Texts = ..., sort: Texts = ...,
        top: int | str | None = ..., others: bool = ..., totals: bool = ..., limit: int | None = ..., offset: int = ...,
        dataset: str | None = ..., index: bool = ..., to: Literal["arrow"],
    ) -> pa.Table: ...  # fmt: skip
    def query(
        self,
        *measures: str,
        by: Texts = (),
        where: Texts = (),
        having: Texts = (),
        sort: Texts = (),
        top: int | str | None = None,
        others: bool = False,
        totals: bool = False,
        limit: int | None = None,
        offset: int = 0,
        dataset: str | None = None,
        index: bool = False,
        to: To = "pandas",
    ) -> Any:
        """Ask the cube, as `cubefeed query` does.

        Args:
            measures: what to compute: `"Quantity.SUM"`.
            by: levels to group by: `["Date.Month", "Product"]`.
            where: conditions on rows: `"Date>=2021-05-01"`.
            having: conditions on groups: `"Quantity.SUM>100"`.
            sort: levels or measures to sort by; `"-Quantity.SUM"` from the greatest down.
            top: the first groups only: 10, or `"3 per Country"`.
            others: with `top`, also a row for the rest.
            totals: also a row per leading part of the levels; `total_depth` says how many of them a row fixes.
            limit: how many rows to take; all by default, at most 2,000,000.
            offset: how many to leave out before.
            dataset: whose cube; the only one by default.
            index: whether the levels become the index of a pandas DataFrame.
            to: the form: a DataFrame of pandas or of polars, or an Arrow table.

        Returns:
            One row per group. In pandas dates and moments are datetime64, whole numbers are nullable, and decimals and
            texts are Arrow's; `attrs` has `as_of` (commit, at_utc, newest_file), `caveats` (each with kind, dataset,
            count, text, command, days) and `formats`. An Arrow table has the same in `schema.metadata[b"cubefeed"]`.

        Raises:
            QueryError: it names what there is not, or asks for too much; it names the nearest.
            NotRunning: the session has ended, and has not come back in time.
        """
        from cubefeed.frames import read_stream, to_frame

        levels = texts(by)
        repeated = {"measure": measures, "by": levels, "where": texts(where), "having": texts(having),
                    "sort": texts(sort)}  # fmt: skip
        given = {"dataset": dataset, "top": top, "limit": limit, "offset": offset or None,
                 "others": others or None, "totals": totals or None}  # fmt: skip
        table = read_stream(self._transport.body("/api/query", [*pairs(repeated, given), ARROW]))
        names = [name for name in table.column_names if name not in (*measures, "total_depth", "is_others")]
        return to_frame(table, to, names if index else ())

    def rows(
        self,
        where: Texts = (),
        *,
        limit: int | None = None,
        offset: int = 0,
        dataset: str | None = None,
        to: To = "pandas",
    ) -> Any:
        """The rows behind a number, each with its file, version, line and time of load, in columns `Source.…`.

        Args:
            where: conditions, as in `query`.
            limit: how many at most; all by default, up to 2,000,000.
            offset: how many to leave out before.
            dataset: whose; the only one by default.
            to: the form, as in `query`.
        """
        from cubefeed.frames import read_stream, to_frame

        given = {"dataset": dataset, "limit": limit, "offset": offset or None}
        return to_frame(
            read_stream(self._transport.body("/api/rows", [*pairs({"where": texts(where)}, given), ARROW])), to
        )

    def files(self, *, dataset: str | None = None, state: Texts = (), limit: int = 1_000) -> pd.DataFrame:
        """File versions, the newest first, as `cubefeed files --all` lists them; `state` keeps some: "quarantined"."""
        return self._listed("/api/files", {"state": texts(state)}, {"dataset": dataset, "limit": limit})

    def findings(self, file: str | None = None, *, dataset: str | None = None) -> pd.DataFrame:
        """What the checks found, a row per finding: of one file, or of the newest version of each that has some."""
        newest: dict[tuple[str, str], Mapping[str, Any]] = {}
        for row in self._transport.json("/api/files", pairs({}, {"dataset": dataset, "limit": 100_000})):
            if file in (None, row["file"]):
                newest.setdefault((row["dataset"], row["file"]), row)
        found = []
        for row in newest.values():
            if row["findings"]:
                asked = [("dataset", row["dataset"]), ("version", str(row["version"]))]
                report = self._transport.json("/api/findings", asked)
                found += [{**{name: row[name] for name in ("dataset", "file", "version")}, **each}
                          for each in report["findings"]]  # fmt: skip
        from cubefeed.frames import records

        return records(found)

    def status(self) -> dict[str, Any]:
        """How the session and its datasets stand, as `cubefeed status --format json` prints it."""
        return dict(self._transport.json("/api/status"))

    def days(self, *, dataset: str | None = None, limit: int = 100) -> pd.DataFrame:
        """The business days of a dataset, the last one first: what each is (expected, late, arrived, closed, restated)
        and since when; none where no day is expected."""
        return self._listed("/api/days", {}, {"dataset": dataset, "limit": limit})

    @property
    def schema(self) -> Schema:
        """What can be asked: `cube.schema["sales"].measures`, or with completion `cube.schema.sales.levels.Date_Month`.

        It is read once for each connection, since a changed declaration is a new session.
        """
        if self._schema is None:
            tables = map(DatasetSchema.from_json, self._transport.json("/api/schema"))
            self._schema = Schema({table.name: table for table in tables})
        return self._schema

    def changes(self, *, dataset: str | None = None, after: int | None = None) -> Iterator[Commit]:
        """Wait for commits, and yield each as it happens, until the loop is left.

        Where the session was away meanwhile, what has happened since is one event: the newest commit, which names
        those before it in `skipped`. Nothing is told twice.

        Args:
            dataset: only this one's.
            after: begin behind this commit, such as `df.attrs["as_of"]["commit"]`; by default with the next one.

        Raises:
            NotRunning: the session has ended, and has not come back in time.
        """
        return commits(self._transport, dataset, after)

    def wait_for(
        self, *, day: date | str, dataset: str | None = None, timeout_s: float | None = None
    ) -> dict[str, Any]:
        """Wait until the data of a business day has come. Returns what is known of the day.

        Raises:
            QueryError: the dataset expects no days.
            TooSlow: it has not come within `timeout_s` seconds; without these it is waited for without end.
        """
        wanted = day.isoformat() if isinstance(day, date) else day
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            days = self._transport.json("/api/days", pairs({}, {"dataset": dataset, "limit": MOST_DAYS}))
            if not days:
                raise QueryError("No day is expected here", next_step="declare expect=DailyBy(…)", got=dataset)
            found = next((each for each in days if each["day"] == wanted), None)
            if found is not None and (found["arrived_utc"] or found["closed_utc"]):
                return dict(found)
            if deadline is not None and time.monotonic() >= deadline:
                raise TooSlow(
                    f"{wanted} has not come within {timeout_s:g} s", next_step="see cubefeed status", dataset=dataset
                )
            time.sleep(LOOK_S)

    def __repr__(self) -> str:
        return text_of(str(self._transport.owner().url), self.status())

    def _repr_html_(self) -> str:
        return html_of(str(self._transport.owner().url), self.status())

    def _listed(self, path: str, repeated: Mapping[str, Sequence[str]], given: Mapping[str, object]) -> pd.DataFrame:
        from cubefeed.frames import records

        return records(self._transport.json(path, pairs(repeated, given)))
