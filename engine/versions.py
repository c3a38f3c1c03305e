"""The published versions of a model, and the one to serve.

In: the model repository. Out: the numbers of its versions, the choice, the shadow, and the control
address of its Triton. The last three are hidden files in the repository's root, where Triton reads
only folders, so each repository has its own and they outlive every process.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from engine.manifest import MANIFEST, manifest_hash
from schemas.config.errors import ConfigError
from schemas.config.files import write_private

_CHOICE: Final = ".choice.json"
_ADDRESS: Final = ".control.json"
_SHADOW: Final = ".shadow.json"


@dataclass(frozen=True, slots=True)
class Choice:
    """version: the one to serve; previous: the one served before, None at first; manifest: the hash
    of the version's manifest when it was chosen, empty if it had none.

    A number alone does not identify the version: its folder may be replaced.
    """

    version: int
    previous: int | None = None
    manifest: str = ""

    def holds(self, folder: Path) -> bool:
        """Whether the folder has the version that was chosen."""
        return not self.manifest or self.manifest == manifest_hash(folder)

    def to_load(self, published: Sequence[int]) -> tuple[int, ...]:
        """The version, and the one before if it may stay loaded, so that a rollback needs no load.
        The ensemble uses the highest loaded version, so a higher one may not stay loaded.
        """
        previous = self.previous
        if previous is not None and previous < self.version and previous in published:
            return (previous, self.version)
        return (self.version,)


@dataclass(frozen=True, slots=True)
class Shadow:
    """A candidate that also answers live items; callers do not get its answers. model: its name in
    Triton; share: of the items, above 0 and at most 1; manifest: the hash of its manifest.
    """

    model: str
    version: int
    share: float
    manifest: str


@dataclass(frozen=True, slots=True)
class ControlAddress:
    """The control address of a running Triton: `http` is the path of a socket that only its user
    can open. grpc: its public address; trials: its second model repository, empty for none; pid:
    its process."""

    http: str
    grpc: str
    trials: str = ""
    pid: int = 0


def version_numbers(model: Path) -> tuple[int, ...]:
    """Numbers of the version folders of a model, ascending. Links are ignored: their target may
    change, or belong to another user. model: the model's folder in the repository."""
    return tuple(
        sorted(
            int(folder.name)
            for folder in model.glob("[1-9]*")
            if folder.name.isascii() and folder.name.isdecimal() and not folder.is_symlink()
        )
    )


def published_versions(model: Path) -> tuple[int, ...]:
    """Numbers of the versions that are published, ascending: those that have a manifest."""
    return tuple(
        number for number in version_numbers(model) if (model / str(number) / MANIFEST).exists()
    )


def version_to_serve(model: Path) -> int | None:
    """The chosen published version, else the newest; None if none is published.

    Raises ConfigError if the choice is damaged.
    """
    there, choice = published_versions(model), read_choice(model.parent)
    if choice is not None and choice.version in there:
        return choice.version
    return max(there, default=None)


def read_choice(repository: Path) -> Choice | None:
    """None before the first one; raises ConfigError when the file is damaged."""
    path = repository / _CHOICE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        version, previous = data["version"], data["previous"]
        manifest = data.get("manifest", "")
        if not isinstance(version, int) or not isinstance(previous, int | None):
            raise TypeError("no version numbers")
        if not isinstance(manifest, str):
            raise TypeError("no hash")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ConfigError(
            path, "version", "cannot be read; choose with `make promote VERSION=n`"
        ) from error
    return Choice(version, previous, manifest)


def has_choice(repository: Path) -> bool:
    """Whether there is a choice, damaged or not."""
    return (repository / _CHOICE).exists()


def write_choice(repository: Path, choice: Choice) -> None:
    """Replace the choice atomically; raises OSError, and then it is unchanged."""
    write_private(repository / _CHOICE, json.dumps(asdict(choice)) + "\n")


def shadow_file(repository: Path) -> Path:
    """The file of the shadow, if there is one."""
    return repository / _SHADOW


def read_shadow(repository: Path) -> Shadow | None:
    """None without a shadow; raises ConfigError if the file is damaged."""
    path = shadow_file(repository)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        shadow = Shadow(
            str(data["model"]), int(data["version"]), float(data["share"]), str(data["manifest"])
        )
        if not 0 < shadow.share <= 1:
            raise ValueError("no share")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ConfigError(
            path, "version", "cannot be read; end the shadow with `make shadow VERSION=off`"
        ) from error
    return shadow


def write_shadow(repository: Path, shadow: Shadow) -> None:
    """Replace the shadow atomically; raises OSError, and then it is unchanged."""
    write_private(shadow_file(repository), json.dumps(asdict(shadow)) + "\n")


def remove_shadow(repository: Path) -> None:
    """End the shadow. Raises OSError."""
    shadow_file(repository).unlink(missing_ok=True)


def write_control_file(repository: Path, address: ControlAddress) -> None:
    """Write the address for the commands of this user. Raises OSError."""
    write_private(repository / _ADDRESS, json.dumps(asdict(address)) + "\n")


def remove_control_file(repository: Path) -> None:
    """Remove the address."""
    (repository / _ADDRESS).unlink(missing_ok=True)


def read_control_file(repository: Path) -> ControlAddress | None:
    """The control address of Triton; None if none is known to run."""
    try:
        data = json.loads((repository / _ADDRESS).read_text(encoding="utf-8"))
        return ControlAddress(
            data["http"], data["grpc"], data.get("trials", ""), data.get("pid", 0)
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None


@contextmanager
def one_at_a_time(repository: Path) -> Iterator[None]:
    """Lock the switch of versions. Raises BlockingIOError while another process has the lock."""
    handle = os.open(repository, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)
