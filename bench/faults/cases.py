"""The faults: the injected failure, the load, and the allowed reasons in the answers."""

import json
import signal
import time
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace

from bench.faults.deployment import Deployment
from bench.faults.load import PlainClient, RetryingClient, Seen, run_load

RATE = 25.0
SECONDS = 4.0
_INJECT_AT_S = 0.5
_DAY_S = 86_400

Fault = Callable[[Deployment], None]
KILL, STOP, CONT, TERM = signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT, signal.SIGTERM


@dataclass(frozen=True, slots=True)
class Case:
    """One fault.

    inject: called half a second after the start of the load.
    reasons: the allowed fallback reasons besides answers of the model (which have none).
    shows: reasons of which at least one must occur, as a proof that the fault took effect.
    seconds: length of the load. once: the fault ends by itself.
    """

    name: str
    inject: Fault
    reasons: frozenset[str] = frozenset()
    shows: Set[str] = frozenset()
    rate: float = RATE
    seconds: float = SECONDS
    once: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """counted: the increase of `mapper_requests_total` in items; health: at the end of the load,
    with the fault still active; back_s: seconds from then, or from a fault that ends by itself,
    until the model answered requests again.
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
    """Let the stand-in fail in this way."""
    return lambda deployment: deployment.tell(**fault)


def hit(sig: signal.Signals, target: str) -> Fault:
    """A signal to a process of `Deployment.send`."""
    return lambda deployment: deployment.send(sig, to=target)


def slow_start(deployment: Deployment) -> None:
    deployment.tell(start_s=4)
    deployment.send(KILL, to="triton")


def clock_jumps(deployment: Deployment) -> None:
    """Set the clock a day ahead, and then a day back."""
    for clock_s in (_DAY_S, -_DAY_S):
        deployment.tell(clock_s=clock_s)
        time.sleep(_INJECT_AT_S)


LOST = frozenset({"model_error", "timeout", "overloaded"})
#: Reasons after the end of a process; the load of the machine decides which one comes first.
GONE = frozenset({"model_error", "timeout"})
WRONG_LABEL = '{"taxonomy":["HARM.Invented"]}'

#: The facade survives these.
CASES = (
    Case("none", lambda deployment: None, LOST),
    Case("model: a pass takes 2 s", tell(delay_s=2), LOST, {"timeout"}),
    Case("model: writes no JSON", tell(text="{cut"), LOST | {"invalid_json"}, {"invalid_json"}),
    Case("model: invents a label", tell(text=WRONG_LABEL), LOST | {"unknown_label"},
         {"unknown_label"}),
    Case("model: returns nonsense", tell(nonsense=True), LOST, {"model_error"}),
    Case("model: raises", tell(**{"raise": True}), LOST, {"model_error"}),
    Case("model: exits at every batch", tell(exit=True), LOST, GONE),
    Case("more requests than the model can answer", tell(delay_s=0.5), LOST, {"overloaded"},
         rate=40.0),
    Case("ten times the model's rate, for two minutes", tell(delay_s=0.6), LOST,
         {"overloaded"}, rate=100.0, seconds=120.0),
    Case("signal_reader: SIGSTOP", hit(STOP, "reader"), LOST, {"timeout"}),
    Case("stub: kill -9", hit(KILL, "stub"), LOST, once=True),
    Case("stub: SIGSTOP", hit(STOP, "stub"), LOST, {"timeout"}),
    Case("mapping_guard: SIGSTOP", hit(STOP, "guard"), LOST, {"timeout"}),
    Case("Triton's front: SIGSTOP", hit(STOP, "front"), LOST),
    Case("Triton: kill -9", hit(KILL, "triton"), LOST, GONE, once=True),
    Case("Triton: SIGSTOP", hit(STOP, "triton"), LOST, {"timeout"}),
    Case("Triton: kill -9, starts slowly", slow_start, LOST, GONE),
    Case("Redis: kill -9", lambda deployment: deployment.redis.kill(), LOST),
    Case("Redis: SIGSTOP", lambda deployment: deployment.redis.freeze(), LOST),
    Case("disk full", lambda deployment: deployment.disk.fill(), LOST),
    Case("clock: a day ahead, then back", clock_jumps, LOST),
    Case("version: its files replaced", Deployment.replace_version, LOST),
    Case("policies: replaced by nonsense", Deployment.damage_policies, LOST),
)  # fmt: skip

#: With the published model, which loads slowly.
PUBLISHED_CASES = (
    Case("published model, stub: kill -9", hit(KILL, "stub"), LOST, once=True),
    Case("published model, Triton: kill -9", hit(KILL, "triton"), LOST, GONE, once=True),
)


def run(case: Case, deployment: Deployment, seconds: float | None = None) -> Outcome:
    """Load, fault and recovery. seconds: length of the load; default: the case's."""
    deployment.settle()
    before = deployment.metric("mapper_requests_total")
    injected: list[float] = []

    def inject() -> None:
        injected.append(time.monotonic())
        case.inject(deployment)

    seen = run_load(
        lambda: PlainClient(deployment.url),
        rate=case.rate,
        seconds=seconds or case.seconds,
        budget_s=deployment.budget_s,
        batches=True,
        meanwhile=[(_INJECT_AT_S, inject)],
    )
    counted = int(deployment.metric("mapper_requests_total") - before)
    health = deployment.health()
    ended, back = time.monotonic(), deployment.model_answers()
    deployment.restore()
    deployment.wait_for_model()
    now = time.monotonic()
    if case.once:
        back_s = (_last_without_model(seen, injected[0]) if back else now) - injected[0]
    else:
        back_s = now - ended
    return Outcome(case.name, seen, counted, health, back_s)


def _load(deployment: Deployment, *meanwhile: tuple[float, Callable[[], None]]) -> Sequence[Seen]:
    """The usual load. meanwhile: actions by their time in seconds."""
    return run_load(
        lambda: PlainClient(deployment.url),
        rate=RATE,
        seconds=SECONDS,
        budget_s=deployment.budget_s,
        batches=True,
        meanwhile=meanwhile,
    )


def _last_without_model(seen: Sequence[Seen], since: float) -> float:
    """The time of the last answer by the rules in the model's place."""
    times = (one.due + one.took_s for one in seen if any(a.reason for a in one.answers))
    return max(times, default=since)


def facade_drains(deployment: Deployment) -> Outcome:
    """SIGTERM under load. Requests refused after the port was closed are left out."""
    deployment.settle()
    deployment.tell(delay_s=0.05)
    log = len(deployment.facade_log())
    seen = _load(deployment, (_INJECT_AT_S, lambda: deployment.send(TERM, to="facade")))
    assert deployment.wait() == 0
    taken = [one for one in seen if one.problem != "ConnectError"]
    # Its metrics are lost; its log has a line per answered request.
    answered = _answered(deployment.facade_log()[log:])
    ended = time.monotonic()
    deployment.start()
    deployment.wait_for_model()
    return Outcome("facade: SIGTERM", taken, answered, "", time.monotonic() - ended)


def facade_dies(deployment: Deployment) -> Outcome:
    """kill -9 under load, and a new start, as by an orchestrator."""
    deployment.settle()
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
    # The counts of the old process are lost. It answered every request whose last attempt began
    # before the kill; the others were sent again.
    before = sum(one.due + one.excused_s < killed[0] for one in seen)
    counted = before + int(deployment.metric("mapper_requests_total"))
    health = deployment.health()
    ended = time.monotonic()
    deployment.wait_for_model()
    back_s = time.monotonic() - ended
    return Outcome("facade: kill -9, started again", seen, counted, health, back_s)


def facade_stops(deployment: Deployment, for_s: float = 1.0) -> Outcome:
    """SIGSTOP: no answer is possible meanwhile, so its duration is not a delay of the facade."""
    deployment.settle()
    before = deployment.metric("mapper_requests_total")
    seen = _load(
        deployment,
        (_INJECT_AT_S, lambda: deployment.send(STOP, to="facade")),
        (_INJECT_AT_S + for_s, lambda: deployment.send(CONT, to="facade")),
    )
    counted = int(deployment.metric("mapper_requests_total") - before)
    seen = [replace(one, excused_s=one.excused_s + for_s) for one in seen]
    health = deployment.health()
    ended = time.monotonic()
    deployment.wait_for_model()
    back_s = time.monotonic() - ended
    return Outcome(f"facade: SIGSTOP for {for_s:.0f} s", seen, counted, health, back_s)


def _answered(log: str) -> int:
    """Items that the access log has with status 200."""
    count = 0
    for line in log.splitlines():
        if not line.startswith("{"):  # a line of another library
            continue
        facts = json.loads(line)
        if (
            facts["event"] == "request"
            and facts["status"] == 200
            and facts["route"] in ("/map", "/map/batch")
        ):
            count += facts.get("items", 1)
    return count


#: Faults of the facade itself, by name.
FACADE_CASES: tuple[tuple[str, Callable[[Deployment], Outcome]], ...] = (
    ("facade: SIGSTOP", facade_stops),
    ("facade: SIGTERM", facade_drains),
    ("facade: kill -9", facade_dies),
)
