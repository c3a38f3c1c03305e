"""Compiles JSON Schemas and says in words where an instance breaks one.

In: a schema of dialect 2020-12, then instances. Out: a list of problems. Knows nothing of what
the schemas describe. Stricter than the dialect: `date-time` is checked (RFC 3339), and NaN and
infinities are no numbers (Python's JSON parser lets them through, and NaN breaks no bound).

Two libraries know each schema: jsonschema_rs says in microseconds that an instance is valid, as
nearly all are; what it does not call valid is judged, and put into words, by jsonschema. A
pattern must mean the same to both: to Python's `\\s` alone U+001C to U+001F are white space.
"""

import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeGuard

import jsonschema_rs
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.validators import extend

_MESSAGE_CHARS = 200
_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", flags=re.ASCII
)
_FORMATS = FormatChecker(formats=())


@dataclass(frozen=True, slots=True)
class Validator:
    """A compiled schema: what tells quickly whether an instance is valid, and what says why not."""

    fast: jsonschema_rs.Draft202012Validator
    explaining: Draft202012Validator


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether `value` is a finite JSON number; booleans are none."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


@_FORMATS.checks("date-time", raises=ValueError)
def _is_date_time(value: object) -> bool:
    if not isinstance(value, str):
        return True  # a format speaks of strings alone
    if not _RFC3339.fullmatch(value):
        return False
    datetime.fromisoformat(value.upper())  # raises for the 31st of February
    return True


_Strict = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine(
        "number", lambda _, value: is_number(value)
    ),
)


def compile_schema(schema: dict[str, Any]) -> Validator:
    """A validator to keep; raises `jsonschema.SchemaError` if `schema` is not a schema."""
    _Strict.check_schema(schema)
    return Validator(
        jsonschema_rs.Draft202012Validator(
            schema, validate_formats=True, formats={"date-time": _is_date_time}
        ),
        _Strict(schema, format_checker=_FORMATS),
    )


def shape_errors(validator: Validator, instance: object) -> list[str]:
    """Every violation as `place: problem`, the problem cut to a readable length."""
    if _surely_valid(validator, instance):
        return []
    return [
        f"{error.json_path.removeprefix('$').removeprefix('.') or '(whole)'}: {_cut(error.message)}"
        for error in validator.explaining.iter_errors(instance)
    ]


def _surely_valid(validator: Validator, instance: object) -> bool:
    try:
        return validator.fast.is_valid(instance)
    except ValueError:  # no JSON: a key that is no text, an object of Python's
        return False


def _cut(message: str) -> str:
    # The end says what is wrong, the beginning quotes the instance: keep both ends.
    if len(message) <= _MESSAGE_CHARS:
        return message
    half = _MESSAGE_CHARS // 2
    return f"{message[:half]} ... {message[-half:]}"
