"""Decisions as detector files: written for the pipelines, exported, imported.

In: decided words. Out: files of the form in `docs/own-detectors.md`, one per detector and tenant.
The store is the source: a file that was changed by hand is overwritten.
"""

import hashlib
import json
import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from client_api.review.store import Store
from client_api.review.words import StoreError, Word
from fallback.rules.normalise import match_key
from fallback.rules.own import OwnDetector
from schemas.config.config_file import read_config
from schemas.config.errors import ConfigError
from schemas.taxonomy import Taxonomy, Vocabulary
from schemas.text import one_line

_log = structlog.get_logger()
#: Seconds between two reads of the store: decisions of other processes apply within a second.
INTERVAL_S: Final = 0.5
_ENDING: Final = ".review.yaml"
_HEAD: Final = "# Written by the review queue; `mapper review import` takes a changed copy.\n"
#: The keys of a file that can be imported.
_IMPORTED: Final = frozenset({"name", "tenants", "maps"})


class DecisionFiles:
    """A folder with the current decisions of a store. Threads may share it."""

    def __init__(
        self, store: Store, folder: Path, canonical: Callable[[str], str], taxonomy: Taxonomy
    ) -> None:
        """canonical: a name that all spellings of a detector share."""
        self._store = store
        self._folder = folder
        self._canonical = canonical
        self._taxonomy = taxonomy
        self._revision = 0
        self.problem: str | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="review-decisions", daemon=True)

    def start(self) -> None:
        """Follow the store."""
        self._thread.start()

    def close(self) -> None:
        """Stop following."""
        self._stop.set()
        self._thread.join()

    def follow(self) -> None:
        """Write the decisions if there are new ones. Raises StoreError, also for the folder.

        A store without any decision leaves the folder unchanged, so that the loss of a database
        does not delete the decisions.
        """
        with self._lock:
            # Another process may write an older state meanwhile: the last look decides.
            while (revision := self._store.revision()) != self._revision:
                self._write(self.render(self._store.decided()))
                self._revision = revision

    def render(self, words: Iterable[Word]) -> dict[str, str]:
        """The files by name. The later of two decisions on a word for the same tenants applies."""
        files: dict[tuple[str | None, str], dict[str, Word]] = {}
        for word in words:
            if unknown := [label for label in word.decided if label not in self._taxonomy]:
                _log.error("a decision has unknown labels", word=word.id, labels=unknown)
                continue
            tenant = None if word.everyone else word.tenant
            entries = files.setdefault((tenant, self._canonical(word.detector)), {})
            other = entries.get(match_key(word.word))
            if other is None or _at(other) <= _at(word):
                entries[match_key(word.word)] = word
        return {
            _file_name(tenant, detector): _text(tenant, list(entries.values()))
            for (tenant, detector), entries in files.items()
        }

    def _run(self) -> None:
        while True:
            problem = None
            try:
                self.follow()
            except StoreError as error:
                problem = str(error)
            if problem not in (None, self.problem):
                _log.error("decisions cannot be applied", problem=problem)
            self.problem = problem
            if self._stop.wait(INTERVAL_S):
                return

    def _write(self, files: Mapping[str, str]) -> None:
        try:
            for name, text in files.items():
                path = self._folder / name
                if not path.is_file() or path.read_text(encoding="utf-8") != text:
                    _replace(path, text)
            for path in self._folder.glob(f"*{_ENDING}"):
                if path.name not in files:
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(
                f"the folder of decisions cannot be written: {error.strerror}"
            ) from error


def read_files(texts: Mapping[str, str], taxonomy: Taxonomy) -> Iterator[OwnDetector]:
    """The detectors of exported files. Raises ConfigError with the file's name as its path."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in texts.items():
            path = Path(folder, "file.yaml")
            path.write_text(text, encoding="utf-8")
            try:
                own = read_config(path, OwnDetector, Vocabulary(taxonomy))
            except ConfigError as error:
                raise ConfigError(Path(name), error.key, error.problem, error.line) from None
            if more := own.model_fields_set - _IMPORTED:
                problem = "is not a decision; only detector, tenants and maps are imported"
                raise ConfigError(Path(name), sorted(more)[0], problem)
            yield own


def labelled(words: Iterable[Word]) -> list[dict[str, object]]:
    """The decisions as labelled rows: `make train DATA=` and `make evaluate DATA=` read them."""
    return [
        {"detector": word.detector, "output": word.word, "gold": list(word.decided)}
        for word in words
    ]


def _file_name(tenant: str | None, detector: str) -> str:
    readable = re.sub(r"[^a-z0-9]+", "-", detector.lower())[:40]
    whole = hashlib.sha256(json.dumps([tenant, detector]).encode()).hexdigest()
    return f"{readable}-{whole[:8]}{_ENDING}"


def _text(tenant: str | None, words: Sequence[Word]) -> str:
    lines = [f"detector: {_quoted(words[0].detector)}"]
    if tenant is not None:
        lines.append(f"tenants: [{_quoted(tenant)}]")
    lines.append("maps:")
    for word in sorted(words, key=lambda word: word.word):
        labels = ", ".join(word.decided)
        lines.append(f"  {_quoted(word.word)}: [{labels}]{_comment(word)}")
    return _HEAD + "\n".join(lines) + "\n"


def _comment(word: Word) -> str:
    holds = word.holds
    if holds is None:
        return ""
    at = datetime.fromtimestamp(holds.at, UTC).isoformat(timespec="seconds")
    why = f": {holds.why}" if holds.why else ""
    return f"  # {one_line(f'{holds.action} by {holds.by} at {at}{why}')}"


def _at(word: Word) -> tuple[int, int]:
    return (word.holds.at if word.holds else 0, word.id)


def _quoted(text: str) -> str:
    """A double-quoted scalar: JSON's escapes are YAML's."""
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _replace(path: Path, text: str) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    # Triton may run as another user.
    os.chmod(temporary, 0o644)
    os.replace(temporary, path)
