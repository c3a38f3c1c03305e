"""A repository of two versions that answer at once."""

from pathlib import Path

import pytest

from bench.faults.deployment import stand_in_repository
from tests.client_api.triton.switching import publish_stand_in


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Versions 1 and 2."""
    fault = tmp_path / "fault.json"
    fault.write_text("{}")
    monkeypatch.setenv("STAND_IN_FAULT_FILE", str(fault))
    models = stand_in_repository(tmp_path / "models")
    for number in (1, 2):
        publish_stand_in(models, number)
    return models
