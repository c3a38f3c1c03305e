"""What a check found, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """`fail`: something does not work; `warn`: it works less well, or not for everybody."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One line. advice: what to do; empty for `ok`."""

    name: str
    state: State
    found: str
    advice: str = ""


def ok(name: str, found: str) -> Check:
    """Nothing to do."""
    return Check(name, State.OK, found)


def warn(name: str, found: str, advice: str) -> Check:
    """Something to know."""
    return Check(name, State.WARN, found, advice)


def fail(name: str, found: str, advice: str) -> Check:
    """Something to do."""
    return Check(name, State.FAIL, found, advice)
