"""`make evaluate`: how good a published version is, or how good the Llama is beside baselines.

With DATA: a version of `llama_mapper` on a labelled file, as served, printed as a table. Without:
`docs/evaluation.md`, its pictures and the figures of `docs/model-card.md`, from committed
predictions and the manifest of the served version. It measures nothing itself.
"""

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from engine.version import read_version
from engine.versions import read_choice
from export.data.labelled import DataError, read_labelled
from export.data.rows import NEUTRAL
from export.evaluation import adversarial, served
from fallback.decision.decision import MappingGuard
from pipeline.local import LocalPipeline
from pipeline.steps import Pipeline
from schemas.config.errors import ConfigError
from schemas.frameworks import load_frameworks
from schemas.taxonomy import load_taxonomy

ROOT = Path(__file__).resolve().parents[2]
MODEL_FOLDER = ROOT / "model_repository" / "llama_mapper"
DOCS = ROOT / "docs"


def version_directory(folder: Path, number: str | None) -> Path:
    """The directory of version `number`, None for the one that was chosen to be served, else the
    newest. Raises DataError; ConfigError when the choice is damaged."""
    published = {
        path.name: path for path in folder.iterdir() if re.fullmatch(r"[1-9]\d*", path.name)
    }
    if not published:
        raise DataError(f"{folder}: no version is published; run `make export-model`")
    if number is None:
        choice = read_choice(folder.parent)
        chosen = None if choice is None else published.get(str(choice.version))
        return chosen or published[max(published, key=int)]
    if number not in published:
        there = ", ".join(sorted(published, key=int))
        raise DataError(f"VERSION={number}: is not published; there is {there}")
    return published[number]


def evaluate_version(data: Path, version: Path, out: Path | None) -> None:
    """Print the report of a version on a labelled file; `out` gets it as JSON."""
    rows = read_labelled(data)
    report = served.report(LocalPipeline(version), rows)
    print(f"version {version.name} on {data}")
    print(served.render(report))
    if out is not None:
        value = {"version": int(version.name), "data": data.name, **report.to_json()}
        out.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", "utf-8")


def evaluate_method(predictions: Path | None, version: Path) -> None:
    """Write the evaluation page, its pictures and the card's figures.

    version: a published one, whose gate figures the page repeats. Raises DataError.
    """
    # torch and matplotlib, which a version's report does without, take seconds to load.
    from export.evaluation import comparison
    from export.evaluation.baselines import rules_without
    from export.evaluation.pages import evaluation as evaluation_page

    parts = comparison.load_parts()
    trained = comparison.read_guesses(parts, predictions or comparison.OOF)
    manifest = read_version(version).manifest
    if "gate" not in manifest["checks"]:
        raise DataError(f"{version}: has not been through the quality gate; export it again")
    held, results = comparison.compare(parts, trained)
    gate = next(part for part in parts if part.name == comparison.GATE)
    guard = MappingGuard(rules_without(gate.hidden), load_taxonomy(), load_frameworks())
    ensemble = LocalPipeline(version, Pipeline(guard))
    whole = served.report(ensemble, gate.rows, NEUTRAL)
    told = adversarial.ask(ensemble, adversarial.load_hostile())
    for file in evaluation_page.write_pages(held, results, manifest, whole, told, DOCS):
        print(f"wrote {file.relative_to(ROOT)}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="export.evaluation.evaluate", description=__doc__)
    parser.add_argument("--data", type=Path, help="labelled file, JSON Lines")
    parser.add_argument(
        "--version", help="published version (default: the served one); with --data"
    )
    parser.add_argument("--json", type=Path, help="also write the report there; with --data")
    parser.add_argument("--model-folder", type=Path, default=MODEL_FOLDER)
    parser.add_argument("--predictions", type=Path, help="folder (default: export/artefacts/oof)")
    given = parser.parse_args(arguments)
    if given.data is None and (given.version or given.json):
        parser.error("VERSION and JSON belong to the report on a file: give DATA= as well")
    try:
        if given.data is None:
            evaluate_method(given.predictions, version_directory(given.model_folder, None))
        else:
            version = version_directory(given.model_folder, given.version)
            evaluate_version(given.data, version, given.json)
    except (DataError, ConfigError, OSError) as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
