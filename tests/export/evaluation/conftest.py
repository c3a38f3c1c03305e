"""A labelled file of given lines."""

from pathlib import Path

import pytest

from tests.export.evaluation.labelled_files import Write


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def lines(*given: str) -> Path:
        file = tmp_path / "labelled.jsonl"
        file.write_text("\n".join(given) + "\n", "utf-8")
        return file

    return lines
