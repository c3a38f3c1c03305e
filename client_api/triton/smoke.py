"""Tests a loaded version on the golden set: mappings that every tuned model knows.

In: Triton's gRPC address, a version. Out: the number of right answers, or SmokeError. The test
calls the version by its number and checks its own candidates. So it also works for versions that
are not served, and kill switch, rules and thresholds have no effect.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import tritonclient.grpc as triton
from numpy.typing import NDArray
from tritonclient.utils import InferenceServerException

from pipeline import wire
from schemas.candidate import Candidate, CandidateStatus
from schemas.event import candidate_errors

_FILE: Final = Path(__file__).parent / "golden.jsonl"
#: The least share of right rows. The export's quality gate checks how good a version is.
_ENOUGH: Final = 0.75


class SmokeError(Exception):
    """The version must not be served; the message has the reason."""


def smoke_test(grpc_url: str, model: str, version: int, *, timeout_s: float) -> tuple[int, int]:
    """(rows answered right, rows). Raises SmokeError when an answer cannot be used, when too
    many are wrong, or when Triton fails.
    """
    rows = [json.loads(line) for line in _FILE.read_text(encoding="utf-8").splitlines()]
    asked = {
        "DETECTOR": wire.to_column(row["detector"] for row in rows),
        "OUTPUT": wire.to_column(row["output"] for row in rows),
    }
    client = triton.InferenceServerClient(grpc_url)
    try:
        read = _infer(client, "signal_reader", "", asked, ("READ_SIGNALS",), timeout_s)
        inputs = read | {"DETECTOR": asked["DETECTOR"]}
        found = _infer(client, model, str(version), inputs, ("CANDIDATE",), timeout_s)
    except InferenceServerException as error:
        raise SmokeError(f"the golden set was not answered: {error}") from error
    finally:
        client.close()
    wrong = []
    for row, text in zip(rows, found["CANDIDATE"].flat, strict=True):
        name = f"{row['detector']}: {row['output']}"
        labels = _labels(name, text.decode())
        if labels != set(row["gold"]):
            wrong.append(f"{name} -> {', '.join(sorted(labels))}")
    right = len(rows) - len(wrong)
    if right < _ENOUGH * len(rows):
        raise SmokeError(
            f"it answers {right} of {len(rows)} golden rows right, {_ENOUGH:.0%} are needed; "
            f"wrong: {'; '.join(wrong[:5])}"
        )
    return right, len(rows)


def _labels(name: str, candidate: str) -> set[str]:
    """The model's labels for an item, of all its signals together."""
    try:
        found = wire.load_candidates(candidate)
    except ValueError as error:
        raise SmokeError(f"{name}: {error}") from error
    return set().union(*(_usable(name, answer) for answer in found.answers)) if found else set()


def _usable(name: str, answer: Candidate | None) -> Sequence[str]:
    if answer is None or answer.status is not CandidateStatus.OK:
        raise SmokeError(f"{name}: no answer ({answer.status if answer else 'not sent'})")
    try:
        candidate = json.loads(answer.text)
    except ValueError:
        raise SmokeError(f"{name}: the answer is not JSON") from None
    if problems := candidate_errors(candidate):
        raise SmokeError(f"{name}: the answer is not valid: {problems[0]}")
    if not (0 <= answer.confidence <= 1 and 0 <= answer.probability <= 1):
        raise SmokeError(f"{name}: its confidence is {answer.confidence}")
    labels: list[str] = candidate["taxonomy"]
    return labels


def _infer(
    client: Any,
    model: str,
    version: str,
    columns: Mapping[str, NDArray[Any]],
    outputs: Sequence[str],
    timeout_s: float,
) -> dict[str, NDArray[Any]]:
    inputs = []
    for name, column in columns.items():
        tensor = triton.InferInput(name, list(column.shape), "BYTES")
        tensor.set_data_from_numpy(column)
        inputs.append(tensor)
    result = client.infer(model, inputs, model_version=version, client_timeout=timeout_s)
    return {name: result.as_numpy(name) for name in outputs}
