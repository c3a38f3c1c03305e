"""The parts of `docs/evaluation.md` about a published version, as it is served.

In: its manifest, and its answers with reader, rules and guard. Out: Markdown. Independent of the
methods that the Llama is compared with.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan

from engine.confidence import MAX_UNSURE
from engine.decoder import UNKNOWN
from engine.manifest import Manifest
from export.evaluation.adversarial import AdversarialAnswer
from export.evaluation.kinds import WithKind
from export.evaluation.languages import Read
from export.evaluation.served import Report
from export.measures import metrics


@dataclass(frozen=True, slots=True)
class Version:
    """Measurements of a published version: its manifest with the figures of the quality gate; its
    answers, with reader, rules and guard, to the gate's rows and to hostile texts; its answers to
    texts of other languages, and with the kind of the detector."""

    manifest: Manifest
    whole: Report
    hostile: Mapping[str, Sequence[AdversarialAnswer]]
    languages: Sequence[Read]
    kinds: Sequence[WithKind]


def sections(version: Version) -> list[str]:
    """The sections of the page."""
    gate = f"{gate_figures(version.manifest)}\n\n{whole_ensemble(version.whole)}"
    return [
        f"## As served\n\n{gate}",
        f"## Kind of detector\n\n{by_kind(version.kinds)}",
        f"## Other languages\n\n{by_language(version.languages)}",
        f"## Texts without a confident answer\n\n{hostile_texts(version.hostile)}",
    ]


def gate_figures(manifest: Manifest) -> str:
    """The quality gate of a version: the same rows, answered by the served graph."""
    gate = manifest.checks["gate"]
    near = manifest.checks["quantization"]
    limits = gate["thresholds"]
    sure = "-" if gate["sure_exact"] is None else f"{gate['sure_exact']:.1%}"
    lines = [
        f"`{manifest.model_id}` on the {gate['rows']} rows of the gate families, as"
        " `make export-model` scored it before publishing: the int8 graph through the serving"
        " engine, the confidence from the manifest's curve.",
        "",
        "| figure | value | gate |",
        "|---|---|---|",
        f"| exact | {gate['exact']:.1%} | ≥ {limits['exact']:.0%} |",
        f"| exact at confidence ≥ {metrics.CONFIDENT} | {sure} of {gate['sure_coverage']:.1%} | |",
        f"| ECE | {gate['ece']:.3f} | ≤ {limits['ece']:.2f} |",
        f"| schema-valid | {gate['schema_valid']:.1%} | ≥ {limits['schema_valid']:.1%} |",
        f"| same answer as with the float graph, {near['prompts']} prompts"
        f" | {gate['agreement']:.2%} | ≥ {limits['agreement']:.0%} |",
    ]
    lines += [
        "",
        "The answers of its parts alone, first for texts that are not in the version's training"
        f" texts ({gate['new_rows']} rows):",
        "",
        "| way | exact, new texts | exact, all |",
        "|---|---|---|",
    ]
    for name, way in gate["ways"].items():
        new = "-" if way["exact_new"] is None else f"{way['exact_new']:.1%}"
        floor = f" (≥ {limits['llama_alone']:.0%})" if name == "llama" else ""
        lines.append(f"| {name} | {new} | {way['exact']:.1%}{floor} |")
    return "\n".join(lines)


def whole_ensemble(report: Report) -> str:
    """The same rows through all steps of the ensemble."""
    lines = [
        "The same rows through the whole ensemble, with the gate's families hidden from its rules:"
        " the signal reader reads the signals of an output, the version answers them, and the guard"
        " joins the answers, has the rules answer verdicts without a category (`safe`, `unsafe`),"
        " and falls back below the threshold. `right` also counts a general label, the answer if"
        " only the family is sure, as right for every label of its family.",
        "",
        f"| threshold | exact | exact at ≥ {metrics.CONFIDENT} | right at ≥ {metrics.CONFIDENT} |"
        " coverage | ECE | schema-valid | fallback |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for threshold, at in report.at.items():
        sure = "-" if at["sure_exact"] is None else f"{at['sure_exact']:.1%}"
        right = "-" if at["sure_right"] is None else f"{at['sure_right']:.1%}"
        low, high = at["exact_interval"]
        lines.append(
            f"| {threshold:g} | {at['exact']:.1%} [{low:.1%}, {high:.1%}] | {sure} | {right}"
            f" | {at['sure_coverage']:.1%} | {at['ece']:.3f} | {at['schema_valid']:.1%}"
            f" | {at['fallback']:.1%} |"
        )
    return "\n".join(lines)


def by_kind(kinds: Sequence[WithKind]) -> str:
    """The effect of a declared kind, and of the kind from the detector's name."""
    lines = [
        "The version's answers with and without the kind of the detector. The words"
        " (`export/data/kinds.yaml`) are names that detectors of different kinds share, such as"
        " `religion`; the rows of the gate are those of its detectors that have a kind. Without a"
        f" kind, the confidence of a word that needs one is at most {MAX_UNSURE}. Sure: confidence"
        f" of at least {metrics.CONFIDENT}.",
        "",
        "| words | query with | rows | exact | exact if sure | sure |",
        "|---|---|---|---|---|---|",
    ]
    for one in kinds:
        sure = "-" if isnan(one.sure.accuracy) else f"{one.sure.accuracy:.1%}"
        lines.append(
            f"| {one.about} | {one.way} | {one.rows} | {one.exact:.1%} | {sure}"
            f" | {one.sure.coverage:.1%} |"
        )
    lines += [
        "",
        "The wording of a kind was chosen on these words, so their figures are somewhat too high;"
        " the odds were chosen on the out-of-fold rows, nothing on the gate.",
    ]
    return "\n".join(lines)


def by_language(read: Sequence[Read]) -> str:
    """Texts of other languages than English, which are not in the training data."""
    names = dict.fromkeys(one.text.language for one in read)
    lines = [
        "Names of findings and verdict sentences (`export/data/languages/held.yaml`) that no list"
        " has, answered by the published version under a neutral detector name. Sure: confidence of"
        f" at least {metrics.CONFIDENT}; sure errors are a share of all texts.",
        "",
        "| language | names | exact | Llama alone | sentences | exact | Llama alone | sure |"
        " sure errors |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name in (*names, "all"):
        mine = [one for one in read if name in (one.text.language, "all")]
        cells = []
        for spoken in (False, True):
            some = [one for one in mine if one.text.spoken is spoken]
            cells += [str(len(some)), _right(some), _right(some, alone=True)]
        sure = [one for one in mine if one.answer.confidence >= metrics.CONFIDENT]
        wrong = sum(one.answer.labels != (one.text.label,) for one in sure)
        cells += [f"{len(sure) / len(mine):.1%}", f"{wrong / len(mine):.1%}"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += [
        "",
        "The multilingual encoder does not read Hindi and Vietnamese: they are translated to"
        " English word by word (`export/data/languages/glossary/`), with a glossary that was"
        " written without these texts. For the other languages the weights were chosen on these"
        " texts, and sentences were added to the retrieval for labels that were missed, so the"
        " figures are somewhat too high.",
    ]
    return "\n".join(lines)


def _right(read: Sequence[Read], *, alone: bool = False) -> str:
    answers = [(one.alone if alone else one.answer).labels for one in read]
    right = [a == (one.text.label,) for a, one in zip(answers, read, strict=True)]
    return f"{sum(right) / len(right):.1%}" if right else "-"


def hostile_texts(told: Mapping[str, Sequence[AdversarialAnswer]]) -> str:
    """Texts that must not get a confident answer: the number that get one."""
    lines = [
        "Prompt injections, garbled texts and meaningless words (`export/data/hostile.yaml`, never"
        " trained on), through the whole ensemble as above. None of them should get a confident"
        " answer. The fresh injections were written after the rules against the others; no rule was"
        " changed for them.",
        "",
        f"| kind | texts | `OTHER.Unknown` | confidence ≥ {metrics.CONFIDENT} |",
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
