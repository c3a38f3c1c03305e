"""Detector files: what a bad one is refused for, and what a file of one's own does."""

from pathlib import Path

import pytest

from fallback.rules.catalog import load_detectors
from fallback.rules.lookup import MatchKind, RuleMapper
from fallback.signal import Signal
from schemas.config.errors import ConfigError
from schemas.taxonomy import load_taxonomy


def write(directory: Path, name: str, **fields: str) -> Path:
    """A detector file with the given YAML fields in place of valid ones; empty leaves one out."""
    valid = {
        "detector": name,
        "vendor": "Mine",
        "family": "mine",
        "version": "'1'",
        "source": "mine",
        "maps": "{x: OTHER.Safe}",
    }
    path = directory / f"{name}.yaml"
    lines = (f"{key}: {value}" for key, value in (valid | fields).items() if value)
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def mapper(directory: Path, **fields: str) -> RuleMapper:
    write(directory, "mine", **fields)
    return RuleMapper(load_detectors(directory), load_taxonomy())


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"maps": "{x: HARM.Nonsense}"}, "maps.x"),
        ({"maps": "{x: []}"}, "maps.x"),
        ({"maps": "{x: [OTHER.Safe, OTHER.Safe]}"}, "maps.x"),
        ({"maps": "{yes: OTHER.Safe}"}, "maps.True"),
        ({"maps": "{x: OTHER.Safe, x: OTHER.Unknown}"}, "(file)"),
        ({"maps": "{}"}, "maps"),
        ({"maps": "[x]"}, "maps"),
        ({"vendor": ""}, "vendor"),
        ({"version": "3.0"}, "version"),
        ({"color": "red"}, "color"),
        ({"detector": "yours"}, "detector"),
        ({"threshold": "1.5"}, "threshold"),
        ({"threshold": "high"}, "threshold"),
        ({"thresholds": "{x: -1}"}, "thresholds.x"),
        ({"thresholds": "{y: 0.5}"}, "thresholds.y"),
        ({"legend": "{y: Hate}"}, "legend.y"),
        ({"lower_is_worse": "[y]"}, "lower_is_worse.y"),
        ({"own_only": "[y]"}, "own_only.y"),
        ({"severity": "{max: 7, flagged_from: 9}"}, "severity.flagged_from"),
        ({"severity": "{max: 7}"}, "severity.flagged_from"),
    ],
)
def test_a_bad_file_is_refused_by_name_and_key(
    tmp_path: Path, fields: dict[str, str], key: str
) -> None:
    path = write(tmp_path, "mine", **fields)
    with pytest.raises(ConfigError) as caught:
        load_detectors(tmp_path)
    assert caught.value.path == path
    assert caught.value.key.startswith(key)


def test_a_name_belongs_to_one_detector(tmp_path: Path) -> None:
    write(tmp_path, "a", aliases="[Shared Name]")
    path = write(tmp_path, "b", aliases="[shared_name]")
    with pytest.raises(ConfigError, match="name of a already") as caught:
        load_detectors(tmp_path)
    assert (caught.value.path, caught.value.key) == (path, "aliases")


def test_a_detector_has_one_file(tmp_path: Path) -> None:
    write(tmp_path, "a")
    write(tmp_path, "b", detector="a")
    with pytest.raises(ConfigError) as caught:
        load_detectors(tmp_path)
    assert caught.value.key == "detector"


def test_a_directory_without_detectors_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no detector files"):
        load_detectors(tmp_path)


def test_the_version_follows_the_content(tmp_path: Path) -> None:
    first = mapper(tmp_path, maps="{x: OTHER.Safe}").version
    assert first.startswith(f"{load_taxonomy().version}-")
    assert mapper(tmp_path, maps="{ x: OTHER.Safe } # a comment").version == first
    assert mapper(tmp_path, maps="{x: OTHER.LowRisk}").version != first


def test_an_ambiguous_normal_form_matches_only_as_written(tmp_path: Path) -> None:
    rules = mapper(tmp_path, maps='{Ab: OTHER.Safe, "a-b": HARM.SPEECH.Threat}')
    assert rules.map("mine", Signal("a-b")).kind is MatchKind.OWN_EXACT
    assert rules.map("mine", Signal("AB")).kind is MatchKind.NONE
    assert not rules.knows("mine", "AB")


def test_two_readings_of_a_phrase_leave_none(tmp_path: Path) -> None:
    write(tmp_path, "other", maps="{blorp: HARM.SPEECH.Insult, gleep: HARM.SPEECH.Insult}")
    rules = mapper(tmp_path, maps="{blorp: HARM.SPEECH.Threat, gleep: HARM.SPEECH.Insult}")
    assert rules.map("third", Signal("blorp")).kind is MatchKind.NONE
    assert rules.map("third", Signal("gleep")).labels == ("HARM.SPEECH.Insult",)
