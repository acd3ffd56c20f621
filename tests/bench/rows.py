"""What is measured and what is aimed at: every row of the result, in one place. Smaller is better in all of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

Sizes = dict[str, int]
NOT_MEASURED = "not measured: "
LONG_S = 25.0
"""What takes longer is run once, and marked so: the whole has to end within twenty minutes."""


@dataclass(frozen=True)
class Row:
    """One row of the result.

    Args:
        what: what is measured, in words.
        peer: what it is compared with; empty where the target is not a ratio.
        target: the largest ratio, or the largest value in `unit`, that is aimed at; None where nothing is.
        unit: of both sides.
        guard: how much larger than the committed ratio it may be before the guard calls it slower; None leaves it
            out, because it says little at small sizes.
    """

    what: str
    peer: str = ""
    target: float | None = None
    unit: str = "s"
    guard: float | None = 2.0


def _asked(name: str, what: str, target: float) -> dict[str, Row]:
    """A question, in process and over HTTP."""
    return {
        f"ask-{name}": Row(f"{what}, at 10M rows, in process", "same SQL", target),
        f"ask-{name}-http": Row(f"{what}, at 10M rows, over HTTP", "same SQL", max(1.3, target)),
    }


ROWS: dict[str, Row] = {
    "arrival": Row("a file renamed into 1,000 → visible, median", "guide", 0.4),
    "arrival-p99": Row("the same, 99th percentile, beside the guide's median", "guide", 1.0, guard=None),
    "arrival-polling": Row("the same median, polling observer", "guide", 1.0),
    "arrival-100k": Row("a file renamed into 100,000 → visible, median", "guide", 0.15, guard=None),
    "idle-cpu-100k": Row("idle, 100,000 files present", "guide", 0.1, unit="cores", guard=None),
    "burst-guide": Row("10,000 files of 10 rows", "guide", 1 / 20),
    "burst-dlt": Row("10,000 files of 10 rows", "dlt", 1 / 20),
    "file-raw": Row("one file of 1M rows", "raw", 0.7, guard=3.0),
    "file-dlt": Row("one file of 1M rows", "dlt", 1 / 3),
    "file-bad-rows": Row("the same with 1 % bad rows", "ours, clean", 1.3),
    "file-dialect": Row("1M receipts with `;`, decimal comma, thousands, German dates, a footer", "ours, plain", 1.5),
    "file-parquet": Row("the same receipts as Parquet", "ours, plain", 0.7),
    "file-json-lines": Row("the same receipts as JSON lines", "ours, plain", 2.0),
    "workbook": Row("read and check a workbook of 100,000 receipts", "python-calamine alone", 1.3),
    "archive": Row("a zip of 1,000 files of 10 rows", "ours, unpacked", 1.2),
    "load-new-raw": Row("10M rows in 100 files, all keys new", "raw", 0.3),
    "load-new-glob": Row("10M rows in 100 files, all keys new", "raw glob", 0.7),
    "load-memory": Row("peak memory of that load", "raw", 1.4, unit="MB"),
    "load-half-raw": Row("10M rows in 100 files, half of the keys known", "raw", 0.35),
    "restart-new": Row("restart with those rows, all keys new", "ours, first load", 0.25, guard=3.0),
    "restart-half": Row("restart with those rows, half of the keys covered", "ours, first load", 0.5),
    "correction": Row("correction of 100k rows at 10M, half of them covered", "raw", 0.7),
    "correction-back": Row("the same, with other keys: covered rows come back", "raw", 1.5),
    "query-date": Row("sum by date at 10M rows, in process", "same SQL", 1.1),
    "query-date-http": Row("sum by date at 10M rows, over HTTP", "same SQL", 1.5),
    "query-pivot": Row("date × product with a filter, in process", "same SQL", 1.1),
    "query-pivot-http": Row("date × product with a filter, over HTTP", "same SQL", 1.5),
    **_asked("month", "sum by month", 1.15),
    **_asked("extremes", "least and greatest price by country", 1.15),
    **_asked("top", "the ten customers with the most revenue", 1.15),
    **_asked("range", "sum by country, of half a year", 1.15),
    **_asked("share", "share of the country by city", 1.15),
    **_asked("before", "sum by month, with the month before", 1.15),
    **_asked("distinct", "different customers by country", 1.2),
    **_asked("join", "sum by the category of 100,000 products", 1.2),
    **_asked("cell", "the rows of one cell", 1.2),
    "reference": Row("a corrected list of 100,000 products at 10M orders", "INSERT OR REPLACE of it alone", 1.2),
    "reference-update": Row("the same", "UPDATE of orders that hold it", 0.3),
    "derived": Row("one file of 1M orders with two derived columns", "ours, without", 1.15),
    "ledger-start": Row("start with a ledger of 1M file versions", target=10.0),
    "ledger-file": Row("one new file beside 1M file versions", "ours, 1,000 versions", 1.1),
    "up-new": Row("`cubefeed up` on a new state → live cube", "`prefect server start`", 3.0, guard=None),
    "cli-help": Row("`cubefeed --help`, own CPU", target=0.3),
    "cli-query": Row("`cubefeed query`, own CPU", target=0.6),
    "page-1m": Row("commit → redrawn pivot in Chromium at 1M rows, median", target=0.15),
    "page-10m": Row("commit → redrawn pivot in Chromium at 10M rows, median", target=0.25),
    "scan-100k": Row("one look at 100,000 files", "os.scandir + stat"),
    "parse": Row("gate and parse of 1M rows as text", "pyarrow.csv"),
}


@dataclass
class Measured:
    """The values of one row.

    Args:
        row: its name in `ROWS`.
        ours, peer: the values of each run.
        sizes: how much was there.
        note: what a reader should know.
        missing: why there are no values.
    """

    row: str
    ours: list[float] = field(default_factory=list)
    peer: list[float] = field(default_factory=list)
    sizes: Sizes = field(default_factory=dict)
    note: str = ""
    missing: str = ""

    def result(self, *, whole: bool) -> dict[str, Any]:
        """The row of the result; targets are for the whole size."""
        row = ROWS[self.row]
        if self.missing:
            return {
                "name": self.row,
                **asdict(row),
                **dict.fromkeys(("ours", "peer_value", "ratio", "met")),
                "n": [0, 0],
                "sizes": {},
                "note": f"{NOT_MEASURED}{self.missing}",
            }
        ours, peer = median(self.ours), median(self.peer) if self.peer else None
        ratio = ours / peer if peer else None
        compared = ratio if row.peer else ours
        judged = whole and row.target is not None and compared is not None
        sides = ((row.peer, self.peer), ("ours", self.ours))
        once = [name for name, values in sides if len(values) == 1 and values[0] > LONG_S and row.unit == "s"]
        return {
            "name": self.row,
            **asdict(row),
            "ours": round(ours, 4),
            "peer_value": None if peer is None else round(peer, 4),
            "ratio": None if ratio is None else round(ratio, 4),
            "met": compared <= row.target if judged else None,  # type: ignore[operator]  # neither is None
            "n": [len(self.ours), len(self.peer)],
            "sizes": self.sizes,
            "note": "; ".join(filter(None, [self.note, f"one run of {' and '.join(once)}" if once else ""])),
        }
