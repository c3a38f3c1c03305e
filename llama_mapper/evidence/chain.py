"""Tamper-evident records: each has the hash of the one before, and a seal has the last hash.

A record is a line with the canonical JSON of `{"n", "previous", "event", "hash"}`; `hash` is the
SHA-256 of `previous` and the canonical JSON of the event. A kept copy or a signature of `seal.json`
shows whether a byte of a record was changed, added, removed or moved, and whether a file of the
folder was exchanged or added.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

FORMAT: Final = "llama-mapper-evidence/1"
EVENTS: Final = "events.jsonl"
SEAL: Final = "seal.json"
#: Of `ssh-keygen -Y sign`, made after the seal.
SIGNATURE: Final = "seal.json.sig"
_START: Final = "0" * 64


def canonical(value: Any) -> str:
    """The one JSON text of a value: sorted keys, no spaces, in UTF-8.

    Raises ValueError for NaN, an infinite number, and half of a surrogate pair, which JSON or UTF-8
    lack.
    """
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    text.encode()
    return text


class Chain:
    """Makes the lines of `events.jsonl`."""

    def __init__(self) -> None:
        self.count = 0
        self.head = _START

    def line(self, event: str) -> str:
        """The next record. event: canonical JSON."""
        previous, self.count = self.head, self.count + 1
        self.head = hashlib.sha256(f"{previous}\n{event}".encode()).hexdigest()
        return (
            f'{{"event":{event},"hash":"{self.head}","n":{self.count},"previous":"{previous}"}}\n'
        )


def write_seal(folder: Path, chain: Chain) -> None:
    """Write `seal.json` over the records and every other file of the folder."""
    files = {name: _digest(path) for name, path in _others(folder)}
    seal = {"format": FORMAT, "events": chain.count, "head": chain.head, "files": files}
    (folder / SEAL).write_text(json.dumps(seal, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def verify(folder: Path) -> list[str]:
    """The problems of a folder of evidence; none if it is unchanged since the seal."""
    try:
        seal = json.loads((folder / SEAL).read_text(encoding="utf-8"))
        given = (seal["format"], seal["events"], seal["head"], dict(seal["files"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [f"{SEAL}: cannot be read ({type(error).__name__})"]
    form, count, head, files = given
    if form != FORMAT:
        return [f"{SEAL}: format {form!r} is not {FORMAT!r}, the format of this version"]
    problems = list(_broken(folder / EVENTS, count, head))
    found = dict(_others(folder))
    for name in sorted(files.keys() | found.keys()):
        if name not in found:
            problems.append(f"{name}: is missing")
        elif name not in files:
            problems.append(f"{name}: was not sealed")
        elif not found[name].is_file() or _digest(found[name]) != files[name]:
            problems.append(f"{name}: is not the sealed one")
    return problems


def _broken(path: Path, count: int, head: str) -> Iterator[str]:
    """The first record that does not fit; the following ones cannot be checked."""
    chain, number = Chain(), 0
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                # The text is made anew, so that no other text of the same event passes.
                if line != chain.line(canonical(json.loads(line)["event"])).encode():
                    yield f"{path.name}: record {number} was changed, moved or added"
                    return
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        yield f"{path.name}: record {max(number, 1)} cannot be read ({type(error).__name__})"
        return
    if (number, chain.head) != (count, head):
        yield f"{path.name}: has {number} records, {count} were sealed"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _others(folder: Path) -> Iterator[tuple[str, Path]]:
    """Everything in the folder at any depth but records, seal and signature, by relative name."""
    for path in sorted(folder.rglob("*")):
        if (name := path.relative_to(folder).as_posix()) not in (SEAL, EVENTS, SIGNATURE):
            yield name, path
