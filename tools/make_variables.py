"""Refuses variables of a `make` command line that its goals do not take.

In: the goals, then `--`, then the names set on the command line. Out: a message on standard output
for each name that is not known; nothing when all are. The Makefile calls it before it runs a goal.

A goal takes the names that its line of help lists as `NAME=`, and the variables of the Makefile
that are assigned by `?=`. Standard library only: no environment exists yet.
"""

import difflib
import re
import sys
from collections.abc import Sequence
from pathlib import Path

MAKEFILE = Path(__file__).parents[1] / "Makefile"
_GOAL = re.compile(r"^([a-z-]+):[^#\n]*## (.*)$", re.MULTILINE)
_COMMON = re.compile(r"^(?:export )?([A-Z_]+) \?=", re.MULTILINE)


def problems(makefile: str, goals: Sequence[str], names: Sequence[str]) -> list[str]:
    """The problems of `names` for `goals`, one sentence per name. makefile: its text."""
    listed = {goal: re.findall(r"\b([A-Z]+)=", text) for goal, text in _GOAL.findall(makefile)}
    taken = [name for goal in goals for name in listed.get(goal, ())]
    common = _COMMON.findall(makefile)
    return [
        f"{name} is not a variable of `make {' '.join(goals)}`; {_hint(name, taken, common)}"
        for name in names
        if name not in taken and name not in common
    ]


def _hint(name: str, taken: Sequence[str], common: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, [*taken, *common], n=1)
    if near:
        return f"did you mean {near[0]}?"
    settings = "settings of the facade are environment variables: MAPPER_PORT=8081 make serve"
    return f"it accepts {', '.join(taken)}" if taken else f"it accepts none; {settings}"


if __name__ == "__main__":
    split = sys.argv.index("--")
    found = problems(MAKEFILE.read_text("utf-8"), sys.argv[1:split], sys.argv[split + 1 :])
    print("; ".join(found))
