"""The result of a check, with a remedy."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """`fail`: something does not work; `warn`: it works with limits."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One line. advice: the remedy; empty for `ok`."""

    name: str
    state: State
    found: str
    advice: str = ""


def ok(name: str, found: str) -> Check:
    """A check without a problem."""
    return Check(name, State.OK, found)


def warn(name: str, found: str, advice: str) -> Check:
    """A check with a limit."""
    return Check(name, State.WARN, found, advice)


def fail(name: str, found: str, advice: str) -> Check:
    """A failed check."""
    return Check(name, State.FAIL, found, advice)
