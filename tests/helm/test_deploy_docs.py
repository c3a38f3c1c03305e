"""The documents name values, tests and files that there are."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helm.charts import ROOT, Values, chart, merge, render

pytestmark = pytest.mark.slow

DOCS = ROOT / "docs"
PAGES = [p for p in (DOCS / "deploy.md", DOCS / "runbook.md") if p.exists()]
DEPLOY = (DOCS / "deploy.md").read_text(encoding="utf-8")
VALUES = chart().values


def value(path: str) -> Any:
    """What the chart has there. Raises KeyError when it has nothing."""
    found: Any = VALUES
    for key in path.split("."):
        found = found[key]
    return found


def settings(page: Path) -> list[str]:
    """Every `--set` of a page, a command's own together."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip().startswith("helm ")]
    return [line for line in lines if "--set" in line]


COMMANDS = [line for page in PAGES for line in settings(page)]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_of_the_documents_render(command: str) -> None:
    assert "helm/llama-mapper" in command
    layers: list[Values] = [
        yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))
        for file in re.findall(r"-f (\S+)", command)
    ]
    for path, text in re.findall(r"--set ([\w.]+)=(\S+)", command):
        *parents, last = path.split(".")
        layer: Values = {last: yaml.safe_load(text)}
        for key in reversed(parents):
            layer = {key: layer}
        layers.append(layer)
    assert render(merge(*layers))


def rows() -> list[list[str]]:
    table = DEPLOY.partition("## The service level document, point by point")[2]
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in table.splitlines() if line]
    return [row for row in cells if len(row) == 3][2:]


def test_every_point_has_a_value_and_a_test() -> None:
    assert len(rows()) >= 13
    for point, values, test in rows():
        names = [n for n in re.findall(r"`([^`]+)`", values) if "." in n or n in VALUES]
        assert names, point
        for name in names:
            if name.endswith(".yaml"):
                assert (ROOT / "helm/llama-mapper" / name).exists()
            else:
                value(name)
        module, function = test.strip("`").split("::")
        source = (Path(__file__).parent / f"{module}.py").read_text(encoding="utf-8")
        assert f"def {function}(" in source, point
