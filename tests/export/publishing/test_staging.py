"""Numbers of published versions."""

import shutil
from pathlib import Path

import pytest

from export.common.errors import ExportError
from export.publishing.staging import publish, staging


def published(model_folder: Path) -> str:
    with staging(model_folder) as folder:
        (folder / "manifest.json").write_text("{}")
        return publish(folder, model_folder).name


def test_the_number_of_a_deleted_version_is_not_given_again(tmp_path: Path) -> None:
    (tmp_path / "4").mkdir()
    assert [published(tmp_path), published(tmp_path)] == ["5", "6"]
    for number in ("4", "5", "6"):
        shutil.rmtree(tmp_path / number)
    assert published(tmp_path) == "7"


def test_a_damaged_record_of_numbers_is_named(tmp_path: Path) -> None:
    (tmp_path / ".last-version").write_text("seven")
    with pytest.raises(ExportError, match=r"\.last-version: no number"):
        published(tmp_path)
