"""The tables of a run, as text."""

from collections.abc import Iterable, Sequence

from bench.load.open_loop import Result
from bench.load.traffic import Kind
from bench.slo.judge import AlertSeen, Verdict
from bench.slo.load import Sent


def verdicts(found: Iterable[Verdict]) -> str:
    rows: list[tuple[str, ...]] = [
        ("objective", "limit", "at the end", "worst 5 minutes", "verdict")
    ]
    for one in found:
        word = "met" if one.met else "missed, informative" if one.informative else "BREACH"
        last, worst = (_value(value, one.unit) for value in (one.last, one.worst))
        rows.append((one.title, one.objective, last, worst, word))
    return _table(rows)


def alerts(found: Sequence[AlertSeen], begin: float) -> str:
    """begin: the zero of times, seconds since 1970."""
    if not found:
        return "no alert was pending or firing"
    rows: list[tuple[str, ...]] = [("alert", "of", "page", "pending after", "firing after")]
    for one in found:
        times = (_after(when, begin) for when in (one.pending, one.firing))
        rows.append((one.name, one.slo or "-", one.priority, *times))
    return _table(rows)


def client(sent: Sent, cpu_s: Sequence[float]) -> str:
    """The client's view of the load, for comparison; only refusals are judged.

    cpu_s: CPU seconds of the facade and of Triton.
    """
    mapped, storm = sent.traffic.without_garbage(), sent.storm.statuses()
    garbage = sent.traffic.only(Kind.GARBAGE)
    answers = ", ".join(
        f"{count} {source}{f' ({reason})' if reason else ''}"
        for (source, reason), count in mapped.answers().most_common()
    )
    facade, triton = (1000 * value / max(1, len(sent.traffic.seen)) for value in cpu_s)
    return "\n".join(
        (
            f"traffic   {_statuses(sent.traffic)}; single requests p50 / p95 / p99 "
            f"{' / '.join(f'{mapped.latency_ms(q):.0f}' for q in (0.5, 0.95, 0.99))} ms from the "
            f"due time (sent {sent.traffic.lag_ms(0.95):.0f} ms late at p95)",
            f"          {answers}: {100 * mapped.fallback_share():.1f} % fallback",
            f"garbage   {len(garbage.seen)} items, {100 * garbage.fallback_share():.0f} % fallback",
            f"storm     {storm[200]} answered, {storm[429]} refused with 429, "
            f"{sum(storm.values()) - storm[200] - storm[429]} other",
            f"bad       {sum(sent.bad.values())} requests, "
            f"{sum(n for (want, came), n in sent.bad.items() if want == came)} refused as expected",
            f"CPU       {facade:.1f} ms facade + {triton:.1f} ms Triton per item of the traffic",
        )
    )


def refusal_problems(sent: Sent) -> list[str]:
    """Bad requests without the expected refusal, and a storm without refusals."""
    wrong = [
        f"{count} bad requests got {came or 'no answer'} instead of {want}"
        for (want, came), count in sent.bad.items()
        if want != came
    ]
    statuses = sent.storm.statuses()
    if not statuses[429]:
        wrong.append("no request of the storm was refused with 429")
    if limited := sent.traffic.statuses()[429]:
        wrong.append(f"{limited} items of tenants within their limits were refused with 429")
    return wrong


def _statuses(result: Result) -> str:
    counts = sorted(result.statuses().items())
    return ", ".join(f"{count} items with {status or 'no answer'}" for status, count in counts)


def _value(value: float | None, unit: str) -> str:
    return "no data" if value is None else f"{value:.2f} {unit}"


def _after(when: float | None, begin: float) -> str:
    return "-" if when is None else f"{when - begin:.0f} s"


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
