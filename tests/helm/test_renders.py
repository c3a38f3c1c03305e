"""What Helm renders: as reviewed, and valid for the Kubernetes versions it may meet."""

import json
from pathlib import Path
from typing import Any

import helm_python
import jsonschema
import kubernetes_validate
import pytest

from tests.helm.charts import CASES, CHART, NEEDED, Manifest, render, render_texts
from tests.helm.golden import FOLDER, goldens

pytestmark = pytest.mark.slow

SCHEMAS = Path(__file__).parent / "schemas"
# The oldest that Chart.yaml allows, the newest that is known, and some between.
KUBERNETES = ("1.28", "1.31", "1.34", "1.37")
CUSTOM = {"ServiceMonitor", "PrometheusRule", "ScaledObject"}
GOLDENS = goldens()


def unique() -> dict[str, Manifest]:
    """Every object of every case; an object that many cases share, once."""
    found: dict[str, Manifest] = {}
    for name, values in CASES.items():
        for manifest in render(values):
            key = json.dumps(manifest, sort_keys=True)
            if key not in {json.dumps(m, sort_keys=True) for m in found.values()}:
                found[f"{name}:{manifest['kind']}:{manifest['metadata']['name']}"] = manifest
    return found


OBJECTS = unique()
BUILT_IN = {name: m for name, m in OBJECTS.items() if m["kind"] not in CUSTOM}


@pytest.mark.parametrize("file", GOLDENS)
def test_renders_are_as_reviewed(file: str) -> None:
    on_disk = (FOLDER / file).read_text(encoding="utf-8")
    assert GOLDENS[file] == on_disk, "run `python -m tests.helm.golden` and read the diff"


def test_there_are_no_other_golden_files() -> None:
    assert {f.name for f in FOLDER.iterdir()} == set(GOLDENS)


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("name", BUILT_IN)
def test_kubernetes_accepts_every_object(name: str, version: str) -> None:
    kubernetes_validate.validate(BUILT_IN[name], version, strict=True)


@pytest.mark.parametrize("name", sorted(OBJECTS.keys() - BUILT_IN.keys()))
def test_operators_accept_their_objects(name: str) -> None:
    manifest = OBJECTS[name]
    schema: dict[str, Any] = json.loads(
        (SCHEMAS / f"{manifest['kind'].lower()}.json").read_text(encoding="utf-8")
    )
    jsonschema.Draft202012Validator(schema).validate(manifest)


def test_every_operators_object_is_among_them() -> None:
    assert {m["kind"] for m in OBJECTS.values()} >= CUSTOM


@pytest.mark.parametrize("case", CASES)
def test_names_are_unique_and_in_the_namespace(case: str) -> None:
    manifests = render(CASES[case])
    names = [(m["kind"], m["metadata"]["name"]) for m in manifests]
    assert len(names) == len(set(names))
    assert {m["metadata"]["namespace"] for m in manifests} == {"prod"}


@pytest.mark.parametrize("case", CASES)
def test_helm_finds_nothing_to_lint(case: str) -> None:
    report = helm_python.lint(CHART, dict(NEEDED) | dict(CASES[case]), strict=True)
    assert [m for m in report["messages"] if m["severity"] > 1] == []
    assert not report["errors"]


def test_notes_say_what_to_do() -> None:
    notes = render_texts()["NOTES.txt"]
    assert "helm test -n prod demo" in notes
    assert "--set killSwitch=true" in notes
    assert "KILL SWITCH ON" in render_texts({"killSwitch": True})["NOTES.txt"]
