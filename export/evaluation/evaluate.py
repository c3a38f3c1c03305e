"""`make evaluate`: the accuracy of a published version, or of the Llama and its baselines.

With DATA: a version of `llama_mapper` on a labelled file, as served, printed as a table. Without:
`docs/evaluation.md`, its pictures and the figures of `docs/model-card.md`, from committed
predictions and the manifest of the served version.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from engine.mapper import MapperEngine
from engine.runtime.cores import usable_cores
from engine.version import read_version
from engine.versions import published_versions, version_to_serve
from export.data.items import build_items
from export.data.labelled import DataError, read_labelled
from export.data.rows import NEUTRAL
from export.data.rules import rules_without
from export.data.translations import held_out
from export.evaluation import adversarial, served
from export.evaluation.kinds import ask_with_kinds
from export.evaluation.languages import read_languages
from fallback.decision.decision import MappingGuard
from pipeline.local import LocalPipeline
from pipeline.steps import Pipeline
from schemas.config.errors import ConfigError
from schemas.frameworks import load_frameworks
from schemas.taxonomy import load_taxonomy
from schemas.text import normalise

ROOT = Path(__file__).resolve().parents[2]
MODEL_FOLDER = ROOT / "model_repository" / "llama_mapper"
DOCS = ROOT / "docs"


def version_directory(folder: Path, number: str | None) -> Path:
    """The directory of version `number`; None: of the version chosen to be served, else of the
    newest. Raises DataError; ConfigError when the choice is damaged."""
    if number is None:
        version = version_to_serve(folder)
        if version is None:
            raise DataError(f"{folder}: no version is published; run `make export-model`")
        return folder / str(version)
    published = [str(version) for version in published_versions(folder)]
    if number not in published:
        there = ", ".join(published) or "none"
        raise DataError(f"VERSION={number}: is not published; there is {there}")
    return folder / number


def evaluate_version(data: Path, version: Path, out: Path | None) -> None:
    """Print the report of a version on a labelled file, and its wrong rows; `out` gets all of it
    as JSON."""
    rows = read_labelled(data)
    report = served.report(LocalPipeline(version), rows)
    print(f"version {version.name} on {data}")
    print(served.render(report))
    print()
    print(served.render_wrong(report, data.name))
    if out is not None:
        value = {"version": int(version.name), "data": data.name, **report.to_json()}
        out.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", "utf-8")


def evaluate_method(predictions: Path | None, version: Path) -> None:
    """Write the evaluation page, its pictures and the card's figures.

    version: a published one, whose gate figures the page repeats. Raises DataError.
    """
    # A version's report does not need torch and matplotlib, which take seconds to load.
    from export.evaluation import comparison
    from export.evaluation.pages import evaluation as evaluation_page
    from export.evaluation.pages.served import Version

    parts = comparison.load_parts()
    trained = comparison.read_guesses(parts, predictions or comparison.OOF)
    manifest = read_version(version).manifest
    if "gate" not in manifest.checks:
        raise DataError(f"{version}: has no figures of the quality gate; export it again")
    held, results = comparison.compare(parts, trained)
    gate = next(part for part in parts if part.name == comparison.GATE)
    guard = MappingGuard(rules_without(gate.hidden), load_taxonomy(), load_frameworks())
    ensemble = LocalPipeline(version, Pipeline(guard))
    whole = served.report(ensemble, gate.rows, NEUTRAL)
    told = adversarial.ask(ensemble, adversarial.load_hostile())
    known = {normalise(item.text) for item in build_items(gate.seen)}
    engine = MapperEngine.load(version, threads=usable_cores())
    read = read_languages(engine, held_out(known))
    kinds = ask_with_kinds(engine, gate.rows)
    measured = Version(manifest, whole, told, read, kinds)
    for file in evaluation_page.write_pages(held, results, measured, DOCS):
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
