"""`mapper taxonomy`, `detectors` and `versions`."""

import json
import os
import subprocess
import sys
from importlib.metadata import version

import pytest

from schemas.taxonomy import load_taxonomy
from tests.support.command_line import mapper

COMMANDS = ("taxonomy", "detectors", "versions")


def test_every_label_is_listed(url: str) -> None:
    done = mapper(url, "taxonomy")
    assert done.exit_code == 0
    rows = done.stdout.splitlines()[2:]
    assert [row.split()[0] for row in rows] == list(load_taxonomy().names)
    told = json.loads(mapper(url, "taxonomy", "HARM.SPEECH", "--json").stdout)
    assert told["version"] == load_taxonomy().version
    names = [label["name"] for label in told["labels"]]
    assert names == [name for name in load_taxonomy().names if name.startswith("HARM.SPEECH")]


def test_detectors_are_found_by_name_and_alias(url: str) -> None:
    listed = mapper(url, "detectors")
    assert "openai-moderation" in listed.stdout
    told = json.loads(mapper(url, "detectors", "--json").stdout)
    assert set(told) == {"version", "detectors"}
    known = next(one for one in told["detectors"] if one["aliases"])
    for name in (known["detector"], known["aliases"][0].upper()):
        assert json.loads(mapper(url, "detectors", name, "--json").stdout) == known
    shown = mapper(url, "detectors", "presidio").stdout.splitlines()
    assert shown[0].split() == ["detector", "presidio"]


def test_a_detector_that_is_not_curated_is_refused_with_near_names(url: str) -> None:
    done = mapper(url, "detectors", "presido")
    assert done.exit_code == 1
    assert "did you mean presidio" in done.stderr
    told = mapper(url, "detectors", "presido", "--json")
    assert "did you mean presidio" in json.loads(told.stderr)["error"]["message"]
    assert mapper(url, "taxonomy", "HURM").exit_code == 1


def test_versions_name_service_and_client(url: str) -> None:
    told = json.loads(mapper(url, "versions", "--json").stdout)
    assert told["client"] == told["version"] == version("llama-mapper")
    assert told["taxonomy"] == load_taxonomy().version
    names = [line.split()[0] for line in mapper(url, "versions").stdout.splitlines()]
    assert names[0] == "service"
    assert {"taxonomy", "frameworks", "rules", "model", "client"} <= set(names)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_service_that_is_not_there_is_status_1(command: str) -> None:
    assert mapper("http://127.0.0.1:1", command).exit_code == 1


def test_a_shell_completes_the_names_of_commands() -> None:
    asked = {"_MAPPER_COMPLETE": "complete_bash", "COMP_WORDS": "mapper d", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "llama_mapper.cli"],
        env=os.environ | asked,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "detectors" in done.stdout.split()
    assert "taxonomy" not in done.stdout.split()
