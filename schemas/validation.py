"""Compiles JSON Schemas and describes the violations of an instance.

In: a schema of dialect 2020-12, then instances. Out: a list of problems. Independent of the content
of the schemas. Stricter than the dialect: `date-time` is checked (RFC 3339), and NaN and infinities
are not numbers (Python's JSON parser accepts them, and NaN violates no bound).

Two libraries use each schema: jsonschema_rs confirms valid instances, which are nearly all, in
microseconds; jsonschema checks the others and describes their problems. A pattern must have the
same meaning in both: U+001C to U+001F are white space only for Python's `\\s`.
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
    """A compiled schema: a fast validator, and one that describes the problems."""

    fast: jsonschema_rs.Draft202012Validator
    explaining: Draft202012Validator


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether `value` is a finite JSON number; booleans are not."""
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
    # The end has the problem, the beginning quotes the instance: keep both.
    if len(message) <= _MESSAGE_CHARS:
        return message
    half = _MESSAGE_CHARS // 2
    return f"{message[:half]} ... {message[-half:]}"
