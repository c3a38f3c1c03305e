"""The images' Dockerfiles: linted, pinned, non-root, and with all that they need."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.helm.charts import ROOT, container, pod, render

pytestmark = pytest.mark.slow

IMAGES = ROOT / "helm" / "images"
#: The locks of each image.
LOCKS = {
    "facade": ("facade",),
    "triton": ("triton-cpu", "triton-server"),
    "triton-gpu": ("triton-gpu",),
}
NAMES = tuple(LOCKS)
OWN = {"schemas", "fallback", "engine", "pipeline", "client_api", "export", "slo", "tools"}
# Only `serve` needs it, and looks whether it is there.
OPTIONAL = {"pytriton"}
# What each image starts: a program, or the models with the canary of the probes.
_MODELS = [
    *sorted((ROOT / "model_repository").glob("[!l]*/1/model.py")),
    ROOT / "model_repository" / "llama_mapper" / "model.py",
    ROOT / "client_api" / "upstream" / "probe.py",
]
STARTED = {
    "facade": [ROOT / "client_api" / "__main__.py"],
    "triton": _MODELS,
    "triton-gpu": _MODELS,
}
# Triton's own, there inside a stub only.
TRITONS = {"triton_python_backend_utils"}


def instructions(image: str) -> list[tuple[str, str]]:
    """(instruction, arguments) in order; continued lines are one."""
    text = (IMAGES / image / "Dockerfile").read_text(encoding="utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    return [(w, rest) for w, _, rest in (line.partition(" ") for line in text.splitlines()) if w]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def asked_for(group: str) -> set[str]:
    """Names of the distributions that a dependency group lists."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["dependency-groups"]
    names: set[str] = set()
    for line in groups[group]:
        included = isinstance(line, dict)
        names |= (
            asked_for(line["include-group"])
            if included
            else {normal(re.split(r"[\[=<>]", line)[0])}
        )
    return names


def locked(name: str) -> set[str]:
    """`name==version` of each package of a lock."""
    lines = (ROOT / f"requirements/{name}.txt").read_text("utf-8").splitlines()
    return {line.removesuffix(" \\") for line in lines if "==" in line}


def imports(start: list[Path]) -> tuple[set[Path], set[str]]:
    """The project's own files that these files and what they import need, and the foreign names."""
    own, foreign, todo = set(start), set(), list(start)
    while todo:
        for node in ast.walk(ast.parse(todo.pop().read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{a.name}" for a in node.names)]
            for name in names:
                if name.partition(".")[0] not in OWN:
                    foreign.add(name)
                    continue
                path = ROOT / name.replace(".", "/")
                packages = {p / "__init__.py" for p in path.parents if ROOT in p.parents}
                files = {path.with_suffix(".py"), path / "__init__.py", *packages}
                todo += (new := {f for f in files - own if f.exists()})
                own |= new
    return own, foreign


def distributions(files: list[Path]) -> set[str]:
    """The distributions that they come from."""
    top = {name.partition(".")[0] for name in imports(files)[1]} - set(sys.stdlib_module_names)
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
    stages = [rest.split() for word, rest in instructions(image) if word == "FROM"]
    defaults = dict(rest.split("=") for word, rest in instructions(image) if word == "ARG")
    named = {words[-1] for words in stages if len(words) > 1}
    bases = {words[0] for words in stages} - named
    [base] = {defaults["BASE"] if base == "${BASE}" else base for base in bases}
    assert re.search(r":\d+\.\d+", base), f"{base} is not a version"


@pytest.mark.parametrize("image", NAMES)
def test_it_runs_as_the_user_that_the_chart_names(image: str) -> None:
    *_, user = [rest for word, rest in instructions(image) if word == "USER"]
    number = pod(render(), image.removesuffix("-gpu"))["spec"]["securityContext"]["runAsUser"]
    assert user == f"{number}:{number}"
    assert number > 0


@pytest.mark.parametrize("image", NAMES)
def test_packages_come_from_the_locks(image: str) -> None:
    runs = [rest for word, rest in instructions(image) if word == "RUN"]
    installs = re.findall(r"pip3? install.*?(?=&&|$)", " ".join(runs))
    for install in installs:
        assert "--require-hashes" in install
        assert "--no-cache" in install
    *_, last = installs
    assert "--only-binary" in last, "nothing is compiled while an image is built"
    assert tuple(re.findall(r"-r \S*/(\S+)\.txt", last)) == LOCKS[image]


@pytest.mark.parametrize("image", NAMES)
def test_an_image_has_the_versions_that_the_tests_have(image: str) -> None:
    for lock in LOCKS[image]:
        others = {x for x in locked(lock) - locked("serve") if "onnxruntime-gpu" not in x}
        assert others == set()


@pytest.mark.parametrize("image", ["facade", "triton"])
def test_the_page_of_licences_names_every_package(image: str) -> None:
    page = (ROOT / "docs" / "licences.md").read_text("utf-8")
    python = page.partition("<!-- generated: python -->")[2].partition("<!-- end")[0]
    listed = {normal(name) for name in re.findall(r"[\w.-]+", python)}
    names = {x.partition("==")[0] for lock in LOCKS[image] for x in locked(lock)}
    assert names - listed == set(), "run `.venv/bin/python -m tools.images --licences`"


def test_the_facade_has_what_it_imports() -> None:
    # Parquet is for a facade outside of an image: the chart keeps events in PostgreSQL.
    needed = distributions(STARTED["facade"]) - {"polars"}
    brought_along = {"starlette", "pydantic-core", "protobuf"}
    assert needed <= asked_for("facade") | brought_along
    assert {"uvicorn", "tritonclient", "fastapi"} <= needed


@pytest.mark.parametrize(
    ("group", "runtime"), [("triton-cpu", "onnxruntime"), ("triton-gpu", "onnxruntime-gpu")]
)
def test_triton_has_what_the_models_import(group: str, runtime: str) -> None:
    needed = distributions(STARTED["triton"])
    assert needed - {"onnxruntime", "pydantic-core"} <= asked_for(group)
    assert runtime in asked_for(group)
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


@pytest.mark.parametrize("image", NAMES)
def test_what_is_imported_is_copied(image: str) -> None:
    """The service is no package: an image has the folders themselves, with their data."""
    places = {
        (ROOT / source, target)
        for word, rest in instructions(image)
        if word == "COPY" and not rest.startswith("--from")
        for *sources, target in [rest.split()]
        for source in sources
    }
    for file in imports(STARTED[image])[0]:
        [(source, target)] = [(s, t) for s, t in places if s == file or s in file.parents]
        folder = source.relative_to(ROOT) if source.is_dir() else source.parent.relative_to(ROOT)
        assert Path(target) == Path("/opt/mapper") / folder, file


@pytest.mark.parametrize("image", ["triton", "triton-gpu"])
def test_triton_is_started_by_the_launcher(image: str) -> None:
    words = dict(instructions(image))
    assert words["ENTRYPOINT"] == '["python3", "-I", "/opt/mapper/launch.py"]'
    assert "command" not in container(render(), "triton")


def test_the_facade_is_started_alone() -> None:
    words = dict(instructions("facade"))
    assert words["ENTRYPOINT"] == '["python", "-m", "client_api"]'
    assert container(render(), "facade")["args"] == ["facade"]
