"""Which names of detectors get series of their own."""

from random import Random

import pytest

from pipeline.detector_series import DEFAULT_MOST, LEAST_ITEMS, OTHER, VARIABLE, DetectorSeries
from pipeline.tenants import TenantPipelines

KNOWN = TenantPipelines().name


def sent(series: DetectorSeries, name: str, times: int) -> str:
    """Where the last of some items counts."""
    return [series.count(name) for _ in range(times)][-1]


def test_a_detector_with_a_file_has_its_files_name() -> None:
    series = DetectorSeries(KNOWN)
    assert series.count("Open AI_Moderation") == series.of("openai-moderation")
    assert series.of("openai-moderation") == "openai-moderation"


def test_a_name_without_a_file_is_told_apart_once_it_is_frequent() -> None:
    series = DetectorSeries(KNOWN)
    assert sent(series, "acme-guard", LEAST_ITEMS - 1) == OTHER
    assert series.of("acme-guard") == OTHER
    assert series.count("Acme Guard") == "acmeguard"
    assert series.of("ACME_GUARD") == "acmeguard"


def test_every_process_gives_a_detector_the_same_name() -> None:
    spellings = ["acme-guard", "Acme Guard", "acmeGuard", "ACME_GUARD"]
    found = {sent(DetectorSeries(KNOWN), name, LEAST_ITEMS) for name in spellings}
    assert found == {"acmeguard"}


@pytest.mark.parametrize(
    "name", ["mia@example.org", "user 4917012345678", "x" * 81, "!!!", "Other", "https://a.b"]
)
def test_what_is_no_name_is_never_shown(name: str) -> None:
    assert sent(DetectorSeries(KNOWN), name, 3 * LEAST_ITEMS) == OTHER


def test_a_flood_of_names_get_no_series_and_do_not_hide_a_frequent_one() -> None:
    series, draw = DetectorSeries(KNOWN), Random(1)
    found = set()
    for n in range(100_000):
        found.add(series.count("real-guard" if draw.random() < 0.02 else f"name x{n:x}"))
    assert found == {OTHER, "realguard"}
    assert len(series._counts) <= 1000


def test_so_many_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    series = DetectorSeries(KNOWN)
    names = [f"guard {chr(97 + n)}" for n in range(DEFAULT_MOST + 5)]
    found = [sent(series, name, LEAST_ITEMS) for name in names]
    assert len({name for name in found if name != OTHER}) == DEFAULT_MOST
    assert sent(series, names[-1], 10 * LEAST_ITEMS) == OTHER
    monkeypatch.setenv(VARIABLE, "0")
    assert sent(DetectorSeries.from_environment(KNOWN), "acme-guard", LEAST_ITEMS) == OTHER
