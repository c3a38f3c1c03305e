"""No request without an answer, none wrong, none late, all counted once, whatever fails."""

from collections.abc import Iterator

import pytest

from bench.faults import cases
from bench.faults.cases import CASES, Case, Outcome
from bench.faults.deployment import Deployment

pytestmark = [pytest.mark.slow, pytest.mark.triton]

# Longer than the default, so that a busy machine is not taken for a late facade.
_BUDGET_MS = 600.0


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("faults"), _BUDGET_MS)
    deployment.start()
    yield deployment
    deployment.stop()


def assert_kept(outcome: Outcome) -> None:
    """What holds under every fault."""
    assert {one.status for one in outcome.seen} == {200}, [o.problem for o in outcome.seen]
    assert outcome.lost == 0
    assert outcome.wrong == 0
    assert outcome.counted == outcome.sent
    assert [one for one in outcome.seen if one.late] == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_request_is_answered_right_in_time_and_counted_once(
    case: Case, deployment: Deployment
) -> None:
    outcome = cases.run(case, deployment)

    assert_kept(outcome)
    assert outcome.health.startswith("200 ")
    reasons = {reason for _, reason in outcome.reasons()}
    assert reasons <= case.reasons | {""}
    assert case.shows is None or case.shows in reasons
    assert "planted" not in deployment.facade_log()


def test_a_facade_that_stood_still_answers_all_that_waited(deployment: Deployment) -> None:
    assert_kept(cases.facade_stops(deployment))


def test_sigterm_drops_nobody(deployment: Deployment) -> None:
    assert_kept(cases.facade_drains(deployment))


def test_clients_that_try_again_survive_a_facade_that_was_killed(deployment: Deployment) -> None:
    assert_kept(cases.facade_dies(deployment))
