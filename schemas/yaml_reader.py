"""Turns the values of a YAML data file into typed ones, one kind a method.

In: a value and the key it stands under. Out: the value, checked. Knows nothing of what the file
is about. Every error is a ConfigError with the file and the key.
"""

import math
from collections.abc import Iterator
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from schemas.errors import ConfigError
from schemas.validation import is_number
from schemas.yaml_file import check_keys, read_text

_Choice = TypeVar("_Choice", bound=StrEnum)


class YamlReader:
    """Reads the values of one file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def fail(self, key: str, problem: str) -> ConfigError:
        """The error to raise."""
        return ConfigError(self._path, key, problem)

    def part(self, key: str, value: object, keys: set[str]) -> dict[str, Any]:
        """A mapping with exactly these keys."""
        return check_keys(self._path, key, value, keys)

    def parts(self, key: str, value: object) -> Iterator[tuple[str, object]]:
        """The items of a list that is not empty, each with its key."""
        if not isinstance(value, list) or not value:
            raise self.fail(key, f"must be a list with something in it, not {value!r}")
        return ((f"{key}[{i}]", item) for i, item in enumerate(value))

    def text(self, key: str, value: object) -> str:
        """Not blank."""
        return read_text(self._path, key, value)

    def number(self, key: str, value: object, most: float = math.inf) -> float:
        """Above 0."""
        if is_number(value) and 0 < value <= most:
            return float(value)
        above = "" if math.isinf(most) else f" and at most {most:g}"
        raise self.fail(key, f"{value!r} must be a number above 0{above}")

    def count(self, key: str, value: object) -> int:
        """Whole and above 0."""
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
        raise self.fail(key, f"{value!r} must be a whole number above 0")

    def flag(self, key: str, value: object) -> bool:
        """True or false."""
        if isinstance(value, bool):
            return value
        raise self.fail(key, f"{value!r} must be true or false")

    def day(self, key: str, value: object) -> date:
        """From `"YYYY-MM-DD"`."""
        try:
            return date.fromisoformat(self.text(key, value))
        except ValueError:
            raise self.fail(key, f'{value!r} is no day; write "YYYY-MM-DD", in quotes') from None

    def choice(self, key: str, value: object, kind: type[_Choice]) -> _Choice:
        """A member of a closed set."""
        try:
            return kind(str(value))
        except ValueError:
            known = ", ".join(kind)
            raise self.fail(key, f"{value!r} is not known; choose from {known}") from None
