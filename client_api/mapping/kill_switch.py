"""The kill switch: whether the model may be called.

In: the modes set by the environment, by the policy file and by an administrator of this process.
Out: the mode in force, and its sources. Independent of HTTP.

`rules_only` is in force while any source sets it. An administrator's `hybrid` clears only the
override of this process; environment and policy file, which apply to all processes, stay in force.
The override is kept in a file, so that a restart during an incident does not enable the model.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from schemas.config.errors import ConfigError
from schemas.config.files import write_private
from schemas.contract import Mode
from schemas.policies import PolicyFile


class Switch(StrEnum):
    """The sources that can set `rules_only`."""

    ENVIRONMENT = "environment"
    FILE = "file"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class ModeState:
    """The mode in force; `asked_by` has the sources of `rules_only`, empty in `hybrid`."""

    mode: Mode
    asked_by: tuple[Switch, ...]


class ModeSwitch:
    """The kill switch of one process.

    environment: the setting that this process was started with.
    state: the file of the administrator's override; None keeps it in memory only.

    Raises ConfigError when `state` exists and cannot be read.
    """

    def __init__(self, environment: Mode, policies: PolicyFile, state: Path | None) -> None:
        self._environment = environment
        self._policies = policies
        self._state = state
        self._admin = Mode.HYBRID if state is None else _read(state)

    def current(self) -> ModeState:
        """The mode in force now; costs one `stat` of the policy file."""
        asked = {
            Switch.ENVIRONMENT: self._environment,
            Switch.FILE: self._policies.current().mode,
            Switch.ADMIN: self._admin,
        }
        by = tuple(switch for switch, mode in asked.items() if mode is Mode.RULES_ONLY)
        return ModeState(Mode.RULES_ONLY if by else Mode.HYBRID, by)

    def set(self, mode: Mode) -> ModeState:
        """Set the administrator's override, and return the mode in force.

        Raises OSError if the file cannot be written; the override applies to this process anyway.
        """
        self._admin = mode
        if self._state is not None:
            self._state.parent.mkdir(parents=True, exist_ok=True)
            write_private(self._state, json.dumps({"mode": mode.value}) + "\n")
        return self.current()


def _read(path: Path) -> Mode:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return Mode(data["mode"])
    except FileNotFoundError:
        return Mode.HYBRID
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ConfigError(
            path, "mode", f"cannot be read; write one of {' or '.join(Mode)}, or remove the file"
        ) from error
