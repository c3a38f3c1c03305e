"""An adapter's directory, read without torch and checked against base, prompt and taxonomy.

In: a directory as peft writes it (`adapter_config.json`, `adapter_model.safetensors`). It may also
have:
  answers.json              list of label lists: the answers with a token each
  answer_rows.safetensors   the tokens' head rows, "answer_rows" [answers, hidden]; without it they
                            are token rows that peft trained, ids `base vocabulary + i`
  calibration.json          from probability to confidence, fitted on held-out predictions
  trained_on.json           {"base_sha256", "prompt", "taxonomy"}: each given key must match
Out: their contents. Nothing is merged here.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file

from engine.manifest import Origin
from export.common.errors import ExportError
from export.common.hashing import sha256_files
from schemas.taxonomy import Taxonomy

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
ROWS_FILE = "answer_rows.safetensors"
_ROWS = "answer_rows"


class AdapterFiles:
    """One adapter's directory. Methods raise ExportError with the name of the wrong file."""

    def __init__(self, path: Path) -> None:
        """Raises ExportError when there is no adapter."""
        for name in (CONFIG, WEIGHTS):
            if not (path / name).is_file():
                raise ExportError(f"ADAPTER={path}: no adapter, {name} is missing")
        self.path = path

    @property
    def has_rows(self) -> bool:
        """Whether the answers' head rows have a file of their own."""
        return (self.path / ROWS_FILE).is_file()

    def check_origin(self, base_sha256: str, versions: Mapping[str, str]) -> None:
        """versions: of "prompt" and "taxonomy", compared with those of the adapter's training."""
        trained_on = self.read_json("trained_on.json", dict) or {}
        for key, here in {"base_sha256": base_sha256, **versions}.items():
            there = trained_on.get(key, here)
            if there != here:
                raise ExportError(
                    f"ADAPTER={self.path}: does not fit, it was trained on {key} {there}, this is"
                    f" {here}; train it again, name its own base with MODEL=, or do without it with"
                    " ADAPTER=none"
                )

    def answers(self, taxonomy: Taxonomy) -> list[list[str]] | None:
        """The label sets, None for an adapter that writes text."""
        file = self.path / "answers.json"
        answers: list[list[str]] | None = self.read_json(file.name, list)
        for index, labels in enumerate(answers or ()):
            if not isinstance(labels, list) or not labels:
                raise ExportError(f"{file}: answer {index} is not a list of labels")
            unknown = [label for label in labels if label not in taxonomy]
            if unknown:
                raise ExportError(f"{file}: answer {index}: {unknown[0]} is not in the taxonomy")
        return answers

    def rows(self, answers: int, hidden: int) -> npt.NDArray[np.float32]:
        """The answers' head rows [answers, hidden]."""
        rows = self.tensors(ROWS_FILE).get(_ROWS)
        if rows is None or list(rows.shape) != [answers, hidden]:
            found = "absent" if rows is None else str(list(rows.shape))
            raise ExportError(
                f"{self.path / ROWS_FILE}: {_ROWS} is {found}, not {[answers, hidden]}"
            )
        return rows.astype(np.float32)

    def calibration(self) -> dict[str, Any] | None:
        """The adapter's own curve, None without one."""
        found: dict[str, Any] | None = self.read_json("calibration.json", dict)
        return found

    def origin(self) -> Origin:
        """For the manifest; the hash is of the files that decide the weights."""
        files = [self.path / CONFIG, self.path / WEIGHTS]
        if self.has_rows:
            files.append(self.path / ROWS_FILE)
        return Origin(name=self.path.resolve().name, sha256=sha256_files(files))

    def tensors(self, name: str) -> dict[str, npt.NDArray[Any]]:
        """The arrays of one safetensors file."""
        file = self.path / name
        try:
            tensors: dict[str, npt.NDArray[Any]] = load_file(file)
        except Exception as error:  # safetensors' own type is not public
            raise ExportError(f"{file}: cannot be read ({error})") from error
        return tensors

    def read_json(self, name: str, kind: type) -> Any:
        """The file's contents, None when there is no such file."""
        file = self.path / name
        if not file.is_file():
            return None
        try:
            value = json.loads(file.read_text("utf-8"))
        except ValueError as error:
            raise ExportError(f"{file}: not JSON ({error})") from error
        if not isinstance(value, kind):
            raise ExportError(f"{file}: not a JSON {'object' if kind is dict else 'list'}")
        return value
