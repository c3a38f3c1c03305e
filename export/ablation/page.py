"""`docs/ablation.md`: the comparison at an equal budget, and its results.

In: outcomes of runs, the families of the evaluated rows. Out: Markdown. Independent of the runs.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from export.ablation.text_model import Way, texts_of
from export.measures.metrics import bootstrap_interval

RANK, WHOLE = 16, 100
_SAMPLE = ("HARM.SPEECH.Insult",)
# The properties in which runs differ: the figure's heading, and the option of `make ablation`.
_AXES = {
    "share": ("Share of the data, %", "SHARES"),
    "rank": ("Rank of the LoRA", "RANKS"),
    "minutes": ("Minutes of training", "TIMES"),
}

_INTRO = """\
# Ablation

<!-- Written by `make ablation`; changes by hand are lost. -->

The effect of the way of answering, the data, the rank and the time. Every run starts from the
untouched base and has the same seed, LoRA, batch, schedule and examples: those of the first
training stage (`make train FOLD=meanings`), which contain no detector's vocabulary. So its figures
are below those of `docs/evaluation.md`, whose model is trained for longer and in two stages.

- **Budget.** Minutes of training, not steps: a way with slower steps makes fewer of them.
- **Measured on** the rows of the gate families, which are never trained on; their detector is sent
  as `custom-guard`. An answer is exact when its whole label set is the gold set. Intervals are 95 %
  bootstrap intervals that draw whole families.
- **Passes per answer**: forward passes without a draft. Tokens without an alternative are computed
  in the next pass, and those that end an answer need none, as in `engine/text/decoder.py`.
  Text is decoded greedily among the label sets of the label tokens, each in its tokenizer's own
  spelling. The engine's grammar lets a text combine and spell labels freely, which takes no fewer
  passes.
- **Loss**: cross-entropy over the answers with label smoothing, or over the tokens of the text
  without it, since decoding excludes the vocabulary's other tokens.
"""


@dataclass(frozen=True, slots=True)
class Run:
    """The options of a run. `share`: per cent of the items."""

    way: Way
    minutes: float
    rank: int = RANK
    share: int = WHOLE

    @property
    def name(self) -> str:
        """A file-safe name, unique per run."""
        return f"{self.way}-{self.minutes:g}min-rank{self.rank}-{self.share}pct"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a run. `right` and `passes` have one entry per evaluated row."""

    run: Run
    steps: int
    examples: int
    right: tuple[bool, ...]
    passes: tuple[int, ...]
    machine: str


def page(outcomes: Iterable[Outcome], families: Sequence[str]) -> str:
    """The whole page; `families` of the evaluated rows, in their order."""
    found = sorted(outcomes, key=lambda o: (list(Way).index(o.run.way), *asdict(o.run).values()))
    machines = dict.fromkeys(o.machine for o in found)
    sections = [
        _INTRO,
        f"{len(families)} rows of {len(set(families))} families.",
        *_ways(found, families),
        *(section for axis in _AXES for section in _curve(axis, found, families)),
        "Measured on\n\n" + "\n".join(f"- {machine}" for machine in machines),
    ]
    return "\n\n".join(section.strip() for section in sections) + "\n"


def _ways(outcomes: Sequence[Outcome], families: Sequence[str]) -> Iterator[str]:
    """A table for each budget under which the ways were compared."""
    budgets: defaultdict[float, list[Outcome]] = defaultdict(list)
    for o in outcomes:
        if (o.run.rank, o.run.share) == (RANK, WHOLE):
            budgets[o.run.minutes].append(o)
    for minutes, compared in sorted(budgets.items()):
        if len(compared) > 1:
            lines = [
                f"## How a label is written, {minutes:g} minutes\n\n{_command(minutes)}\n",
                f"| way | `{_SAMPLE[0]}` is | steps | examples | exact | passes per answer | most"
                " |",
                "|---|---|---|---|---|---|---|",
            ]
            lines += [
                f"| {o.run.way.replace('-', ' ')} | {_sample(o.run.way)} | {o.steps} | {o.examples}"
                f" | {_exact(o, families)} | {np.mean(o.passes):.2f} | {max(o.passes)} |"
                for o in compared
            ]
            yield "\n".join(lines)


def _sample(way: Way) -> str:
    return "one token" if way is Way.TOKEN else f"`{texts_of(way, [_SAMPLE])[_SAMPLE]}`"


def _curve(axis: str, outcomes: Sequence[Outcome], families: Sequence[str]) -> Iterator[str]:
    """A table for each group of label-token runs that differ in `axis` alone."""
    heading, option = _AXES[axis]
    groups: defaultdict[tuple[Any, ...], list[Outcome]] = defaultdict(list)
    for o in outcomes:
        if o.run.way is Way.TOKEN:
            rest = {key: value for key, value in asdict(o.run).items() if key != axis}
            groups[tuple(rest.values())].append(o)
    for group in groups.values():
        if len(group) < 2:
            continue
        run, values = group[0].run, [f"{getattr(o.run, axis):g}" for o in group]
        budget = None if axis == "minutes" else run.minutes
        chosen = f"{option}='{' '.join(values)}'"
        same = {"minutes": f"{run.minutes:g} minutes", "rank": f"rank {run.rank}"}
        same["share"] = f"{run.share} % of the data"
        lines = [
            f"## {heading}\n\n{_command(budget, chosen)}\n",
            f"Label tokens; {', '.join(text for key, text in same.items() if key != axis)}.\n",
            f"| {heading.lower()} | steps | examples | exact |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| {value} | {o.steps} | {o.examples} | {_exact(o, families)} |"
            for value, o in zip(values, group, strict=True)
        ]
        yield "\n".join(lines)


def _command(minutes: float | None, *options: str) -> str:
    given = [] if minutes is None else [f"MINUTES={minutes:g}"]
    command = " ".join(["make ablation", *given, *options])
    return f"<!-- not run: trains for minutes -->\n```sh\n{command}\n```"


def _exact(outcome: Outcome, families: Sequence[str]) -> str:
    right = np.array(outcome.right, dtype=np.float64)
    found = bootstrap_interval(lambda index: float(right[index].mean()), families)
    return f"{right.mean():.1%} [{found.low:.1%}, {found.high:.1%}]"
