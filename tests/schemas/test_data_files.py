"""A wrong taxonomy or frameworks file is refused while loading, with file and key."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.config.errors import ConfigError
from schemas.frameworks import load_frameworks
from schemas.taxonomy import load_taxonomy

SMALL_TAXONOMY: dict[str, Any] = {
    "version": "2026.11",
    "categories": {"HARM": "harm", "OTHER": "others"},
    "labels": [
        {
            "name": "OTHER.Safe",
            "description": "nothing found",
            "aliases": ["safe"],
            "parent": "OTHER",
            "since": "2025.09",
        },
        {
            "name": "HARM.Speech",
            "description": "words",
            "aliases": ["insult"],
            "parent": "HARM",
            "since": "2026.11",
            "coarsens_to": "OTHER.Safe",
        },
    ],
}
SMALL_FRAMEWORKS: dict[str, Any] = {
    "version": "2026.11",
    "frameworks": {
        "SOC 2": {"edition": "2017", "controls": {"CC6.1": "Access"}, "maps": {"HARM": ["CC6.1"]}}
    },
}
Change = Callable[[dict[str, Any]], Any]


def changed(data: dict[str, Any], change: Change) -> str:
    data = deepcopy(data)
    change(data)
    return yaml.safe_dump(data, sort_keys=False)


def label_change(**values: Any) -> Change:
    return lambda data: data["labels"][1].update(values)


def refusal(load: Callable[[Path], object], path: Path, text: str) -> ConfigError:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert caught.value.path == path
    error = caught.value
    place = f"{path}:{error.line}" if error.line else str(path)
    assert str(error) == f"{place}: {error.key}: {error.problem}"
    return caught.value


def test_a_small_taxonomy_loads(tmp_path: Path) -> None:
    path = tmp_path / "taxonomy.yaml"
    path.write_text(yaml.safe_dump(SMALL_TAXONOMY), encoding="utf-8")
    taxonomy = load_taxonomy(path)
    assert taxonomy.names == ("OTHER.Safe", "HARM.Speech")
    assert taxonomy["HARM.Speech"].aliases == ("insult",)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (lambda d: d.pop("version"), "version"),
        (lambda d: d.update(version=2026.11), "version"),
        (lambda d: d.update(version="2026.13"), "version"),
        (lambda d: d.update(version="v1"), "version"),
        (lambda d: d.update(labels=[]), "labels"),
        (lambda d: d.update(labels="HARM.Speech"), "labels"),
        (lambda d: d.update(owner="me"), "owner"),
        (lambda d: d.update(categories=["HARM"]), "categories"),
        (lambda d: d["categories"].update({"A.B": "no A"}), "categories.A.B"),
        (lambda d: d["labels"].append(d["labels"][0]), "labels.OTHER.Safe"),
        (lambda d: d["labels"].append("HARM.More"), "labels[2]"),
        (lambda d: d["labels"].append({"description": "nameless"}), "labels[2].name"),
        (lambda d: d["labels"][1].pop("description"), "labels.HARM.Speech.description"),
        (label_change(description=" "), "labels.HARM.Speech.description"),
        (label_change(colour="red"), "labels.HARM.Speech.colour"),
        (label_change(since="soon"), "labels.HARM.Speech.since"),
        (label_change(since="2027.01"), "labels.HARM.Speech.since"),
        (label_change(parent="HURT"), "labels.HARM.Speech.parent"),
        (label_change(parent="OTHER"), "labels.HARM.Speech.parent"),
        (label_change(coarsens_to="OTHER.Nothing"), "labels.HARM.Speech.coarsens_to"),
        (label_change(coarsens_to=None), "labels.HARM.Speech.coarsens_to"),
        (
            lambda d: d["labels"][0].update(coarsens_to="OTHER.Safe"),
            "labels.OTHER.Safe.coarsens_to",
        ),
        (label_change(aliases="insult"), "labels.HARM.Speech.aliases"),
        (label_change(aliases=[True]), "labels.HARM.Speech.aliases[0]"),
        (label_change(aliases=["--"]), "labels.HARM.Speech.aliases"),
        (label_change(aliases=["insult", "In-Sult", "INSULT"]), "labels.HARM.Speech.aliases"),
        (label_change(aliases=["SAFE"]), "labels.HARM.Speech.aliases"),
        (label_change(aliases=["other_safe"]), "labels.HARM.Speech.aliases"),
    ],
)
def test_a_wrong_taxonomy_is_refused(tmp_path: Path, change: Change, key: str) -> None:
    error = refusal(load_taxonomy, tmp_path / "taxonomy.yaml", changed(SMALL_TAXONOMY, change))
    assert error.key == key


@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        ("version: [", "(file)", 2),
        ("a: 1\nb: 2\na: 3\n", "(file)", 3),
        ("a: {b: 1, b: 2}", "(file)", 1),
        ("- a list", "(file)", None),
        ("1: one", "1", None),
        ("a: \x00", "(file)", None),
        ("? {a: 1}\n: b", "(file)", 1),
        ("a: 2025-02-31", "(file)", None),
        ("a: " + "[" * 5000 + "]" * 5000, "(file)", 1),
    ],
)
def test_a_file_that_is_no_mapping_is_refused(
    tmp_path: Path, text: str, key: str, line: int | None
) -> None:
    error = refusal(load_taxonomy, tmp_path / "taxonomy.yaml", text)
    assert (error.key, error.line) == (key, line)


def test_a_missing_or_undecodable_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_taxonomy(tmp_path / "taxonomy.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"version: \xff")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_taxonomy(tmp_path / "latin.yaml")


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (lambda d: d.update(version=2026), "version"),
        (lambda d: d.update(frameworks=[]), "frameworks"),
        (lambda d: d["frameworks"].update(HIPAA="all of it"), "frameworks.HIPAA"),
        (lambda d: d["frameworks"]["SOC 2"].pop("edition"), "frameworks.SOC 2.edition"),
        (lambda d: d["frameworks"]["SOC 2"].update(controls={}), "frameworks.SOC 2.controls"),
        (lambda d: d["frameworks"]["SOC 2"].update(maps=["HARM"]), "frameworks.SOC 2.maps"),
        (
            lambda d: d["frameworks"]["SOC 2"]["controls"].update(CC1=None),
            "frameworks.SOC 2.controls.CC1",
        ),
        (
            lambda d: d["frameworks"]["SOC 2"]["controls"].update(CC1="Unused"),
            "frameworks.SOC 2.controls.CC1",
        ),
        (
            lambda d: d["frameworks"]["SOC 2"]["maps"].update(HURT=["CC6.1"]),
            "frameworks.SOC 2.maps.HURT",
        ),
        (
            lambda d: d["frameworks"]["SOC 2"]["maps"].update(OTHER=["CC9"]),
            "frameworks.SOC 2.maps.OTHER",
        ),
    ],
)
def test_wrong_frameworks_are_refused(tmp_path: Path, change: Change, key: str) -> None:
    taxonomy_path = tmp_path / "taxonomy.yaml"
    taxonomy_path.write_text(yaml.safe_dump(SMALL_TAXONOMY), encoding="utf-8")
    taxonomy = load_taxonomy(taxonomy_path)
    error = refusal(
        lambda path: load_frameworks(path, taxonomy),
        tmp_path / "frameworks.yaml",
        changed(SMALL_FRAMEWORKS, change),
    )
    assert error.key == key
