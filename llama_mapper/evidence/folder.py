"""Writes a folder of evidence: records, counts, and files in the formats of other tools."""

import csv
import json
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

from llama_mapper.evidence.answers import Answer, Outcome, Rejected
from llama_mapper.evidence.chain import EVENTS, Chain, write_seal
from llama_mapper.evidence.ocsf import detection_finding
from llama_mapper.evidence.oscal import assessment_results
from llama_mapper.evidence.page import render
from llama_mapper.evidence.summary import Catalogue, Period, Summary


def write_evidence(
    found: Iterable[Answer | Rejected],
    folder: Path,
    catalogue: Catalogue,
    *,
    period: Period,
    made: datetime,
    plan: str,
) -> Summary:
    """Write the files into a new or empty folder, and return the counts.

    found: an iterable that is read once. made: the time of writing. plan: reference to the
    assessment plan of the OSCAL document. Raises FileExistsError for a folder with files, and the
    errors of `found`; then no file is left.
    """
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(folder)
    try:
        summary, chain = _write_answers(found, folder, period)
        _write_counts(summary, chain, folder, catalogue, made, plan)
    except BaseException:
        for path in folder.iterdir():
            path.unlink()
        if is_new:
            folder.rmdir()
        raise
    return summary


def _write_answers(
    found: Iterable[Answer | Rejected], folder: Path, period: Period
) -> tuple[Summary, Chain]:
    summary, chain = Summary(period), Chain()
    with ExitStack() as files:
        records, findings, rejected = (
            files.enter_context((folder / name).open("x", encoding="utf-8"))
            for name in (EVENTS, "ocsf.jsonl", "rejected.jsonl")
        )
        for one in found:
            if isinstance(one, Rejected):
                summary.rejected += 1
                # Escaped: a problem may quote a text that UTF-8 lacks.
                rejected.write(json.dumps({"line": one.line, "problem": one.problem}) + "\n")
                continue
            summary.add(one)
            records.write(chain.line(one.record))
            if one.outcome is Outcome.INCIDENT:
                findings.write(_line(detection_finding(one, chain.head)))
    return summary, chain


def _write_counts(
    summary: Summary, chain: Chain, folder: Path, catalogue: Catalogue, made: datetime, plan: str
) -> None:
    data = summary.data(catalogue)
    _write_json(folder / "summary.json", data)
    _write_json(folder / "oscal.json", assessment_results(data, chain.head, made, plan))
    (folder / "report.html").write_text(render(data, chain.head), encoding="utf-8")
    _write_cells(folder / "incidents.csv", ("detector", "label"), summary.cells)
    _write_cells(folder / "controls.csv", ("framework", "control"), summary.control_cells)
    write_seal(folder, chain)


def _write_cells(
    path: Path, heads: tuple[str, str], cells: Mapping[tuple[str, str, str, str], int]
) -> None:
    with path.open("x", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("period", "tenant", *heads, "incidents"))
        rows.writerows((*map(_inert, cell), count) for cell, count in sorted(cells.items()))


def _inert(text: str) -> str:
    """A text that spreadsheets do not evaluate as a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"
