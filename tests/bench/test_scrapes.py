"""What a caller notices of scrapes, measured on a facade in a process of its own; no figures."""

import pytest

from bench.load import scrapes
from fallback.rules.catalog import load_detectors


@pytest.mark.heavy
def test_scrapes_are_measured_with_all_series() -> None:
    found = scrapes.measure(quick=True)

    assert found.series > 20 * len(list(load_detectors()))
    assert min(found.without.count, found.scraped.count) > 0
    assert 0 < found.scraped.p50 <= found.scraped.p99 <= found.scraped.p999
    assert f"{found.series} series" in scrapes.render(found)
