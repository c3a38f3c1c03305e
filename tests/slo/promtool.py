"""Runs Prometheus' own `promtool` on the rules that the chart ships.

Not a fixture's business to skip: without promtool nothing here is known, so it fails.
"""

import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent.parent
RULES = ROOT / "helm/llama-mapper/files/prometheus-rules.yaml"
GPU_RULES = ROOT / "helm/llama-mapper/files/prometheus-rules-gpu.yaml"

MINUTE, HOUR = 60, 3600


@dataclass(frozen=True)
class Expectation:
    """`expr` has these values, in any order, `at_s` seconds after the start; NaN-free."""

    at_s: int
    expr: str
    values: tuple[float, ...]


def firing(at_s: int, expected: int, alert: str, **labels: str) -> Expectation:
    """How many alerts of the name and labels fire."""
    chosen = {"alertname": alert, "alertstate": "firing"} | labels
    selector = ", ".join(f'{name}="{value}"' for name, value in chosen.items())
    return Expectation(at_s, f"count(ALERTS{{{selector}}}) or vector(0)", (expected,))


@dataclass
class Replay:
    """Series given to the rules as time passes; `check` asks promtool.

    groups: the rule groups to evaluate; all of the file when empty.
    """

    rules: Path = RULES
    groups: Sequence[str] = ()
    scrape_s: int = 60
    evaluate_s: int = 60
    series: Mapping[str, str] = field(default_factory=dict)

    def check(self, folder: Path, expectations: Iterable[Expectation]) -> None:
        """Fails with promtool's words on any expectation that does not hold."""
        rules = yaml.safe_load(self.rules.read_text(encoding="utf-8"))["groups"]
        chosen = [g for g in rules if not self.groups or g["name"] in self.groups]
        assert len(chosen) == len(self.groups or rules), "no such rule group"
        (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": chosen}), encoding="utf-8")
        test = {
            "rule_files": ["rules.yaml"],
            "evaluation_interval": f"{self.evaluate_s}s",
            # Promtool would evaluate them in any order.
            "group_eval_order": [group["name"] for group in chosen],
            "tests": [
                {
                    "interval": f"{self.scrape_s}s",
                    "input_series": [
                        {"series": name, "values": values} for name, values in self.series.items()
                    ],
                    "promql_expr_test": [_test(each) for each in expectations],
                }
            ],
        }
        (folder / "test.yaml").write_text(yaml.safe_dump(test), encoding="utf-8")
        result = promtool("test", "rules", str(folder / "test.yaml"))
        assert result.returncode == 0, result.stdout + result.stderr


def promtool(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Runs it; fails the test where it is missing."""
    found = shutil.which("promtool")
    if found is None:
        pytest.fail("promtool is missing: `apt-get install prometheus` has it", pytrace=False)
    return subprocess.run(
        [found, *arguments], input=stdin, text=True, capture_output=True, check=False
    )


def _test(expected: Expectation) -> dict[str, Any]:
    samples = [{"labels": "{}", "value": value} for value in expected.values]
    return {"expr": expected.expr, "eval_time": f"{expected.at_s}s", "exp_samples": samples}
