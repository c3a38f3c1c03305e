"""Errors in configuration files name file, line, key and what to change."""

import json
from pathlib import Path

import pytest
from pydantic import ConfigDict, Field

from schemas.config.config_file import (
    ConfigModel,
    Number,
    Share,
    Text,
    config_error,
    read_config,
    read_json,
)
from schemas.config.errors import ConfigError


class Part(ConfigModel):
    name: Text
    weight: Share = 0.5


class Whole(ConfigModel):
    title: Text
    parts: tuple[Part, ...]
    limits: dict[str, Number] = Field(default_factory=dict)


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("title: a\nparts: []\ntitel: b\n", 3, "titel: is not a known key; did you mean title?"),
        ("title: a\nowner: b\n", 2, "owner: is not a known key; known are title, parts, limits"),
        (
            "title: a\nparts:\n  - {name: x}\n  - name: y\n    weigth: 1\n",
            5,
            "parts.y.weigth: is not a known key; did you mean weight?",
        ),
        (
            "title: a\nparts:\n  - name: y\n    weight: 2\n",
            4,
            "parts.y.weight: must be less than or equal to 1, not 2",
        ),
        ("title: a\n", None, "parts: is missing"),
        ("title: a\nparts: [{}]\n", 2, "parts[0].name: is missing"),
        ("title: a\nparts: [x]\n", 2, "parts[0]: must be a mapping of keys to values, not 'x'"),
        ("title: ' '\nparts: []\n", 1, "title: must not be blank"),
        ("title: yes\nparts: []\n", 1, "title: must be a valid string, not True"),
        ("title: a\nparts: []\nlimits:\n", 3, "limits: has no value; write one or remove the key"),
        (
            "title: a\nparts: []\nlimits: {1: 2}\n",
            3,
            "limits.1: a key must be a valid string; put it in quotes if it is",
        ),
    ],
)
def test_an_error_names_line_and_key(
    tmp_path: Path, text: str, line: int | None, problem: str
) -> None:
    path = tmp_path / "whole.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        read_config(path, Whole)
    assert error.value.line == line
    assert str(error.value) == (f"{path}:{line}: {problem}" if line else f"{path}: {problem}")


def test_a_secret_value_is_not_quoted(tmp_path: Path) -> None:
    class Secret(Whole):
        model_config = ConfigDict(hide_input_in_errors=True)

    path = tmp_path / "secret.json"
    path.write_text(json.dumps({"title": 4711, "parts": []}))
    with pytest.raises(ConfigError) as error:
        read_config(path, Secret, read=read_json)
    assert (error.value.key, error.value.line) == ("title", 1)
    assert "4711" not in str(error.value)


def test_json_must_be_an_object(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    for text, line in (("[]", None), ('{"a": 1,\n', 2), ("[" * 100_000, None)):
        path.write_text(text)
        with pytest.raises(ConfigError) as error:
            read_json(path)
        assert (error.value.key, error.value.line) == ("(file)", line)


def test_a_check_outside_the_model_has_a_line_too(tmp_path: Path) -> None:
    path = tmp_path / "whole.yaml"
    path.write_text("title: a\nparts:\n- name: x\n")
    error = config_error(path, "parts", 0, "name", problem="is taken")
    assert str(error) == f"{path}:3: parts[0].name: is taken"
