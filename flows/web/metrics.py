"""Figures for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from starlette.responses import Response

from flows.web.endpoint import Endpoint
from flows.web.parameters import IgnoredParameters

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_GAUGES = {
    "rows": ("Rows in the cube", "rows"),
    "bytes": ("Size of the files whose rows are in the cube", "size_bytes"),
    "stale_files": ("Files whose rows in the cube are older than the file", "stale"),
    "waiting_files": ("Files that wait", "waiting"),
    "lag_seconds": ("How long the file that has waited longest has been waiting", "lag_s"),
    "last_load_age_seconds": ("Time since the last load", "age_s"),
    "last_scan_age_seconds": ("Time since the landing directory was last listed", "scan_age_s"),
}
"""Metric → (what it is, the field of a dataset's status)."""


class Metrics:
    """One process's figures: gauges from the status when asked, histograms as things happen.

    Args:
        status: how everything stands.
        pages: how many pages are open.
        datasets: their names.
    """

    def __init__(self, status: Callable[[], dict[str, Any]], pages: Callable[[], int], datasets: Iterable[str]) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._commit = self._histogram("commit", "From checked rows to the cube")
        self._detection = self._histogram("detection", "From the last change of a file to the moment it is settled")
        for dataset in datasets:  # a figure that is not there yet looks like one that is lost
            self._commit.labels(dataset)
            self._detection.labels(dataset)
        self._registry.register(_StatusCollector(status, pages))

    def observe(self, dataset: str, *, commit_s: float, detection_s: Iterable[float]) -> None:
        """Count a commit and the files that it took in."""
        self._commit.labels(dataset).observe(commit_s)
        detection = self._detection.labels(dataset)
        for seconds in detection_s:
            detection.observe(max(seconds, 0.0))

    @property
    def endpoint(self) -> Endpoint[IgnoredParameters]:
        """Where Prometheus reads them."""
        return Endpoint(
            "/metrics",
            "Figures for Prometheus",
            IgnoredParameters,  # Prometheus may be told to send some
            lambda _: self._reply(),
            {"type": "string"},
            pool="health",
            media_type="text/plain",
        )

    def _reply(self) -> Response:
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)

    def _histogram(self, name: str, what: str) -> Histogram:
        return Histogram(f"cubefeed_{name}_seconds", what, ["dataset"], buckets=_SECONDS, registry=self._registry)


class _StatusCollector(Collector):
    def __init__(self, status: Callable[[], dict[str, Any]], pages: Callable[[], int]) -> None:
        self._status = status
        self._pages = pages

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("cubefeed_live_pages", "Pages that are open", value=self._pages())
        datasets = self._status()["datasets"]
        files = GaugeMetricFamily("cubefeed_files", "Files by the state of what they show", labels=["dataset", "state"])
        for name, facts in datasets.items():
            for state, count in facts["files"].items():
                files.add_metric([name, state], count)
        yield files
        for metric, (what, fact) in _GAUGES.items():
            gauge = GaugeMetricFamily(f"cubefeed_{metric}", what, labels=["dataset"])
            for name, facts in datasets.items():
                if facts.get(fact) is not None:
                    gauge.add_metric([name], facts[fact])
            yield gauge
