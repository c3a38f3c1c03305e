"""Checks a further file of the own folder, compares it with the rules, or adds it.

In: a folder of detector files, and the text of one file. Out: its problems and changes; the file in
the folder. A file that `load_own` would refuse is not written.
"""

import re
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from fallback.drafts.check import Change, Level, Problem, changes, find_problems
from fallback.rules.lookup import RuleMapper
from fallback.rules.normalise import detector_key
from fallback.rules.own import OwnDetector, load_own
from schemas.config.config_file import read_config, read_yaml
from schemas.config.errors import ConfigError
from schemas.config.files import write_whole
from schemas.taxonomy import Vocabulary

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
#: Of a name with other signs, each of which may take four bytes.
_LONGEST = 60
_NAMELESS = "detector"


@dataclass(frozen=True, slots=True)
class Checked:
    """detector: its name in the file, empty for a file with errors, which has no changes."""

    detector: str
    problems: tuple[Problem, ...]
    changes: tuple[Change, ...]

    @property
    def valid(self) -> bool:
        """Whether the file may be put into the folder."""
        return all(problem.level is not Level.ERROR for problem in self.problems)


class RefusedFile(ValueError):  # noqa: N818 - the file is refused, nothing failed
    """A file with errors; `checked` has them."""

    def __init__(self, checked: Checked) -> None:
        super().__init__("the file has errors")
        self.checked = checked


class DetectorFiles:
    """The files of one folder, which override the project's rules. Threads may share it."""

    def __init__(
        self,
        folder: Path | None,
        ours: RuleMapper,
        vocabulary: Callable[[], Vocabulary],
        over: Sequence[Path] = (),
    ) -> None:
        """folder: None for no folder, and no files. vocabulary: the labels for words now. over:
        folders whose files override those of the folder."""
        self._folder = folder
        self._over = over
        self._ours = ours
        self._vocabulary = vocabulary
        self._lock = threading.Lock()

    def check(self, text: str) -> Checked:
        """The problems of a file's text, and the changes that it would make here."""
        with _staged(self._folder, text) as (place, file):
            return self._check(place, file)

    def add(self, text: str) -> tuple[Checked, Path]:
        """Write the file to the folder as `<detector>.yaml`; replaces a file of that name.

        Raises RefusedFile for one with errors, ConfigError without a folder, and OSError.
        """
        if self._folder is None:
            raise ConfigError("(settings)", "MAPPER_DETECTORS_DIR", "is not set; name a folder")
        with self._lock, _staged(self._folder, text) as (place, file):
            checked = self._check(place, file)
            if not checked.valid:
                raise RefusedFile(checked)
            target = self._folder / file.name
            write_whole(target, text)
            return checked, target

    def _check(self, place: Path, file: Path) -> Checked:
        vocabulary = self._vocabulary()
        problems = find_problems(file, self._ours, vocabulary)
        if any(problem.level is Level.ERROR for problem in problems):
            return Checked("", tuple(problems), ())
        own = read_config(file, OwnDetector, vocabulary)
        tenant = own.tenants[0] if own.tenants else None
        try:
            rules = load_own([place, *self._over], self._ours, vocabulary)
            after = rules[tenant].resolve(own.name)
        except ConfigError as error:
            told = Problem.of(error) if error.path == file else _elsewhere(error)
            return Checked(own.name, (told, *problems), ())
        assert after is not None
        served = self._served(tenant)
        return Checked(own.name, tuple(problems), tuple(changes(served.resolve(own.name), after)))

    def _served(self, tenant: str | None) -> RuleMapper:
        if self._folder is None:
            return self._ours
        try:
            rules = load_own([self._folder, *self._over], self._ours, self._vocabulary())
        except ConfigError:  # a bad folder: compare with the project's rules
            return self._ours
        return rules.get(tenant, rules[None])


@contextmanager
def _staged(folder: Path | None, text: str) -> Iterator[tuple[Path, Path]]:
    """A copy of the folder with the file in it: (the copy, the file)."""
    with TemporaryDirectory() as temporary:
        place = Path(temporary)
        for path in sorted(folder.glob("*.yaml")) if folder else ():
            shutil.copyfile(path, place / path.name)
        draft = place / "draft"
        draft.write_text(text, encoding="utf-8")
        file = place / f"{_name(draft)}.yaml"
        draft.rename(file)
        yield place, file


def _name(file: Path) -> str:
    """The file name for a detector: its own name if that is valid, else its letters."""
    try:
        name = read_yaml(file).get("detector")
    except ConfigError:
        name = None
    if not isinstance(name, str):
        return _NAMELESS
    return name if _FILE_NAME.fullmatch(name) else detector_key(name)[:_LONGEST] or _NAMELESS


def _elsewhere(error: ConfigError) -> Problem:
    """A problem of another file of the folder."""
    return Problem(Level.ERROR, None, error.key, f"{error.path.name}: {error.problem}")
