"""Clients that generators make of the OpenAPI document: they pass their type checkers and work.

The generators are in an environment of their own (`make .venv-clients/.built`).
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.processes import ROOT, free_ports
from client_api.settings import Settings
from tests.support.fake_model import FakeGateway, KeyFile
from tests.support.serving import running_facade

pytestmark = [pytest.mark.slow, pytest.mark.clients]

HERE = Path(__file__).parent
TOOLS = ROOT / ".venv-clients"


@pytest.fixture
def server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[tuple[str, str]]:
    """URL and key of a facade that wants keys; its document is in `tmp_path`."""
    keys = KeyFile(tmp_path / "keys.json", capsys.readouterr)
    key = keys.create("acme", "map:write")["X-API-Key"]
    settings = Settings(port=free_ports(1)[0], keys_file=keys.path)
    with running_facade(settings, lambda _: FakeGateway()) as url:
        document = httpx.get(f"{url}/openapi.json", headers={"X-API-Key": key})
        (tmp_path / "openapi.json").write_bytes(document.raise_for_status().content)
        yield url, key


def run(folder: Path, *command: str) -> str:
    """What a command prints; it finds the tools of that environment first."""
    ran = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PATH": f"{TOOLS / 'bin'}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, f"{' '.join(command)}\n{ran.stdout}{ran.stderr}"
    return ran.stdout


def assert_used(answers: dict[str, Any]) -> None:
    """Both programs make the same calls and print what the generated types gave them."""
    assert answers.pop("confidence") > 0.9
    hate = ["HARM.SPEECH.Hate.Other"]
    assert answers == {
        "labels": hate,
        "source": "model",
        "tenant": "acme",
        "granted_ms": "100",
        "replayed": [None, "true"],
        "batch": [hate, None],
        "errors": [[1, "PAYLOAD_TOO_LARGE", False]],
        "refused": [401, "UNAUTHORIZED", False],
        "request_id": True,
        "wrong": [422, "INVALID_REQUEST"],
    }


def test_python(server: tuple[str, str], tmp_path: Path) -> None:
    for name in ("use_python.py", "mypy.ini"):
        shutil.copy(HERE / name, tmp_path)
    generate = ("openapi-python-client", "generate", "--path", "openapi.json", "--meta", "none")
    run(tmp_path, *generate, "--output-path", "generated", "--fail-on-warning")
    run(tmp_path, "mypy", "use_python.py", "generated")
    assert_used(json.loads(run(tmp_path, str(TOOLS / "bin" / "python"), "use_python.py", *server)))


def test_typescript(server: tuple[str, str], tmp_path: Path) -> None:
    for name in ("use_typescript.ts", "tsconfig.json", "package.json"):
        shutil.copy(HERE / name, tmp_path)
    (tmp_path / "node_modules").symlink_to(TOOLS / "node_modules")
    tools = TOOLS / "node_modules" / ".bin"
    run(tmp_path, str(tools / "openapi-typescript"), "openapi.json", "-o", "generated.ts")
    run(tmp_path, str(tools / "tsc"), "--noEmit", "--allowImportingTsExtensions")
    assert_used(json.loads(run(tmp_path, "node", "use_typescript.ts", *server)))
