"""Fixtures that tests share. What they need is imported when they are used: the tests of `export`
run in an environment without the serving packages.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from serving import Stack


@pytest.fixture(scope="session")
def stack() -> Iterator["Stack"]:
    """The real Triton with the model version published in this checkout, and the facade."""
    from serving import published_models, running_stack

    with running_stack(published_models()) as running:
        yield running


@pytest.fixture
def tiny_repository(tmp_path: Path) -> Path:
    """The project's models with a tiny random Llama; the test's own, to be changed at will."""
    from serving import tiny_models

    return tiny_models(tmp_path / "models")
