"""The service's state for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from spine_segmentation.pacs.intake import IntakeCounts
from spine_segmentation.pacs.snapshot import Snapshot

PREFIX = "spine_segmentation"


class ServiceCollector(Collector):
    """Computes all metrics when they are asked for.

    Args:
        take_snapshot: Reads the ledger.
        counts: What the receiver did.
        gauges: Further numbers by name, with a sentence each.
    """

    def __init__(
        self,
        take_snapshot: Callable[[], Snapshot],
        counts: IntakeCounts,
        gauges: dict[str, tuple[str, Callable[[], float]]],
    ) -> None:
        self._take_snapshot, self._counts, self._gauges = take_snapshot, counts, gauges

    def describe(self) -> list[Metric]:
        """Say nothing in advance: the ledger need not be read to register.

        Returns:
            An empty list.
        """
        return []

    def collect(self) -> Iterator[Metric]:
        """Compute every metric.

        Yields:
            The metrics: counts of objects, jobs and deliveries, then single numbers.
        """
        snapshot = self._take_snapshot()
        objects = CounterMetricFamily(f"{PREFIX}_objects", "Objects since the start, by outcome", labels=["outcome"])
        for outcome in ("stored", "duplicates", "conflicts", "refused"):
            objects.add_metric([outcome], getattr(self._counts, outcome))
        yield objects
        jobs = GaugeMetricFamily(f"{PREFIX}_jobs", "Jobs in the ledger, by state", labels=["state"])
        for state in ("READY", "RUNNING", "DONE", "SKIPPED", "FAILED", "SUPERSEDED"):
            jobs.add_metric([state], snapshot.jobs.get(state, 0))
        yield jobs
        deliveries = GaugeMetricFamily(
            f"{PREFIX}_deliveries", "Deliveries in the ledger", labels=["destination", "state"]
        )
        for labels, number in snapshot.deliveries.items():
            deliveries.add_metric(labels, number)
        yield deliveries
        yield from self._simple(snapshot)

    def _simple(self, snapshot: Snapshot) -> Iterator[Metric]:
        yield GaugeMetricFamily(f"{PREFIX}_series_receiving", "Series not complete yet", snapshot.receiving)
        yield GaugeMetricFamily(
            f"{PREFIX}_oldest_waiting_seconds", "Age of the oldest waiting job", snapshot.oldest_waiting_seconds
        )
        for name, (sentence, measure) in self._gauges.items():
            yield GaugeMetricFamily(f"{PREFIX}_{name}", sentence, measure())
