"""A tiny checkpoint, and the folder of a model without versions."""

import shutil
from pathlib import Path

import pytest

from tests.export.publishing.exports import ROOT
from tests.export.tiny_checkpoint import make_directory


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_directory(tmp_path_factory.mktemp("base") / "Tiny_Llama")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty `llama_mapper` model: it has its code and no version."""
    path = tmp_path / "llama_mapper"
    path.mkdir()
    shutil.copy(ROOT / "model_repository" / "llama_mapper" / "model.py", path)
    return path
