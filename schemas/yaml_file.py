"""Reads the project's YAML data files strictly.

In: a path. Out: a plain mapping. Knows nothing of what the keys mean. Stricter than YAML: a key
written twice is an error here, where YAML would silently keep the last one.
"""

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from schemas.errors import ConfigError

_VERSION = re.compile(r"20\d\d\.(0[1-9]|1[0-2])")


class _StrictLoader(yaml.CSafeLoader):
    """The safe loader, refusing duplicate keys."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                break  # the base class says so, with its place
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} is written twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises ConfigError when the file is missing, is not UTF-8 YAML, holds a key twice, or is
    something else than a mapping with text keys.
    """
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), _StrictLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(path, "(file)", f"cannot be read: {error}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}" if mark else "(file)"
        raise ConfigError(path, where, f"{error.problem}; correct the YAML") from error
    except yaml.YAMLError as error:
        raise ConfigError(path, "(file)", f"is not YAML: {error}") from error
    if not isinstance(data, dict):
        raise ConfigError(path, "(file)", "must hold a mapping of keys to values")
    for key in data:
        if not isinstance(key, str):
            raise ConfigError(path, repr(key), "must be text; put the key in quotes")
    return data


def read_version(path: Path, key: str, value: object) -> str:
    """`value` as a version `YYYY.MM`.

    Raises ConfigError for anything else, an unquoted number among them.
    """
    if isinstance(value, str) and _VERSION.fullmatch(value):
        return value
    raise ConfigError(path, key, f'{value!r} is not a version; write it as "YYYY.MM", in quotes')


def read_text(path: Path, key: str, value: object) -> str:
    """`value` as text that is not blank; raises ConfigError for anything else."""
    if isinstance(value, str) and value.strip():
        return value
    raise ConfigError(path, key, f"{value!r} must be text; put it in quotes if it is")


def read_texts(path: Path, key: str, value: object) -> tuple[str, ...]:
    """`value` as a list of texts, none blank; raises ConfigError for anything else."""
    if not isinstance(value, list):
        raise ConfigError(path, key, f"must be a list of texts, not {value!r}")
    return tuple(read_text(path, f"{key}[{i}]", item) for i, item in enumerate(value))


def check_keys(
    path: Path, key: str, value: object, required: set[str], optional: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """`value` as a mapping that has every required key and none beyond the optional ones.

    `key` is where the mapping stands, empty for the file itself. Raises ConfigError, naming the
    first key that is missing or not known.
    """
    if not isinstance(value, dict):
        raise ConfigError(path, key, f"must be a mapping, not {value!r}")
    prefix = f"{key}." if key else ""
    for name in sorted(required - value.keys()):
        raise ConfigError(path, f"{prefix}{name}", "is missing")
    for name in value.keys() - required - optional:
        known = ", ".join(sorted(required | optional))
        raise ConfigError(path, f"{prefix}{name}", f"is not a known key; known are {known}")
    return value
