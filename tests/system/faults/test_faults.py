"""No request without an answer, none wrong, all counted once, whatever fails.

How many answers are late is a figure of `make faults`: other work on the machine makes them late.
"""

from collections.abc import Callable, Iterator

import pytest

from bench.faults.cases import CASES, FACADE_CASES, SECONDS, Case, Outcome, run
from bench.faults.deployment import Deployment

pytestmark = [pytest.mark.slow, pytest.mark.triton]

# Longer than the default, so that the model answers on a busy machine too.
_BUDGET_MS = 600.0


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("faults"), _BUDGET_MS)
    try:
        deployment.start()
        yield deployment
    finally:
        deployment.stop()


def assert_kept(outcome: Outcome) -> None:
    """What holds under every fault."""
    assert {one.status for one in outcome.seen} == {200}, [o.problem for o in outcome.seen]
    assert outcome.lost == 0
    assert outcome.wrong == 0
    assert outcome.counted == outcome.sent


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_request_is_answered_right_and_counted_once(
    case: Case, deployment: Deployment
) -> None:
    outcome = run(case, deployment, min(case.seconds, SECONDS))

    assert_kept(outcome)
    assert outcome.health.startswith("200 ")
    reasons = {reason for _, reason in outcome.reasons()}
    assert reasons <= case.reasons | {""}
    assert not case.shows or case.shows & reasons
    assert "planted" not in deployment.facade_log()


@pytest.mark.parametrize(("name", "fault"), FACADE_CASES, ids=[name for name, _ in FACADE_CASES])
def test_what_happens_to_the_facade_itself_loses_nobody(
    name: str, fault: Callable[[Deployment], Outcome], deployment: Deployment
) -> None:
    assert_kept(fault(deployment))
