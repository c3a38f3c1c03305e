"""The kill switch: whether the model may be asked.

In: what the environment, the policy file and an administrator of this process say. Out: the mode
that holds, and who asks for it. Knows nothing of HTTP.

`rules_only` holds while anyone asks for it. So an administrator who goes back to `hybrid` takes
back only his own word: he cannot undo, for one process, what was switched for the fleet. His word
is kept in a file, since a restart in the middle of an incident must not bring the model back.
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
    """Who can ask for `rules_only`."""

    ENVIRONMENT = "environment"
    FILE = "file"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class ModeState:
    """The mode that holds; `asked_by` is empty in `hybrid`."""

    mode: Mode
    asked_by: tuple[Switch, ...]


class ModeSwitch:
    """One process's view of the kill switch.

    environment: the setting this process was started with.
    state: where the administrator's word is kept; None keeps it for the life of the process.

    Raises ConfigError when `state` exists and cannot be read.
    """

    def __init__(self, environment: Mode, policies: PolicyFile, state: Path | None) -> None:
        self._environment = environment
        self._policies = policies
        self._state = state
        self._admin = Mode.HYBRID if state is None else _read(state)

    def current(self) -> ModeState:
        """The mode that holds now: one `stat` of the policy file."""
        asked = {
            Switch.ENVIRONMENT: self._environment,
            Switch.FILE: self._policies.current().mode,
            Switch.ADMIN: self._admin,
        }
        by = tuple(switch for switch, mode in asked.items() if mode is Mode.RULES_ONLY)
        return ModeState(Mode.RULES_ONLY if by else Mode.HYBRID, by)

    def set(self, mode: Mode) -> ModeState:
        """Take the administrator's word, and return what holds then.

        Raises OSError when it cannot be kept; it holds in this process all the same.
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
