"""`python -m bench.own_detector`: the time from 40 unseen labels to their answers.

In: labels of detectors whose families are hidden from the served version and the rules. Out: a
table of `docs/own-detectors.md`. The service runs on a copy of the code without the files of those
families. The time starts with `mapper detectors draft`; a program makes the corrections, faster
than a reviewer; the time ends when REST and Triton return the decided labels.
"""

import argparse
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import tritonclient.grpc as triton
import yaml

from bench.faults.report import machine
from bench.harness.stack import Running, serving
from bench.processes import ROOT, eventually
from export.data.folds import gate_rows, load_folds
from export.data.rows import Answer, Row
from fallback.drafts.asking import question
from fallback.drafts.entries import State, Word
from fallback.rules.catalog import DETECTORS_DIR, load_detectors
from fallback.rules.normalise import match_key
from tools.markdown import render, table

PAGE: Final = ROOT / "docs/own-detectors.md"
LABELS: Final = 40
_PACKAGES = ("schemas", "fallback", "engine", "pipeline", "client_api")
_REAL = "gliner-pii"
_ANSWERED_WITHIN_S = 30.0

Gold = Mapping[str, Answer]
"""The answer of each label."""


@dataclass(frozen=True, slots=True)
class Review:
    """A reviewed draft. file: the detector file; looked_at: entries marked as doubtful, and codes;
    changed: entries that the reviewer corrects or adds; unmarked: those of them that the draft
    marks as certain."""

    file: str
    looked_at: int
    changed: int
    unmarked: int


@dataclass(frozen=True, slots=True)
class Measured:
    """The figures of one detector, with seconds per step."""

    detector: str
    labels: int
    review: Review
    draft_s: float
    add_s: float
    rest_s: float
    triton_s: float

    @property
    def total_s(self) -> float:
        """Seconds from the start of the draft."""
        return self.draft_s + self.add_s + self.rest_s + self.triton_s


def detectors(rows: Sequence[Row]) -> dict[str, Gold]:
    """Two detectors of LABELS labels from the gate's rows: one real tool, and a broad one, evenly
    from all rows."""
    real = _distinct(row for row in rows if row.detector == _REAL)
    broad = _distinct(rows)
    spread = [broad[i * len(broad) // LABELS] for i in range(LABELS)]
    chosen = {f"`{_REAL}`": real[:LABELS], "a label of every family": spread}
    return {name: {row.output: row.gold for row in own} for name, own in chosen.items()}


def reviewed(draft: Mapping[str, Any], gold: Gold) -> Review:
    """draft: the answer of `POST /detectors/draft`. Entries that differ from `gold` are changed,
    and codes are mapped."""
    file: dict[str, Any] = yaml.safe_load(draft["file"])
    states = {entry["word"]: State(entry["state"]) for entry in draft["entries"]}
    drafted = {entry["word"]: entry["labels"] for entry in draft["entries"]}
    wrong = [
        word
        for word, labels in gold.items()
        if states[word] is State.CODE or set(drafted[word]) != set(labels)
    ]
    maps = file.setdefault("maps", {})
    maps |= {word: list(gold[word]) for word in wrong}
    return Review(
        yaml.safe_dump(file, allow_unicode=True),
        sum(state is not State.CERTAIN for state in states.values()),
        len(wrong),
        sum(states[word] is State.CERTAIN for word in wrong),
    )


def unseen_code(folder: Path) -> Path:
    """A Python with a copy of the service without the gate's families."""
    for package in _PACKAGES:
        shutil.copytree(ROOT / package, folder / package)
    hidden = load_folds().gate
    for name, detector in load_detectors().items():
        if detector.family in hidden:
            (folder / DETECTORS_DIR.relative_to(ROOT) / f"{name}.yaml").unlink()
    venv.create(folder / "venv", symlinks=True)
    # The copy and the packages of this environment; not this checkout, which another line adds.
    [packages] = (folder / "venv").glob("lib/python*/site-packages")
    (packages / "copy.pth").write_text(f"{folder}\n{Path(httpx.__file__).parents[1]}\n")
    return folder / "venv/bin/python"


def measure(service: Running, name: str, gold: Gold, folder: Path) -> Measured:
    """folder: for files. Raises CalledProcessError when a command fails."""
    detector = f"unseen-{match_key(name)}"
    labels, file = folder / f"{detector}.txt", folder / f"{detector}.yaml"
    labels.write_text("".join(f"{word}\n" for word in gold), encoding="utf-8")
    draft, draft_s = _timed(
        lambda: _mapper(service, "draft", detector, "--labels", str(labels), "--out", str(file))
    )
    review = reviewed(draft, gold)
    file.write_text(review.file, encoding="utf-8")
    _, add_s = _timed(lambda: _mapper(service, "add", str(file)))

    def answered(ask: Callable[[list[str]], list[list[str]]]) -> None:
        eventually(lambda: _decided(ask, gold), _ANSWERED_WITHIN_S)

    seconds = [
        _timed(functools.partial(answered, ask))[1]
        for ask in (
            lambda words: _by_rest(service, detector, words),
            lambda words: _by_triton(service, detector, words),
        )
    ]
    return Measured(name, len(gold), review, draft_s, add_s, *seconds)


def report(measured: Iterable[Measured]) -> str:
    """The table with the machine."""
    heads = (
        *("40 labels of", "to look at", "to change", "of these marked certain"),
        *("draft, s", "add, s", "all answered by REST, s", "by Triton, s", "in all, s"),
    )
    rows = (
        (
            one.detector,
            *map(str, (one.review.looked_at, one.review.changed, one.review.unmarked)),
            *(f"{s:.1f}" for s in (one.draft_s, one.add_s, one.rest_s, one.triton_s, one.total_s)),
        )
        for one in measured
    )
    return f"{table(heads, rows, numbers=True)}\nMeasured on {machine()}.\n"


def main() -> int:
    """Measure, and write the page; returns the exit code."""
    argparse.ArgumentParser(prog="bench.own_detector", description=__doc__).parse_args()
    with tempfile.TemporaryDirectory(prefix="mapper-own-detector-") as temporary:
        folder = Path(temporary)
        own = folder / "detectors"
        own.mkdir()
        python = unseen_code(folder / "code")
        with serving(folder, python, MAPPER_DETECTORS_DIR=str(own)) as service:
            measured = [
                measure(service, name, gold, folder)
                for name, gold in detectors(gate_rows()).items()
            ]
    text = report(measured)
    print(text)
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8"), {"stopwatch": text}), "utf-8")
    return 0


def _distinct(rows: Iterable[Row]) -> list[Row]:
    """One row per label, independent of its spelling."""
    return list({match_key(row.output): row for row in rows}.values())


def _mapper(service: Running, *arguments: str) -> dict[str, Any]:
    ran = subprocess.run(
        [sys.executable, "-m", "llama_mapper.cli", "detectors", *arguments, "--json"],
        env=os.environ | {"MAPPER_URL": service.url},
        stdout=subprocess.PIPE,
        check=True,
    )
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


def _decided(ask: Callable[[list[str]], list[list[str]]], gold: Gold) -> bool:
    answers = ask([question(Word(word)) for word in gold])
    return [set(labels) for labels in answers] == [set(labels) for labels in gold.values()]


def _by_rest(service: Running, detector: str, outputs: list[str]) -> list[list[str]]:
    body = {"requests": [{"detector": detector, "output": output} for output in outputs]}
    answer = httpx.post(f"{service.url}/map/batch", json=body, timeout=_ANSWERED_WITHIN_S)
    return [one["taxonomy"] if one else [] for one in answer.raise_for_status().json()["results"]]


def _by_triton(service: Running, detector: str, outputs: list[str]) -> list[list[str]]:
    inputs = [
        _tensor("DETECTOR", [detector] * len(outputs)),
        _tensor("OUTPUT", outputs),
    ]
    with triton.InferenceServerClient(service.grpc) as client:
        mapped = client.infer("mapper", inputs).as_numpy("MAPPING")
    return [json.loads(one)["taxonomy"] for one in mapped[:, 0]]


def _tensor(name: str, texts: Sequence[str]) -> triton.InferInput:
    tensor = triton.InferInput(name, [len(texts), 1], "BYTES")
    tensor.set_data_from_numpy(np.array([[text.encode()] for text in texts], dtype=np.object_))
    return tensor


def _timed(step: Callable[[], Any]) -> tuple[Any, float]:
    begun = time.perf_counter()
    found = step()
    return found, time.perf_counter() - begun


if __name__ == "__main__":
    sys.exit(main())
