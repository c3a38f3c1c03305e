"""Schemathesis against the running facade, with all of its checks."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.processes import free_ports
from client_api.settings import Settings
from tests.support.fake_model import FakeGateway, KeyFile
from tests.support.serving import running_facade

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent


def test_the_api_is_what_it_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = KeyFile(tmp_path / "keys.json", capsys.readouterr)
    key = keys.create("acme", "map:write", "metrics:read", "review", "admin")["X-API-Key"]
    settings = Settings(port=free_ports(1)[0], keys_file=keys.path)
    with running_facade(settings, lambda _: FakeGateway()) as url:
        run = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli"),
                *("--config-file", str(HERE / "schemathesis.toml"), "run", f"{url}/openapi.json"),
                *("--checks", "all", "--max-examples", "60", "--continue-on-failure"),
                *("--header", f"X-API-Key: {key}", "--seed", "1", "--no-color"),
            ],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(HERE)},
            capture_output=True,
            text=True,
        )
    assert run.returncode == 0, run.stdout[-20_000:]
    # It may warn of operations that are off without a folder, such as those of the review queue.
    assert re.search(r"Selected: (\d+)/\1\s+Tested: \1\b", run.stdout), run.stdout[-2_000:]
