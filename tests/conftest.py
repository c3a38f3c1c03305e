"""Fixtures that tests share. What they need is imported when they are used: the tests of `export`
run in an environment without the serving packages.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.serving import Stack


def pytest_configure(config: pytest.Config) -> None:
    """A busy machine makes an example slow, which is no failure of a property."""
    if config.pluginmanager.hasplugin("hypothesispytest"):
        from hypothesis import settings

        settings.register_profile("no deadline", settings.default, deadline=None)
        settings.load_profile("no deadline")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test of a fixture that needs a Triton, or the published model, is marked with that."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if "stack" in fixtures or "tiny_repository" in fixtures:
            item.add_marker(pytest.mark.triton)
        if "stack" in fixtures:
            item.add_marker(pytest.mark.model)


@pytest.fixture(autouse=True)
def own_mode_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a kill switch of its own, which nobody has touched."""
    monkeypatch.setenv("MAPPER_MODE_STATE_FILE", str(tmp_path / "mode.json"))


@pytest.fixture(scope="session")
def stack() -> Iterator["Stack"]:
    """The real Triton with the model version published in this checkout, and the facade."""
    from bench.processes import published_models
    from tests.support.serving import running_stack

    with running_stack(published_models()) as running:
        yield running


@pytest.fixture
def tiny_repository(tmp_path: Path) -> Path:
    """The project's models with a tiny random Llama; the test's own, to be changed at will."""
    from tests.support.serving import tiny_models

    return tiny_models(tmp_path / "models")
