"""Engines on tiny random Llamas: one that writes text, one that writes label tokens."""

from pathlib import Path

import pytest

from engine.mapper import MapperEngine
from tests.engine.engines import ANSWERS, load
from tests.support import tiny_llama


@pytest.fixture(scope="session", params=tiny_llama.TOKENIZERS)
def text_version(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama.publish(
        tmp_path_factory.mktemp("text") / "1",
        tokenizer=tiny_llama.TOKENIZERS[request.param](),
        bos=tiny_llama.BOS,
    )


@pytest.fixture(scope="session")
def label_version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama.publish(tmp_path_factory.mktemp("labels") / "1", answers=ANSWERS)


@pytest.fixture(scope="session")
def text_engine(text_version: Path) -> MapperEngine:
    return load(text_version)


@pytest.fixture(scope="session")
def label_engine(label_version: Path) -> MapperEngine:
    return load(label_version)


@pytest.fixture(scope="session", params=["text", "labels"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> MapperEngine:
    answers = ANSWERS if request.param == "labels" else None
    return load(tiny_llama.publish(tmp_path_factory.mktemp(request.param) / "1", answers=answers))
