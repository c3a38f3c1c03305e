"""A part of each metamorphic suite, the same one in every run; `make evaluate-reading` runs all."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from export.evaluation.metamorphic import vendors
from export.evaluation.metamorphic.cases import Seen
from export.evaluation.metamorphic.suite import Sample, first_failures, measure
from export.evaluation.metamorphic.suites import SUITES


@pytest.mark.parametrize("name", SUITES)
def test_a_changed_output_is_read_alike(name: str) -> None:
    suite = SUITES[name]
    result = measure(suite.variants(Sample(suite.every)))
    assert result.total >= 100
    assert result.share >= suite.floor, first_failures(result)
    assert len(result.cleared) <= suite.cleared, first_failures(result)


@given(
    choose=st.randoms(use_true_random=False), structure=st.sampled_from(list(vendors.STRUCTURES))
)
@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.large_base_example, HealthCheck.too_slow],
)
def test_an_unknown_vendor_is_read(choose: random.Random, structure: str) -> None:
    variant = vendors.vendor(choose, structure)
    seen = Seen(variant.detector, variant.output)
    assert variant.holds(seen), (variant.source, variant.output, seen.reading)
    assert not (variant.harmful and seen.cleared)
