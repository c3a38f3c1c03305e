"""`python -m slo.generate`: writes what is made from `schemas/slo.yaml`; `--check` compares.

In: the service levels. Out: the chart's rule files and dashboard, and the tables of
`docs/slo.md`. Exit status 1 when `--check` finds a file that differs.
"""

import argparse
import sys
from pathlib import Path
from typing import Final

from schemas.config.errors import ConfigError
from schemas.slo import Profile, Slo, load_slo
from slo.dashboard import dashboard_file
from slo.rules import rule_file
from slo.tables import slo_page

ROOT: Final = Path(__file__).parent.parent
CHART_FILES: Final = Path("helm/llama-mapper/files")
PAGE: Final = Path("docs/slo.md")


def files(slo: Slo) -> dict[Path, str]:
    """Each file, by its path in the repository, as it should read."""
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    return {
        CHART_FILES / "prometheus-rules.yaml": rule_file(slo, Profile.CPU),
        CHART_FILES / "prometheus-rules-gpu.yaml": rule_file(slo, Profile.GPU),
        CHART_FILES / "dashboard.json": dashboard_file(slo),
        PAGE: slo_page(slo, page),
    }


def stale(slo: Slo) -> list[Path]:
    """The files that are missing or differ."""
    return [path for path, text in files(slo).items() if _read(ROOT / path) != text]


def main() -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m slo.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail on a difference")
    check = parser.parse_args().check
    try:
        slo = load_slo()
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if not check:
        for path, text in files(slo).items():
            (ROOT / path).write_text(text, encoding="utf-8")
        return 0
    found = stale(slo)
    for path in found:
        print(f"error: {path} differs: run `python -m slo.generate`", file=sys.stderr)
    return 1 if found else 0


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())
