"""The wheel, built from the tracked files and installed into an empty environment."""

import json
import shutil
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tools.doc_blocks import ROOT

UV = ROOT / ".venv-uv/bin/uv"
PARTS = ("llama_mapper", "pyproject.toml", "README.md", "LICENSE", "NOTICE")
SAMPLE = """\
from llama_mapper import AsyncMapperClient, BatchResult, MappedEvent, MapperClient, MapRequest

with MapperClient("http://localhost:8080", api_key="lm_") as client:
    event: MappedEvent = client.map("presidio", {"entity_type": "US_SSN"}, explain=True)
    batch: BatchResult = client.map_many([MapRequest("presidio", "US_SSN")])
    labels: tuple[str, ...] = event.taxonomy
    sure: float = event.label_confidence[labels[0]]
    how: str = "" if event.reading is None else event.reading["how"]


async def other() -> int:
    async with AsyncMapperClient() as client:
        return (await client.map_many([])).distinct


WRONG
"""

pytestmark = pytest.mark.heavy


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel and what it needs, and nothing else."""

    wheel: Path
    environment: Path

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A program of the environment, away from the checkout."""
        return subprocess.run(
            [self.environment / "bin" / program, *arguments],
            cwd=self.environment,
            env={"PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )

    def files(self) -> list[str]:
        with zipfile.ZipFile(self.wheel) as wheel:
            return wheel.namelist()


def uv(*arguments: str | Path) -> str:
    done = subprocess.run([UV, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("wheel")
    tracked = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z", *PARTS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, tracked.stdout.split("\0")):
        (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / "source" / name)
    uv("build", "--wheel", "-q", "-o", folder / "dist", folder / "source")
    (wheel,) = (folder / "dist").glob("*.whl")
    uv("venv", "-q", "--python", ROOT / ".venv/bin/python", folder / "venv")
    uv("pip", "install", "-q", "--python", folder / "venv", wheel)
    return Installed(wheel, folder / "venv")


def test_the_command_and_the_client_work_without_the_service(installed: Installed) -> None:
    told = installed.run("mapper", "--help")
    assert told.returncode == 0, told.stderr
    assert all(name in told.stdout for name in ("map", "batch", "taxonomy", "doctor"))
    assert installed.run("python", "-c", "import llama_mapper").stderr == ""
    by_module = installed.run("python", "-m", "llama_mapper.cli", "map", "--help")
    assert by_module.returncode == 0
    asked = installed.run("mapper", "map", "d", "o", "--url", "http://127.0.0.1:1")
    assert asked.returncode == 1
    assert "mapper doctor" in asked.stderr


def test_the_doctor_needs_nothing_else(installed: Installed) -> None:
    done = installed.run("mapper", "doctor", "--json", "--url", "http://127.0.0.1:1")
    assert done.returncode == 1, done.stderr
    found = {check["name"]: check["state"] for check in json.loads(done.stdout)["checks"]}
    assert found["service"] == "fail"
    assert {"cpu", "memory", "python", "disk", "triton"} <= set(found)


def test_an_extra_that_is_missing_is_named(installed: Installed, tmp_path: Path) -> None:
    for name in ("in.parquet", "in.jsonl.zst"):
        (tmp_path / name).touch()
        out = str(tmp_path / name.replace("in", "out"))
        done = installed.run("mapper", "bulk", str(tmp_path / name), out)
        assert done.returncode == 2, done.stderr
        assert "llama-mapper[bulk]" in done.stderr


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        (("--triton", "localhost:8001"), "llama-mapper[triton]"),
        (("--in-process",), "make .venv/.built model"),
    ],
)
def test_a_way_to_the_model_that_is_missing_is_named(
    installed: Installed, tmp_path: Path, options: tuple[str, ...], advice: str
) -> None:
    (tmp_path / "in.jsonl").write_text('{"detector": "d", "output": "o"}\n')
    files = (str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl"))
    done = installed.run("mapper", "bulk", *files, *options)
    assert done.returncode == 2, done.stderr
    assert advice in " ".join(done.stderr.replace("│", " ").split())


def test_the_wheel_holds_the_client_alone_and_its_types(installed: Installed) -> None:
    files = installed.files()
    assert {name.split("/")[0].split("-")[0] for name in files} == {"llama_mapper"}
    assert "llama_mapper/py.typed" in files
    assert any(name.endswith("licenses/LICENSE") for name in files)
    on_disk = {f.relative_to(ROOT).as_posix() for f in (ROOT / "llama_mapper").rglob("*.py")}
    assert on_disk == {name for name in files if name.endswith(".py")}


def test_it_needs_five_packages_at_most(installed: Installed) -> None:
    code = "import importlib.metadata as m; print(*m.requires('llama-mapper'), sep='\\n')"
    required = installed.run("python", "-c", code).stdout.splitlines()
    assert 1 <= len([line for line in required if "extra ==" not in line]) <= 5


@pytest.mark.parametrize("wrong", ["", 'client.map("presidio")', "event.label"])
def test_a_users_code_is_type_checked(installed: Installed, tmp_path: Path, wrong: str) -> None:
    uv("pip", "install", "-q", "--python", installed.environment, "mypy")
    sample = tmp_path / "sample.py"
    sample.write_text(SAMPLE.replace("WRONG", wrong))
    done = installed.run("python", "-m", "mypy", "--strict", str(sample))
    assert (done.returncode == 0) == (wrong == ""), done.stdout
