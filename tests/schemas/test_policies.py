"""Settings by tenant and detector, their file, and the kill switch."""

from pathlib import Path

import pytest

from client_api.mapping.kill_switch import ModeSwitch, Switch
from fallback.rules.normalise import detector_key
from schemas.config.errors import ConfigError
from schemas.contract import Mode
from schemas.policies import PROFILES, PolicyFile

TEXT = """
mode: hybrid
defaults: {threshold: 0.6, budget_cap_ms: 1000}
detectors:
  openai-moderation: {threshold: 0.5}
  presidio: {threshold: 0.55, budget_cap_ms: 300}
tenants:
  acme:
    threshold: 0.7
    allowed_detectors: [OpenAI Moderation, presidio]
    detectors:
      Presidio: {threshold: 0}
  globex:
    budget_cap_ms: 100
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "policies.yaml"
    found.write_text(TEXT)
    return found


def policies(path: Path) -> PolicyFile:
    return PolicyFile(path, detector_key)


@pytest.mark.parametrize(
    ("detector", "tenant", "threshold"),
    [
        ("presidio", "acme", 0.0),
        ("PRESIDIO", "acme", 0.0),
        ("openai-moderation", "acme", 0.7),
        ("unheard-of", "acme", 0.7),
        ("openai_moderation", "globex", 0.5),
        ("OpenAI Moderation", None, 0.5),
        ("unheard-of", "globex", 0.6),
        ("unheard-of", "nobody", 0.6),
    ],
)
def test_who_stands_nearer_wins(
    path: Path, detector: str, tenant: str | None, threshold: float
) -> None:
    assert policies(path).current().threshold(detector, tenant) == threshold


@pytest.mark.parametrize(
    ("detector", "tenant", "requested", "budget"),
    [
        ("x", "acme", None, 240),
        ("x", "acme", 50, 50),
        ("x", "acme", 700, 700),
        ("x", "acme", 5000, 1000),
        ("presidio", "acme", 5000, 300),
        ("presidio", "globex", None, 100),
        ("x", "globex", 5000, 100),
    ],
)
def test_a_budget_is_raised_up_to_the_cap(
    path: Path, detector: str, tenant: str, requested: float | None, budget: float
) -> None:
    assert policies(path).current().budget_ms(detector, tenant, 240, requested) == budget


def test_without_a_file_nothing_is_set_and_no_budget_is_raised() -> None:
    none = PolicyFile(None, detector_key)
    assert none.current().threshold("x", "acme") is None
    assert none.current().mode is None
    assert none.current().allows("x", "acme")
    assert none.current().budget_ms("x", None, 240, 5000) == 240
    assert none.current().budget_ms("x", None, 240, 20) == 20
    assert none.problem is None


def test_only_allowed_detectors_pass_in_any_spelling(path: Path) -> None:
    found = policies(path).current()
    assert found.allows("openai-moderation", "acme")
    assert found.allows("PRESIDIO", "acme")
    assert not found.allows("gitleaks", "acme")
    assert found.allows("gitleaks", "globex")
    assert found.allows("gitleaks", None)


def test_allowed_by_default_holds_for_who_has_no_list(path: Path) -> None:
    path.write_text("defaults: {allowed_detectors: [a]}\ntenants:\n  t: {allowed_detectors: [b]}")
    found = policies(path).current()
    assert [found.allows("a", t) for t in (None, "other", "t")] == [True, True, False]


@pytest.mark.parametrize(("name", "threshold"), PROFILES.items())
def test_a_profile_is_a_threshold_by_name(path: Path, name: str, threshold: float) -> None:
    path.write_text(f"defaults: {{threshold: {name}}}\ndetectors: {{a: {{threshold: {name}}}}}")
    found = policies(path).current()
    assert found.threshold("a") == found.threshold("b") == threshold


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("tenant: {}", "tenant"),
        ("tenants: {acme: {treshold: 0.5}}", "tenants.acme.treshold"),
        ("tenants: {acme: {threshold: 1.5}}", "tenants.acme.threshold"),
        ("tenants: {acme: {threshold: high}}", "tenants.acme.threshold"),
        ("tenants: {acme: {threshold: true}}", "tenants.acme.threshold"),
        ("tenants: {acme: {threshold: .nan}}", "tenants.acme.threshold"),
        ("tenants: {acme: 3}", "tenants.acme"),
        ("tenants: [acme]", "tenants"),
        ("tenants: {1: {}}", "tenants.1"),
        ("defaults: {budget_cap_ms: 0}", "defaults.budget_cap_ms"),
        ("defaults: {detectors: {}}", "defaults.detectors"),
        ("defaults: {allowed_detectors: []}", "defaults.allowed_detectors"),
        ("defaults: {allowed_detectors: presidio}", "defaults.allowed_detectors"),
        ("detectors: {presidio: {}, Presidio: {}}", "detectors.Presidio"),
        ("detectors: {presidio: {allowed_detectors: [a]}}", "detectors.presidio.allowed_detectors"),
        ("mode: off", "mode"),
        ("mode: null", "mode"),
        ("a: [", "(file)"),
    ],
)
def test_a_bad_file_is_refused_by_key(path: Path, text: str, key: str) -> None:
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        policies(path)
    assert (error.value.path, error.value.key) == (path, key)


def test_a_bad_edit_keeps_the_last_good_version_and_says_so(path: Path) -> None:
    reports: list[ConfigError | None] = []
    file = PolicyFile(path, detector_key, reports.append)
    path.write_text("mode: rules")
    assert file.current().threshold("x") == 0.6
    assert file.problem is not None
    assert file.problem.key == "mode"
    path.unlink()
    assert file.current().threshold("x") == 0.6
    path.write_text("defaults: {threshold: 0.9}")
    assert file.current().threshold("x") == 0.9
    assert file.problem is None
    assert [report is None for report in reports] == [False, False, True]


def test_anyone_can_switch_the_model_off_and_only_undo_his_own(path: Path, tmp_path: Path) -> None:
    file = policies(path)
    switch = ModeSwitch(Mode.HYBRID, file, tmp_path / "mode.json")
    assert switch.current().mode is Mode.HYBRID
    assert switch.set(Mode.RULES_ONLY).asked_by == (Switch.ADMIN,)
    path.write_text("mode: rules_only")
    assert switch.current().asked_by == (Switch.FILE, Switch.ADMIN)
    assert switch.set(Mode.HYBRID).mode is Mode.RULES_ONLY
    path.write_text("{}")
    assert switch.current().mode is Mode.HYBRID
    assert ModeSwitch(Mode.RULES_ONLY, file, None).set(Mode.HYBRID).asked_by == (
        Switch.ENVIRONMENT,
    )


def test_the_administrators_word_survives_a_restart(path: Path, tmp_path: Path) -> None:
    state = tmp_path / "mode.json"
    ModeSwitch(Mode.HYBRID, policies(path), state).set(Mode.RULES_ONLY)
    again = ModeSwitch(Mode.HYBRID, policies(path), state)
    assert again.current().mode is Mode.RULES_ONLY
    again.set(Mode.HYBRID)
    assert ModeSwitch(Mode.HYBRID, policies(path), state).current().mode is Mode.HYBRID


def test_a_state_that_cannot_be_read_is_no_hybrid(path: Path, tmp_path: Path) -> None:
    state = tmp_path / "mode.json"
    state.write_text("{}")
    with pytest.raises(ConfigError):
        ModeSwitch(Mode.HYBRID, policies(path), state)
