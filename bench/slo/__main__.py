"""`python -m bench.slo`: a load against a running stack, judged by a real Prometheus.

Without `--fault` each objective of `schemas/slo.yaml` is judged by the contract's own query over
the five minutes that end with the load (and every other such window, when the load is longer), and
each query of the Grafana dashboard must return data. Exit status 1: something is in breach.

With `--fault` the stand-in model serves, the fault begins half a minute after the load, and exactly
its alerts must fire. `--lapse` shortens each rule's `for:` and the evaluation interval (10 by
default: ten minutes take one); 1 leaves the rules unchanged.
"""

import argparse
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import yaml

from bench.faults.deployment import stand_in_repository
from bench.load.open_loop import cpu_seconds, own_process
from bench.processes import ROOT, published_models
from bench.slo import judge, load, report
from bench.slo.faults import FAULTS, Fault
from bench.slo.prometheus import MissingPrometheusError, Prometheus, seconds, time_lapse
from bench.slo.stack import TENANTS, Stack
from client_api.triton.install import TritonError
from schemas.slo import Profile, load_slo

_FILES = ROOT / "helm" / "llama-mapper" / "files"
_RULES = {
    Profile.CPU: _FILES / "prometheus-rules.yaml",
    Profile.GPU: _FILES / "prometheus-rules-gpu.yaml",
}
#: Longer than the queries' five minutes: the first minute may warm up.
_DURATION_S = 360.0
_FAULT_AFTER_S = 30.0
_LAPSE = 10.0


def main() -> int:
    """Returns the exit status."""
    args = _parser().parse_args()
    fault = FAULTS[args.fault] if args.fault else None
    lapse = args.lapse or (_LAPSE if fault else 1.0)
    rules = _RULES[Profile(args.profile)].read_text(encoding="utf-8")
    duration = args.duration or (_fault_duration(rules, fault, lapse) if fault else _DURATION_S)
    try:
        with tempfile.TemporaryDirectory(prefix="slo-test-") as folder:
            return _run(args, fault, rules if lapse == 1 else time_lapse(rules, lapse), duration,
                        Path(folder))  # fmt: skip
    except (MissingPrometheusError, TritonError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _run(
    args: argparse.Namespace, fault: Fault | None, rules: str, duration: float, folder: Path
) -> int:
    limit = load.key_limit(args.rps, TENANTS)
    repository = stand_in_repository(folder / "models") if fault else published_models()
    with ExitStack() as exits:
        print("starting Triton, the facade and Prometheus", flush=True)
        # A fault affects each request: none is answered from a cache.
        settings = {"MAPPER_ITEM_CACHE_BYTES": "0", **fault.settings} if fault else {}
        stack = Stack(folder, repository, limit, settings)
        prometheus = Prometheus(folder, stack.targets, stack.scrape_key, rules)
        exits.enter_context(stack)
        exits.enter_context(prometheus)
        pool = exits.enter_context(own_process())
        plan = load.Plan(
            stack.url,
            args.seed,
            args.rps,
            duration,
            tuple(stack.tenant_keys),
            stack.storm_key,
            limit,
        )
        what = f"fault {fault.name} after {_FAULT_AFTER_S:.0f} s" if fault else "no fault"
        print(f"{args.rps:g} requests per second for {duration:.0f} s, {what}", flush=True)
        pool.submit(load.prepare).result()
        pids, begin = stack.pids(), time.time()
        before = [cpu_seconds([pid]) for pid in pids]
        sending = pool.submit(load.send, plan)
        if fault:
            threading.Timer(_FAULT_AFTER_S, fault.inject, (stack,)).start()
            return _judge_alerts(prometheus, fault, sending.result(), begin)
        sent = sending.result()
        used = [cpu_seconds([pid]) - b for pid, b in zip(pids, before, strict=True)]
        return _judge_objectives(prometheus, args, sent, used, begin)


def _judge_objectives(
    prometheus: Prometheus, args: argparse.Namespace, sent: load.Sent, used: list[float],
    begin: float,
) -> int:  # fmt: skip
    end, slo = time.time(), load_slo()
    verdicts = judge.objectives(prometheus, slo, slo.profiles[Profile(args.profile)], begin, end)
    print(f"\n{report.client(sent, used)}\n\n{report.verdicts(verdicts)}")
    print(f"\n{report.alerts(judge.alerts(prometheus, begin, end), begin)}")
    if end - begin < judge.WINDOW_S:
        print("\nthe load was shorter than the queries' window of five minutes")
    problems = [f"{one.title} is in breach" for one in verdicts if one.breach]
    problems += report.refusal_problems(sent)
    if args.check_dashboard:
        dead = judge.dead_panels(prometheus, _FILES / "dashboard.json", end)
        problems += [f"no data on the dashboard: {one}" for one in dead]
        print(f"\ndashboard: {len(dead)} queries without data")
    return _end(problems)


def _judge_alerts(prometheus: Prometheus, fault: Fault, sent: load.Sent, begin: float) -> int:
    struck = begin + _FAULT_AFTER_S
    seen = judge.alerts(prometheus, struck, time.time())
    print(f"\n{report.alerts(seen, struck)}\n(seconds from the fault)")
    print(f"must fire: {', '.join(sorted(fault.alerts))}")
    answers = ", ".join(f"{n} {s} ({r or 'no fallback'})" for (s, r), n in
                        sent.traffic.answers().most_common())  # fmt: skip
    print(f"answers: {answers}")
    return _end(judge.alert_problems(seen, fault))


def _end(problems: list[str]) -> int:
    print("\n" + ("\n".join(f"BREACH: {one}" for one in problems) or "no objective is in breach"))
    return 1 if problems else 0


def _fault_duration(rules: str, fault: Fault, lapse: float) -> float:
    """Seconds in which the alerts can fire, with a minute for windows and rule evaluation."""
    groups = yaml.safe_load(rules)["groups"]
    every = [rule for group in groups for rule in group["rules"]]
    holds = [seconds(r["for"]) for r in every if r.get("alert") in fault.alerts and "for" in r]
    return _FAULT_AFTER_S + max(holds) / lapse + 60.0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.slo",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rps", type=float, default=50.0, help="requests per second (50)")
    parser.add_argument("--duration", type=float, help="seconds (360; --fault: as needed)")
    parser.add_argument("--fault", choices=sorted(FAULTS), help="the fault")
    parser.add_argument("--lapse", type=float, help="divisor of alerts' times (1; --fault: 10)")
    parser.add_argument("--profile", choices=[p.value for p in Profile], default="cpu")
    parser.add_argument("--seed", type=int, default=1, help="of the traffic (1)")
    parser.add_argument("--check-dashboard", action=argparse.BooleanOptionalAction, default=True)
    return parser


if __name__ == "__main__":
    sys.exit(main())
