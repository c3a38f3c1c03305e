"""The faults: what is done to whom, under which load, and what the answers may say then."""

import json
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bench.faults.deployment import Deployment
from bench.faults.load import PlainClient, RetryingClient, Seen, run_load

RATE = 25.0
SECONDS = 4.0
_INJECT_AT_S = 0.5

Fault = Callable[[Deployment], None]
KILL, STOP, CONT, TERM = signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT, signal.SIGTERM


@dataclass(frozen=True, slots=True)
class Case:
    """One fault.

    inject: done half a second into the load.
    reasons: what answers may say beside the model's own (which has none).
    shows: the reason that at least one answer gives, so that the fault was one; None for none.
    """

    name: str
    inject: Fault
    reasons: frozenset[str] = frozenset()
    shows: str | None = None
    rate: float = RATE


@dataclass(frozen=True, slots=True)
class Outcome:
    """counted: how many items `mapper_requests_total` grew by; health: at the end of the load,
    with the fault still on; back_s: from then until the model answered requests again.
    """

    case: str
    seen: Sequence[Seen]
    counted: int
    health: str
    back_s: float

    @property
    def sent(self) -> int:
        return sum(one.items for one in self.seen)

    @property
    def lost(self) -> int:
        """Items without an answer."""
        return self.sent - sum(len(one.answers) for one in self.seen)

    @property
    def wrong(self) -> int:
        return sum(not answer.right for one in self.seen for answer in one.answers)

    @property
    def late(self) -> int:
        return sum(one.late for one in self.seen)

    def reasons(self) -> dict[tuple[str, str], int]:
        """(source, reason) -> answers."""
        found: dict[tuple[str, str], int] = {}
        for answer in (a for one in self.seen for a in one.answers):
            key = (answer.source, answer.reason)
            found[key] = found.get(key, 0) + 1
        return found


def tell(**fault: object) -> Fault:
    """The stand-in fails in this way."""
    return lambda deployment: deployment.tell(**fault)


def hit(sig: signal.Signals, target: str) -> Fault:
    """A signal to the facade, to Triton or to the model's stub."""
    return lambda deployment: deployment.send(sig, to=target)


def slow_start(deployment: Deployment) -> None:
    deployment.tell(start_s=4)
    deployment.send(KILL, to="triton")


LOST = frozenset({"model_error", "timeout", "overloaded"})
WRONG_LABEL = '{"taxonomy":["HARM.Invented"]}'

#: The facade survives these.
CASES = (
    Case("none", lambda deployment: None, LOST),
    Case("model: a pass takes 2 s", tell(delay_s=2), LOST, "timeout"),
    Case("model: writes no JSON", tell(text="{cut"), LOST | {"invalid_json"}, "invalid_json"),
    Case("model: invents a label", tell(text=WRONG_LABEL), LOST | {"unknown_label"},
         "unknown_label"),
    Case("model: hands on nonsense", tell(nonsense=True), LOST, "model_error"),
    Case("model: raises", tell(**{"raise": True}), LOST, "model_error"),
    Case("model: exits at every batch", tell(exit=True), LOST, "model_error"),
    Case("more requests than the model can do", tell(delay_s=0.12), LOST, "overloaded", rate=40.0),
    Case("stub: kill -9", hit(KILL, "stub"), LOST),
    Case("stub: SIGSTOP", hit(STOP, "stub"), LOST, "timeout"),
    Case("Triton: kill -9", hit(KILL, "triton"), LOST, "model_error"),
    Case("Triton: SIGSTOP", hit(STOP, "triton"), LOST, "timeout"),
    Case("Triton: kill -9, starts slowly", slow_start, LOST, "model_error"),
)  # fmt: skip


def run(case: Case, deployment: Deployment) -> Outcome:
    """Load, fault, and back to normal."""
    deployment.wait_for_model()
    before = deployment.metric("mapper_requests_total")
    seen = run_load(
        lambda: PlainClient(deployment.url),
        rate=case.rate,
        seconds=SECONDS,
        budget_s=deployment.budget_s,
        batches=True,
        meanwhile=[(_INJECT_AT_S, lambda: case.inject(deployment))],
    )
    counted = int(deployment.metric("mapper_requests_total") - before)
    health = deployment.health()
    ended = time.monotonic()
    deployment.tell()
    deployment.wait_for_model()
    return Outcome(case.name, seen, counted, health, time.monotonic() - ended)


def facade_drains(deployment: Deployment) -> Outcome:
    """SIGTERM under load. Requests that the closed door refused are not among the seen."""
    deployment.wait_for_model()
    deployment.tell(delay_s=0.05)
    log = len(deployment.facade_log())
    seen = run_load(
        lambda: PlainClient(deployment.url),
        rate=RATE,
        seconds=SECONDS,
        budget_s=deployment.budget_s,
        batches=True,
        meanwhile=[(_INJECT_AT_S, lambda: deployment.send(TERM, to="facade"))],
    )
    assert deployment.wait() == 0
    taken = [one for one in seen if one.problem != "ConnectError"]
    # Its metrics went with it; every request that it answered is a line in its log.
    answered = _answered(deployment.facade_log()[log:])
    ended = time.monotonic()
    deployment.start()
    deployment.wait_for_model()
    return Outcome("facade: SIGTERM", taken, answered, "", time.monotonic() - ended)


def facade_dies(deployment: Deployment) -> Outcome:
    """kill -9 under load, and something starts it again, as an orchestrator does."""
    deployment.wait_for_model()
    killed: list[float] = []

    def kill() -> None:
        killed.append(time.monotonic())
        deployment.send(KILL, to="facade")
        deployment.wait()
        deployment.start()

    seen = run_load(
        lambda: RetryingClient(deployment.url),
        rate=RATE,
        seconds=SECONDS,
        budget_s=deployment.budget_s,
        batches=False,
        meanwhile=[(_INJECT_AT_S, kill)],
    )
    # The count of the old process is lost with it. It answered every request whose last attempt
    # began before it was killed; the others were sent again.
    before = sum(one.due + one.excused_s < killed[0] for one in seen)
    counted = before + int(deployment.metric("mapper_requests_total"))
    health = deployment.health()
    ended = time.monotonic()
    deployment.wait_for_model()
    back_s = time.monotonic() - ended
    return Outcome("facade: kill -9, started again", seen, counted, health, back_s)


def facade_stops(deployment: Deployment, for_s: float = 1.0) -> Outcome:
    """SIGSTOP: no answer can come meanwhile, so its length is no delay of the facade's."""
    deployment.wait_for_model()
    before = deployment.metric("mapper_requests_total")
    seen = run_load(
        lambda: PlainClient(deployment.url),
        rate=RATE,
        seconds=SECONDS,
        budget_s=deployment.budget_s,
        batches=True,
        meanwhile=[
            (_INJECT_AT_S, lambda: deployment.send(STOP, to="facade")),
            (_INJECT_AT_S + for_s, lambda: deployment.send(CONT, to="facade")),
        ],
    )
    counted = int(deployment.metric("mapper_requests_total") - before)
    seen = [replace(one, excused_s=one.excused_s + for_s) for one in seen]
    health = deployment.health()
    ended = time.monotonic()
    deployment.wait_for_model()
    back_s = time.monotonic() - ended
    return Outcome(f"facade: SIGSTOP for {for_s:.0f} s", seen, counted, health, back_s)


def _answered(log: str) -> int:
    """Items that the access log says were answered with 200."""
    count = 0
    for line in log.splitlines():
        if '"event": "request"' not in line:
            continue
        facts = json.loads(line)
        if facts["status"] == 200 and facts["route"] in ("/map", "/map/batch"):
            count += facts.get("items", 1)
    return count
