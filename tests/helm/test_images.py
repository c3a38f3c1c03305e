"""The images' Dockerfiles: linted, pinned, non-root, and with all that they need."""

import ast
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.helm.charts import ROOT, container, pod, render

pytestmark = pytest.mark.slow

IMAGES = ROOT / "helm" / "images"
NAMES = ("facade", "triton")
OWN = {"schemas", "fallback", "engine", "pipeline", "client_api", "export", "slo", "tools"}
# Only `serve` needs it, and looks whether it is there.
OPTIONAL = {"pytriton"}
# Triton's own, there inside a stub only.
TRITONS = {"triton_python_backend_utils"}


def instructions(image: str) -> list[tuple[str, str]]:
    """(instruction, arguments) in order; continued lines are one."""
    text = (IMAGES / image / "Dockerfile").read_text(encoding="utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    return [(w, rest) for w, _, rest in (line.partition(" ") for line in text.splitlines()) if w]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def asked_for(*files: str) -> set[str]:
    """Names of the distributions that requirement files list."""
    lines = [line for f in files for line in (IMAGES / f).read_text(encoding="utf-8").splitlines()]
    return {normal(re.split(r"[\[=<>]", x)[0]) for x in lines if x and not x.startswith("#")}


def locked() -> set[str]:
    lines = (ROOT / "requirements/serve.txt").read_text(encoding="utf-8").splitlines()
    return {normal(line.partition("==")[0]) for line in lines if "==" in line}


def imported(files: list[Path]) -> Iterator[str]:
    """What modules and the project's own modules that they import, in turn, import of others."""
    seen, todo = set(files), list(files)
    while todo:
        for node in ast.walk(ast.parse(todo.pop().read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{a.name}" for a in node.names)]
            for name in names:
                if name.partition(".")[0] not in OWN:
                    yield name
                    continue
                path = ROOT / name.replace(".", "/")
                own = {path.with_suffix(".py"), path / "__init__.py"}
                todo += [f for f in own - seen if f.exists()]
                seen |= own


def distributions(files: list[Path]) -> set[str]:
    """The distributions that they come from."""
    top = {name.partition(".")[0] for name in imported(files)} - set(sys.stdlib_module_names)
    found: set[str] = set()
    for name in top - OPTIONAL - TRITONS:
        owners = packages_distributions()[name]
        # A namespace has many; those are told apart by what else is listed.
        found |= {normal(owners[0])} if len(set(owners)) == 1 else set()
    return found


@pytest.mark.parametrize("image", NAMES)
def test_the_linter_finds_nothing(image: str) -> None:
    linter = Path(sys.executable).with_name("hadolint")
    found = subprocess.run(
        [linter, IMAGES / image / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("image", NAMES)
def test_bases_are_pinned(image: str) -> None:
    bases = [rest.split()[0] for word, rest in instructions(image) if word == "FROM"]
    assert bases
    for base in bases:
        assert re.search(r":\d+\.\d+", base), f"{base} is not a version"


@pytest.mark.parametrize("image", NAMES)
def test_it_runs_as_the_user_that_the_chart_names(image: str) -> None:
    *_, user = [rest for word, rest in instructions(image) if word == "USER"]
    number = pod(render(), image)["spec"]["securityContext"]["runAsUser"]
    assert user == f"{number}:{number}"
    assert number > 0


@pytest.mark.parametrize("image", NAMES)
def test_packages_come_from_the_lock(image: str) -> None:
    runs = [r for word, r in instructions(image) if word == "RUN" and "pip" in r]
    for install in (r for r in runs if "requirements" in r):
        assert "serve.txt" in install or "lock.txt" in install
        assert "--only-binary=:all:" in install, "nothing is compiled while an image is built"
    for command in runs:
        assert "--no-cache-dir" in command
    assert asked_for(f"{image}/requirements.in") <= locked()


def test_the_facade_has_what_it_imports() -> None:
    needed = distributions([ROOT / "client_api/__main__.py"])
    brought_along = {"starlette", "pydantic", "pydantic-core", "protobuf"}
    assert needed <= asked_for("facade/requirements.in") | brought_along
    assert {"uvicorn", "tritonclient", "fastapi"} <= needed


def test_triton_has_what_the_models_import() -> None:
    models = sorted((ROOT / "model_repository").glob("*/1/model.py"))
    models.append(ROOT / "model_repository/llama_mapper/model.py")
    needed = distributions(models)
    for profile in ("cpu", "gpu"):
        runtime = f"triton/onnxruntime-{profile}.in"
        given = asked_for("triton/requirements.in", runtime)
        assert needed - {"onnxruntime"} <= given
        assert given & {"onnxruntime", "onnxruntime-gpu"}
    assert {"onnxruntime", "cachetools", "tokenizers"} <= needed


@pytest.mark.parametrize("image", NAMES)
def test_what_is_copied_is_there_and_not_ignored(image: str) -> None:
    ignored = (IMAGES / image / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    kept = [Path(line[1:]) for line in ignored if line.startswith("!")]
    assert ignored[0] == "*", "what is not named does not enter an image"
    for word, rest in instructions(image):
        if word != "COPY" or rest.startswith("--from"):
            continue
        for source in rest.split()[:-1]:
            assert list(ROOT.glob(source)), source
            assert any(Path(source) == k or k in Path(source).parents for k in kept), source


def test_an_installed_package_has_its_data(tmp_path: Path) -> None:
    """The images install from a copy of the sources: what is no Python must be declared."""
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    for package in ("schemas", "fallback", "client_api"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignore)
    options = ["--no-deps", "-q", "-w", str(tmp_path / "out")]
    pip = ROOT / ".venv-uv" / "bin" / "pip"  # uv makes environments without pip
    subprocess.run([pip, "wheel", *options, str(tmp_path)], check=True)
    [wheel] = (tmp_path / "out").glob("*.whl")
    installed = set(zipfile.ZipFile(wheel).namelist())
    for package in ("schemas", "fallback", "client_api"):
        files = {f.relative_to(tmp_path) for f in (tmp_path / package).rglob("*") if f.is_file()}
        assert {str(f) for f in files} <= installed


def test_triton_is_started_by_the_launcher() -> None:
    words = dict(instructions("triton"))
    assert words["ENTRYPOINT"] == '["python3", "-I", "/opt/mapper/launch.py"]'
    assert "command" not in container(render(), "triton")


def test_the_facade_is_started_alone() -> None:
    words = dict(instructions("facade"))
    assert words["ENTRYPOINT"] == '["python", "-m", "client_api"]'
    assert container(render(), "facade")["args"] == ["facade"]
