"""The runbook: a section an alert, in the document's order of retreat; its commands run."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from bench.processes import free_ports
from client_api.settings import Settings
from schemas.policies import read_policies
from slo.capacity import main as capacity
from tests.slo.metric_names import asked_for, existing, recorded
from tests.slo.promtool import ROOT, RULES, promtool
from tests.support.serving import running_facade

pytestmark = pytest.mark.slow

PAGE = ROOT / "docs/runbook.md"
PARTS = ["Users", "See", "First actions", "Verify", "Escalate"]
RETREAT = [
    "1-rules-only",
    "2-model-rollback",
    "3-threshold-up",
    "4-scale-out",
    "5-shorter-sequences",
    "6-quantisation",
    "7-gpu-profile",
]


def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def priorities() -> dict[str, str]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    alerts = (rule for group in groups for rule in group["rules"] if "alert" in rule)
    return {rule["alert"]: rule["labels"]["priority"] for rule in alerts}


def sections() -> dict[str, str]:
    """Text by heading of the second level."""
    parts = re.split(r"^## (.+)$", page(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def blocks(language: str, text: str | None = None) -> list[str]:
    """Fenced blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", text or page(), re.DOTALL)


def commands(program: str) -> list[str]:
    lines = "".join(blocks("sh")).splitlines()
    return [line for line in lines if program in line.split()]


@pytest.mark.parametrize("alert", priorities())
def test_an_alert_has_its_section(alert: str) -> None:
    text = sections()[alert]
    assert re.findall(r"^\*\*(.+?):\*\*", text, re.MULTILINE) == PARTS
    steps = [RETREAT.index(anchor) for anchor in re.findall(r"^\d\. \[.+?\]\(#(.+?)\)", text, re.M)]
    assert steps
    assert steps == sorted(steps), "not in the document's order"
    assert blocks("promql", text)
    escalation = " ".join(text.rpartition("**Escalate:**")[2].split())
    assert escalation.startswith(priorities()[alert])
    graver = re.findall(r"`(Mapper\w+)`", escalation)
    assert all(priorities()[name] == "P1" for name in graver)


def test_there_is_no_section_for_what_does_not_alert() -> None:
    named = {name for name in sections() if name.startswith("Mapper")}
    assert named == set(priorities())


def test_the_ways_of_retreat_have_the_documents_order() -> None:
    found = [name for name in sections() if name[0].isdigit()]
    assert [re.sub(r"\W+", "-", name.lower()) for name in found] == RETREAT


@pytest.mark.prometheus
def test_the_queries_are_promql_about_what_exists(tmp_path: Path) -> None:
    capacity_page = (ROOT / "docs/capacity.md").read_text(encoding="utf-8")
    exprs = "".join([*blocks("promql"), *blocks("promql", capacity_page)]).splitlines()
    rules = [{"record": f"runbook:query:{i}", "expr": expr} for i, expr in enumerate(exprs)]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "runbook", "rules": rules}]}))
    # Several alerts are looked at with the same query: that is no lint here.
    result = promtool("check", "rules", "--lint=none", str(file))
    assert result.returncode == 0, result.stdout + result.stderr
    made = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    records = {rule["record"] for group in made for rule in group["rules"] if "record" in rule}
    for expr in exprs:
        assert asked_for(expr) <= existing(), expr
        assert recorded(expr) <= records, expr


@pytest.fixture(scope="module")
def facade(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real one, without a Triton: on the day the runbook is read there may be none."""
    port, nobody = free_ports(2)
    state = tmp_path_factory.mktemp("facade") / "mode.json"
    settings = Settings(port=port, triton_url=f"127.0.0.1:{nobody}", mode_state_file=state)
    with running_facade(settings) as url:
        yield url


@pytest.mark.parametrize("command", commands("curl"))
def test_a_curl_is_answered(command: str, facade: str) -> None:
    script = f"{command} -o /dev/null -w '%{{http_code}}'"
    result = subprocess.run(
        ["bash", "-ec", script],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "FACADE": facade, "KEY": "none"},
        text=True,
        capture_output=True,
        check=True,
    )
    # Without a model its health says 503, and that is the answer.
    assert result.stdout in ({"200", "503"} if "/health" in command else {"200"})


def test_the_kill_switch_is_thrown_and_taken_back(facade: str) -> None:
    thrown, taken_back = [c for c in commands("curl") if "PUT" in c]
    for command, mode in ((thrown, "rules_only"), (taken_back, "hybrid")):
        test_a_curl_is_answered(command, facade)
        assert httpx.get(f"{facade}/admin/mode").json() == {"mode": mode}


@pytest.mark.parametrize("command", commands("make"))
def test_a_make_target_exists(command: str) -> None:
    target = command.split()[command.split().index("make") + 1]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"no target {target}"


@pytest.mark.parametrize("command", commands("helm"))
def test_a_value_of_the_chart_exists(command: str) -> None:
    form = r"helm upgrade llama-mapper (\S+) --reuse-values --set ([\w.]+)=\w[\w.]*"
    [(chart, key)] = re.findall(f"^{form}$", command)
    values = yaml.safe_load((ROOT / chart / "values.yaml").read_text(encoding="utf-8"))
    *parents, last = key.split(".")
    for parent in parents:
        values = values[parent]
    # The policies' own keys are the policy file's, and are checked below.
    assert last in values or key == "policies.defaults.threshold"


def test_the_settings_named_are_read_by_someone() -> None:
    names = set(re.findall(r"\bMAPPER_[A-Z_]+\b", page()))
    sources = [
        *(ROOT / "client_api").rglob("*.py"),
        *(ROOT / "model_repository").glob("*/config.pbtxt"),
    ]
    text = " ".join(path.read_text(encoding="utf-8") for path in sources)
    for name in names:
        assert name.removeprefix("MAPPER_").lower() in text, name


def test_the_policy_file_is_one(tmp_path: Path) -> None:
    [text] = blocks("yaml")
    path = tmp_path / "policies.yaml"
    path.write_text(text, encoding="utf-8")
    policies = read_policies(path, str.casefold)
    assert (policies.threshold("presidio"), policies.threshold("openai-moderation")) == (0.8, 0.7)


def test_the_other_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """All of them are looked at by one of these tests."""
    [planned] = commands("slo.capacity")
    assert capacity(planned.split()[3:]) == 0
    assert "HPA" in capsys.readouterr().out
    known = ("curl", "make", "slo.capacity", "helm", "export")
    for line in "".join(blocks("sh")).splitlines():
        assert any(word in line.split() for word in known), line


def test_python_runs_the_commands_it_is_said_to() -> None:
    for module in ("slo.capacity", "slo.generate"):
        result = subprocess.run(
            [sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, check=False
        )
        assert result.returncode == 0
