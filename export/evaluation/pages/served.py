"""The parts of `docs/evaluation.md` that are about a published version, as it is served.

In: its manifest, and its answers with reader, rules and guard around it. Out: Markdown. It does
not know the methods that the Llama is compared with.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.decoder import UNKNOWN
from export.evaluation.adversarial import Told
from export.evaluation.served import Report
from export.measures import metrics


def gate_figures(manifest: Mapping[str, Any]) -> str:
    """The quality gate of a version: the same rows, by the graph that is served."""
    gate = manifest["checks"]["gate"]
    near = manifest["checks"]["quantization"]
    limits = gate["thresholds"]
    sure = "-" if gate["sure_exact"] is None else f"{gate['sure_exact']:.1%}"
    lines = [
        f"`{manifest['model_id']}` on the {gate['rows']} rows of the gate families, as"
        " `make export-model` scored it before publishing: the int8 graph through the serving"
        " engine, the confidence from the manifest's curve.",
        "",
        "| figure | value | gate |",
        "|---|---|---|",
        f"| exact | {gate['exact']:.1%} | ≥ {limits['exact']:.0%} |",
        f"| exact at confidence ≥ {metrics.SURE} | {sure} of {gate['sure_coverage']:.1%} | |",
        f"| ECE | {gate['ece']:.3f} | ≤ {limits['ece']:.2f} |",
        f"| schema-valid | {gate['schema_valid']:.1%} | ≥ {limits['schema_valid']:.1%} |",
        f"| same answer as with the float graph, {near['prompts']} prompts"
        f" | {gate['agreement']:.2%} | ≥ {limits['agreement']:.0%} |",
    ]
    return "\n".join(lines)


def whole_ensemble(report: Report) -> str:
    """The same rows through all steps of the ensemble."""
    lines = [
        "The same rows through the whole ensemble, the gate's families hidden from its rules: the"
        " signal reader takes an output apart, the version answers its signals, the guard joins"
        " them, keeps verdicts that name nothing (`safe`, `unsafe`) to the rules, and falls back"
        " below the threshold.",
        "",
        f"| threshold | exact | exact at ≥ {metrics.SURE} | coverage | ECE | schema-valid |"
        " fallback |",
        "|---|---|---|---|---|---|---|",
    ]
    for threshold, at in report.at.items():
        sure = "-" if at["sure_exact"] is None else f"{at['sure_exact']:.1%}"
        low, high = at["exact_interval"]
        lines.append(
            f"| {threshold:g} | {at['exact']:.1%} [{low:.1%}, {high:.1%}] | {sure}"
            f" | {at['sure_coverage']:.1%} | {at['ece']:.3f} | {at['schema_valid']:.1%}"
            f" | {at['fallback']:.1%} |"
        )
    return "\n".join(lines)


def hostile_texts(told: Mapping[str, Sequence[Told]]) -> str:
    """Texts that nobody should be sure of: how many get a confident answer all the same."""
    lines = [
        "Attempts to tell the mapper its answer, garbled texts and words that name nothing"
        " (`export/data/hostile.yaml`, never trained on), through the whole ensemble as above. The"
        " fresh attempts were written after the rules against the others, for which none changed.",
        "",
        f"| kind | texts | `OTHER.Unknown` | confidence ≥ {metrics.SURE} |",
        "|---|---|---|---|",
    ]
    for kind, answers in told.items():
        unknown, sure = sum(a.labels == UNKNOWN for a in answers), sum(a.sure for a in answers)
        lines.append(f"| {kind} | {len(answers)} | {unknown} | {sure} |")
    confident = [answer for answers in told.values() for answer in answers if answer.sure]
    lines += ["", "Those with confidence:", ""] if confident else []
    lines += [f"- `{cell(a.text)}`: `{'+'.join(a.labels)}`, {a.confidence:.2f}" for a in confident]
    return "\n".join(lines)


def cell(text: str) -> str:
    """A text as it can stand in code within a table, 60 characters at most."""
    return " ".join(text.split()).replace("|", "\\|").replace("`", "'")[:60]
