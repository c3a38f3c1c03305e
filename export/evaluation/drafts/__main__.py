"""`python -m export.evaluation.drafts`: prints the table of `docs/own-detectors.md`."""

import argparse
import sys
from collections.abc import Sequence

from export.data.labelled import DataError
from export.evaluation.drafts.measure import Figures, draft_folds, draft_gate, table
from export.evaluation.evaluate import MODEL_FOLDER, version_directory
from schemas.config.errors import ConfigError


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; returns the exit code."""
    parser = argparse.ArgumentParser(prog="export.evaluation.drafts", description=__doc__)
    parser.add_argument("--version", help="published version (default: the served one)")
    given = parser.parse_args(arguments)
    try:
        version = version_directory(MODEL_FOLDER, given.version)
        gate, folds = draft_gate(version), draft_folds(version)
    except (DataError, ConfigError, OSError) as error:
        print(f"drafts: {error}", file=sys.stderr)
        return 1
    parts = {"gate, by the version": gate, "folds, by predictions": folds, "all": gate + folds}
    print(table({name: Figures.of(drafted) for name, drafted in parts.items()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
