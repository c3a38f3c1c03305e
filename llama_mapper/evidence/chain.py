"""Tamper-evident records: each has the hash of the one before, and a seal has the last hash.

A record is `{"n", "previous", "event", "hash"}`; `hash` is the SHA-256 of `previous` and the JSON
of the event with sorted keys. A kept copy or a signature of `seal.json` shows whether a record
was changed, added, removed or moved, and whether a file of the folder was exchanged.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

FORMAT: Final = "llama-mapper-evidence/1"
EVENTS: Final = "events.jsonl"
SEAL: Final = "seal.json"
_START: Final = "0" * 64


class Chain:
    """Makes the lines of `events.jsonl`."""

    def __init__(self) -> None:
        self.count = 0
        self.head = _START

    def line(self, event: Mapping[str, Any]) -> str:
        """The next record."""
        self.count += 1
        record = {"n": self.count, "previous": self.head, "event": event}
        self.head = _hash(self.head, event)
        return _text({**record, "hash": self.head}) + "\n"


def write_seal(folder: Path, chain: Chain) -> None:
    """Write `seal.json` over the records and every other file of the folder."""
    files = {path.name: _digest(path) for path in _others(folder)}
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
    found = {path.name: path for path in _others(folder)}
    for name in sorted(files.keys() | found.keys()):
        if name not in found:
            problems.append(f"{name}: is missing")
        elif name not in files:
            problems.append(f"{name}: was not sealed")
        elif _digest(found[name]) != files[name]:
            problems.append(f"{name}: is not the sealed one")
    return problems


def _broken(path: Path, count: int, head: str) -> Iterator[str]:
    """The first record that does not fit; the following ones cannot be checked."""
    previous, number = _START, 0
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                record = json.loads(line)
                expected = _hash(previous, record["event"])
                if (record["n"], record["previous"], record["hash"]) != (
                    number,
                    previous,
                    expected,
                ):
                    yield f"{path.name}: record {number} was changed, moved or added"
                    return
                previous = expected
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield f"{path.name}: record {number + 1} cannot be read ({type(error).__name__})"
        return
    if (number, previous) != (count, head):
        yield f"{path.name}: has {number} records, {count} were sealed"


def _hash(previous: str, event: Any) -> str:
    return hashlib.sha256(f"{previous}\n{_text(event)}".encode()).hexdigest()


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _others(folder: Path) -> Iterable[Path]:
    return sorted(p for p in folder.iterdir() if p.is_file() and p.name not in (SEAL, EVENTS))
