"""`python -m tools.hostile`: run the tests of each threat, measure what other callers notice of
hostile batches, and write the page.

In: `tests/system/hostile/findings.yaml`. Out: the status of pytest, or 1 where an objective of the
measurement is missed; when all tests passed, the tables and the figures of `docs/security.md`.
"""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from bench.faults.report import machine
from bench.load import others
from tools.markdown import render, table

ROOT: Final = Path(__file__).parent.parent
PAGE: Final = ROOT / "docs/security.md"
_FINDINGS: Final = ROOT / "tests/system/hostile/findings.yaml"
_EXPORT: Final = "tests/export/"


def load() -> dict[str, list[dict[str, Any]]]:
    """`threats` and `findings`, each with `tests` or with the reason why it is `open`."""
    data: dict[str, list[dict[str, Any]]] = yaml.safe_load(_FINDINGS.read_text(encoding="utf-8"))
    return data


def all_tests() -> list[str]:
    """Each test once, as pytest is told it."""
    entries = (entry for entries in load().values() for entry in entries)
    return list(dict.fromkeys(f"tests/{name}" for e in entries for name in e.get("tests", ())))


def commands(arguments: Sequence[str]) -> list[list[str]]:
    """One command per environment; the tests of the export need its packages.

    arguments: further ones of pytest.
    """
    tests = all_tests()
    exports = [test for test in tests if test.startswith(_EXPORT)]
    others = [test for test in tests if not test.startswith(_EXPORT)]
    return [
        [str(python), "-m", "pytest", *chosen, *arguments]
        for python, chosen in (
            (ROOT / ".venv-export/bin/python", exports),
            (sys.executable, others),
        )
    ]


def page() -> str:
    """The page as it should read."""
    data = load()
    return render(
        PAGE.read_text(encoding="utf-8"),
        {
            "threats": table(
                ("threat", "measure", "test"),
                ((e["threat"], e["measure"], _named(e["tests"])) for e in data["threats"]),
            ),
            "findings": table(
                ("finding", "test"),
                (
                    (e["finding"], f"open: {e['open']}" if "open" in e else _named(e["tests"]))
                    for e in data["findings"]
                ),
            ),
        },
    )


def _named(names: Sequence[str]) -> str:
    """The files with the names of their tests."""
    return "<br>".join(_lines(names))


def _lines(names: Sequence[str]) -> Iterator[str]:
    for file in dict.fromkeys(name.partition("::")[0] for name in names):
        own = (name.partition("::")[2] for name in names if name.startswith(f"{file}::"))
        yield f"`tests/{file}`: {', '.join(f'`{name}`' for name in own)}"


def main(arguments: Sequence[str]) -> int:
    """Run the tests with further arguments of pytest, and measure when all passed."""
    for command in commands(arguments):
        status = subprocess.run(command, cwd=ROOT, check=False).returncode
        if status:
            return status
    noticed = others.measure()
    print(noticed)
    figures = f"{noticed}\n\nMeasured on {machine()}.\n"
    PAGE.write_text(render(page(), {"others": figures}), encoding="utf-8")
    return 0 if noticed.kept else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
