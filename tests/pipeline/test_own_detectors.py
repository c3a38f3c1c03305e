"""An operator's detector files: over the project's, for all tenants or for some, changed live."""

from pathlib import Path

import pytest

from pipeline.steps import load_pipeline
from pipeline.tenants import TenantPipelines
from schemas.config.errors import ConfigError

ACME = """
detector: acme-guard
aliases: [acme]
maps:
  bad vibes: HARM.SPEECH.Toxicity
  K7: HARM.VIOLENCE.Other
legend: {K7: threats against staff}
threshold: 0.8
"""


def labels(
    pipelines: TenantPipelines, detector: str, output: str, tenant: str | None = None
) -> str:
    pipeline = pipelines.of(tenant)
    decision = pipeline.decide(pipeline.read(detector, output))
    taxonomy = decision.event["taxonomy"]
    assert isinstance(taxonomy, list)
    return "+".join(taxonomy)


def test_a_new_detector_is_known_by_all_its_names(tmp_path: Path) -> None:
    (tmp_path / "any-name.yaml").write_text(ACME)
    pipelines = TenantPipelines([tmp_path])
    for name in ("acme-guard", "ACME Guard", "acme"):
        assert labels(pipelines, name, "bad vibes") == "HARM.SPEECH.Toxicity"
    assert labels(pipelines, "acme-guard", '{"bad vibes": 0.7}') == "OTHER.Safe"
    assert labels(pipelines, "acme-guard", '{"bad vibes": 0.9}') == "HARM.SPEECH.Toxicity"
    # Its words mean nothing elsewhere.
    assert labels(pipelines, "another-guard", "bad vibes") == "OTHER.Unknown"


def test_a_file_of_a_known_detector_adds_and_corrects_entries(tmp_path: Path) -> None:
    known = load_pipeline().rules.detectors["openai-moderation"]
    (tmp_path / "x.yaml").write_text(
        "detector: OpenAI Moderation\n"
        "maps: {hate: HARM.SPEECH.Toxicity, house/rule: OTHER.DeniedTopic}"
    )
    pipelines = TenantPipelines([tmp_path])
    assert labels(pipelines, "openai-moderation", "hate") == "HARM.SPEECH.Toxicity"
    assert labels(pipelines, "openai-moderation", "house/rule") == "OTHER.DeniedTopic"
    assert labels(pipelines, "openai-moderation", "violence") == "+".join(known.maps["violence"])
    assert labels(TenantPipelines(), "openai-moderation", "hate") == "+".join(known.maps["hate"])


def test_a_tenants_file_holds_for_that_tenant_alone(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(ACME)
    (tmp_path / "one.yaml").write_text(
        "{detector: acme-guard, tenants: [north], maps: {bad vibes: HARM.SPEECH.Harassment}}"
    )
    pipelines = TenantPipelines([tmp_path])
    assert labels(pipelines, "acme", "bad vibes", "north") == "HARM.SPEECH.Harassment"
    assert labels(pipelines, "acme", "K7", "north") == "HARM.VIOLENCE.Other"
    for tenant in (None, "south"):
        assert labels(pipelines, "acme", "bad vibes", tenant) == "HARM.SPEECH.Toxicity"
    assert pipelines.of("north").rules.version != pipelines.of("south").rules.version


def test_the_version_names_the_own_files_and_changes_with_them(tmp_path: Path) -> None:
    ours = load_pipeline().rules.version
    pipelines = TenantPipelines([tmp_path])
    assert pipelines.of().rules.version == ours
    file = tmp_path / "acme.yaml"
    file.write_text(ACME)
    first = pipelines.of().rules.version
    assert first.startswith(f"{ours}+own.")
    file.write_text(ACME.replace("Toxicity", "Harassment"))
    decision = pipelines.of().decide(pipelines.of().read("acme", "bad vibes"))
    assert decision.event["taxonomy"] == ["HARM.SPEECH.Harassment"]
    assert decision.versions["rules"] not in (first, ours)
    file.unlink()
    assert pipelines.of().rules.version == ours


def test_an_item_is_answered_by_the_rules_that_read_it(tmp_path: Path) -> None:
    pipelines = TenantPipelines([tmp_path])
    before = pipelines.of().read("acme-guard", "bad vibes")
    (tmp_path / "acme.yaml").write_text(ACME)
    decision = pipelines.of().decide(before)
    assert decision.event["taxonomy"] == ["OTHER.Unknown"]
    assert decision.versions["rules"] == load_pipeline().rules.version


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("detector: a\nmaps: {x: HARM.SPEECH.Hat}", "maps.x", "is not a label"),
        ("detector: a\nmap: {x: OTHER.Safe}", "map", "did you mean maps?"),
        (
            "detector: a\nmaps: {x: OTHER.Safe}\nlegend: {y: why}",
            "legend.y",
            "not a word of `maps`",
        ),
        ("detector: a\nmaps: {x: OTHER.Safe}\naliases: [presidio]", "aliases", "presidio already"),
        ("maps: {x: OTHER.Safe}", "detector", "is missing"),
        ("detector: [", "(file)", "YAML"),
    ],
)
def test_a_bad_file_is_refused_and_the_last_good_version_stays(
    tmp_path: Path, text: str, place: str, problem: str
) -> None:
    file = tmp_path / "acme.yaml"
    file.write_text(ACME)
    said: list[ConfigError | None] = []
    pipelines = TenantPipelines([tmp_path], said.append)
    file.write_text(text)
    assert labels(pipelines, "acme", "bad vibes") == "HARM.SPEECH.Toxicity"
    [error] = said
    assert error is not None
    assert pipelines.problem is error
    assert (error.path, error.key) == (file, place)
    assert problem in error.problem
    with pytest.raises(ConfigError):
        TenantPipelines([tmp_path])


def test_two_files_that_say_something_of_one_detector_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(ACME)
    (tmp_path / "b.yaml").write_text("{detector: Acme, maps: {worse: OTHER.Safe}}")
    with pytest.raises(ConfigError, match=r"a\.yaml already"):
        TenantPipelines([tmp_path])


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a folder"):
        TenantPipelines([tmp_path / "nowhere"])


def test_an_entry_holds_for_every_spelling(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("{detector: presidio, maps: {us-ssn: PII.Other}}")
    pipelines = TenantPipelines([tmp_path])
    assert {labels(pipelines, "presidio", word) for word in ("US_SSN", "us-ssn", "UsSsn")} == {
        "PII.Other"
    }


def test_a_later_folder_goes_over_an_earlier_one(tmp_path: Path) -> None:
    first, last = tmp_path / "first", tmp_path / "last"
    for folder in (first, last):
        folder.mkdir()
    (first / "acme.yaml").write_text(ACME)
    pipelines = TenantPipelines([first, last])
    before = pipelines.of().rules.version
    assert labels(pipelines, "acme", "bad vibes") == "HARM.SPEECH.Toxicity"
    (last / "acme.yaml").write_text("{detector: acme, maps: {bad vibes: HARM.SPEECH.Harassment}}")
    assert labels(pipelines, "acme", "bad vibes") == "HARM.SPEECH.Harassment"
    assert labels(pipelines, "acme", "K7") == "HARM.VIOLENCE.Other"
    assert pipelines.of().rules.version != before
    (last / "acme.yaml").unlink()
    assert labels(pipelines, "acme", "bad vibes") == "HARM.SPEECH.Toxicity"
    assert pipelines.of().rules.version == before
