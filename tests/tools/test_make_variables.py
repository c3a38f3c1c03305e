"""What `make` says of a variable that its goal does not take."""

import re
import subprocess

import pytest

from bench.processes import ROOT
from tools.make_variables import MAKEFILE, problems


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "-n", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("serve", "PROT=1"), "PROT is not a variable of `make serve`; it accepts none"),
        (("export-model", "QAUNT=int8"), "did you mean QUANT?"),
        (("bench", "VERSION=2"), "it accepts ONLY, QUICK"),
        (("help", "MODEL=a b=c"), "MODEL is not a variable of `make help`"),
    ],
)
def test_a_variable_of_no_goal_is_refused(arguments: tuple[str, ...], said: str) -> None:
    done = make(*arguments)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_variable_of_the_goal_or_of_every_goal_is_taken() -> None:
    assert make("help", "PYTHON=python3").returncode == 0
    text = MAKEFILE.read_text("utf-8")
    assert problems(text, ["export-model"], ["MODEL", "QUANT", "PYTHON"]) == []
    assert problems(text, ["lint", "slo-test"], ["RPS"]) == []


def test_the_help_of_a_goal_lists_what_its_recipe_reads() -> None:
    text = MAKEFILE.read_text("utf-8")
    goals = re.findall(r"^([a-z-]+):[^\n]*## [^\n]*\n((?:\t[^\n]*\n)+)", text, re.MULTILINE)
    assert len(goals) > 15
    for goal, recipe in goals:
        read = re.findall(r"\$\(if \$\(([A-Z]+)\)|\$\((VERSION)\)$", recipe, re.MULTILINE)
        assert problems(text, [goal], [name for pair in read for name in pair if name]) == []
