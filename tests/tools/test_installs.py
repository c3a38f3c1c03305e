"""Both environments from an empty pip configuration, as on anybody's machine."""

import json
import subprocess
from pathlib import Path

import pytest

from tools.first_start import measure, plain_environment

ROOT = Path(__file__).resolve().parents[2]
MINUTES = 4
"""From the clone to the first answer by the model, at most, on two cores."""

_IMPORT = """
import importlib, pathlib, sys
for package in sys.argv[1:]:
    for file in sorted(pathlib.Path(package).rglob("*.py")):
        name = ".".join(file.with_suffix("").parts).removesuffix(".__init__")
        if not name.endswith("__main__"):
            importlib.import_module(name)
print("torch" in sys.modules)
"""
_SERVING = ("schemas", "fallback", "engine", "pipeline", "client_api")
_EXPORT = ("schemas", "fallback", "engine", "export")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("first-start")


@pytest.fixture(scope="module")
def seconds(home: Path) -> dict[str, float]:
    """What each step took; the clone is in `home`."""
    return measure(home)


def in_clone(home: Path, *command: str) -> str:
    """The output of a command that succeeds in the clone, without any configuration of pip."""
    ran = subprocess.run(
        command,
        cwd=home / "clone",
        env=plain_environment(home),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def imports(home: Path, python: str, *packages: str) -> bool:
    """Whether all modules of these packages can be imported, and bring torch along."""
    return in_clone(home, str(home / "clone" / python), "-c", _IMPORT, *packages).strip() == "True"


@pytest.mark.slow
@pytest.mark.triton
def test_a_clone_answers_within_minutes(seconds: dict[str, float]) -> None:
    assert seconds["clone to the model's answer"] < MINUTES * 60
    assert seconds["first start, rules"] < seconds["first start, model"]
    assert seconds["second start, model"] < seconds["first start, model"]


@pytest.mark.slow
@pytest.mark.triton
def test_what_serves_is_installed_from_plain_pypi(home: Path, seconds: dict[str, float]) -> None:
    in_clone(home, "make", "-s", ".venv/.events")
    assert not imports(home, ".venv/bin/python", *_SERVING)


@pytest.mark.slow
@pytest.mark.triton
def test_what_exports_is_installed_from_plain_pypi(home: Path, seconds: dict[str, float]) -> None:
    in_clone(home, "make", "-s", ".venv-export/.built")
    assert imports(home, ".venv-export/bin/python", *_EXPORT)


def test_locks_name_no_place() -> None:
    for lock in (ROOT / "requirements").glob("*.txt"):
        lines = lock.read_text("utf-8").splitlines()
        named = [x for x in lines if x and not x.startswith(("#", "    --hash=sha256:"))]
        assert named, lock
        assert all("==" in x and "/" not in x and x.endswith("\\") for x in named), lock


def test_packages_of_node_are_locked_by_hash() -> None:
    lock = json.loads((ROOT / "tests/system/clients/package-lock.json").read_text("utf-8"))
    packages = [package for place, package in lock["packages"].items() if place]
    assert packages
    assert all(p["integrity"].startswith("sha512-") and "resolved" not in p for p in packages)


@pytest.mark.parametrize("lock", ["serve", "test", "events", "lint", "chart", "images"])
def test_nothing_beside_what_serves_slows_its_imports(lock: str) -> None:
    # jsonschema imports it where it is installed, and it compiles a grammar for 2 s.
    assert "rfc3987-syntax" not in (ROOT / "requirements" / f"{lock}.txt").read_text("utf-8")
