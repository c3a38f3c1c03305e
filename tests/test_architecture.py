"""The import direction between packages and between the rooms of a package, and their sizes."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAX_LINES = 300
MAX_FILES = 12

#: What each package may import; `tools` and tests may import everything.
PACKAGES = {
    "llama_mapper": set(),
    "schemas": set(),
    "fallback": {"schemas"},
    "engine": {"schemas"},
    "pipeline": {"schemas", "fallback", "engine"},
    "client_api": {"schemas", "fallback", "engine", "pipeline"},
    "export": {"schemas", "fallback", "engine", "pipeline", "tools"},
    "slo": {"schemas", "tools"},
    "bench": {
        *("schemas", "fallback", "engine", "pipeline", "client_api", "export", "slo", "tools"),
        "llama_mapper",
    },
}
#: The rooms of `client_api` and `export`, each with the rooms of its package that it may import.
ROOMS = {
    "client_api": {
        "telemetry": set(),
        "access": {"telemetry"},
        "console": set(),
        "mapping": {"telemetry"},
        "upstream": {"mapping", "telemetry"},
        "review": {"mapping"},
        "events": {"mapping", "review", "telemetry"},
        "http": {"access", "console", "mapping", "review", "telemetry", "upstream"},
        "triton": {"access", "http", "mapping", "telemetry", "upstream"},
        "cli": {"access"},
    },
    "export": {
        "common": set(),
        "data": {"common"},
        "measures": {"common"},
        "checkpoint": {"common", "data"},
        "onnx": {"checkpoint", "common", "data", "measures"},
        "training": {"checkpoint", "common", "data", "onnx"},
        "publishing": {"checkpoint", "common", "data", "measures", "onnx"},
        "evaluation": {"checkpoint", "common", "data", "measures", "onnx", "publishing"},
        "ablation": {
            *("checkpoint", "common", "data", "evaluation", "measures", "onnx"),
            *("publishing", "training"),
        },
    },
}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(file: Path) -> Iterator[str]:
    """The dotted names that a file imports, wherever the statement stands."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_import_in_one_direction(package: str) -> None:
    allowed = PACKAGES[package] | {package}
    wrong = {
        f"{file.relative_to(ROOT)} imports {name}"
        for file in modules(package)
        for name in imported(file)
        if (top := name.split(".")[0]) in PACKAGES.keys() | {"tools", "tests"}
        and top not in allowed
    }
    assert wrong == set()


@pytest.mark.parametrize(("package", "room"), [(p, r) for p, rooms in ROOMS.items() for r in rooms])
def test_rooms_import_in_one_direction(package: str, room: str) -> None:
    allowed = ROOMS[package][room] | {room}
    wrong = {
        f"{file.relative_to(ROOT)} imports {name}"
        for file in modules(f"{package}/{room}")
        for name in imported(file)
        if name.startswith(f"{package}.")
        and (other := name.split(".")[1]) in ROOMS[package]
        and other not in allowed
    }
    assert wrong == set()


def test_a_triton_model_fits_a_screen() -> None:
    long = {
        f"{file.relative_to(ROOT)}: {lines}"
        for file in (ROOT / "model_repository").rglob("model.py")
        if (lines := len(file.read_text(encoding="utf-8").splitlines())) > 64
    }
    assert long == set()


def test_files_and_folders_fit_a_glance() -> None:
    files = [file for package in PACKAGES for file in modules(package)]
    long = {
        f"{file.relative_to(ROOT)}: {lines} lines"
        for file in files
        if (lines := len(file.read_text(encoding="utf-8").splitlines())) > MAX_LINES
    }
    assert long == set()
    full = {
        f"{folder.relative_to(ROOT)}: {count} modules"
        for folder in {file.parent for file in files}
        if (count := len([f for f in folder.glob("*.py") if f.name != "__init__.py"])) > MAX_FILES
    }
    assert full == set()
