"""Training examples: a detector's text, the detector's name, and the right answer.

In: `data/meanings/*.yaml` and `data/languages/` (written by hand), `data/countries.yaml`,
`data/attempts.yaml`, the taxonomy, the curated vocabulary and the detectors' legends. Out: `Item`s
(one meaning each) and, per pass over them, `Example`s with a fresh surface and detector name, all
from one seed. Independent of tokens and models.

The meanings of words (`build_items` without rows) do not depend on the held-out detectors, so they
are trained once; the detectors' vocabularies are trained afterwards, once per fold (`refresher`).

An item without a detector applies to any name; one with a detector only to that name: elsewhere the
same words have another meaning or none (`S5`). `check_items` refuses contradicting targets.
"""

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from engine.decoder import SAFE, UNKNOWN
from export.data import augment
from export.data.augment import Wrap
from export.data.rows import DATA, NEUTRAL, Answer, Row, canonical
from export.data.translations import phrases
from fallback.rules.catalog import Detectors, load_detectors
from fallback.rules.normalise import is_opaque
from schemas.taxonomy import load_taxonomy
from schemas.text import normalise

_RAW = re.compile(r"[{}\n]|^<|: (yes|no|true|false|pass|fail)$", re.IGNORECASE)
_PLAIN = frozenset({"OTHER.Safe", "OTHER.Unknown", "OTHER.ModelError", "OTHER.LowRisk"})
_NEGATABLE = ("PII.", "SECRET.", "JAILBREAK.", "PROMPT_INJECTION.", "HARM.", "CYBER.", "BIAS.")
# Per thousand examples: noise, and negated findings.
_NOISE, _NEGATED = 25, 45
_PALETTE = 25  # made-up detector names per pass, and as many borrowed ones
# Items of an answer in one pass: at least, by repetition (a label); at most, by random choice.
_LEAST_PER_ANSWER, _MOST_PER_ANSWER = 40, 300
# A refresher repeats each curated item so often, and has so many of the others.
_CURATED_TIMES, _GENERAL_ITEMS = 3, 5000


@dataclass(frozen=True, slots=True)
class Item:
    """One meaning. `detector` None: under any name. `spoken`: a sentence, not a name."""

    text: str
    answer: Answer
    wrap: Wrap
    detector: str | None = None
    spoken: bool = False
    curated: bool = False  # of a detector's own vocabulary


@dataclass(frozen=True, slots=True)
class Example:
    """A query to the model, and the right answer."""

    detector: str
    signal: str
    answer: Answer


class ContradictionError(ValueError):
    """The same text under the same detector has different answers; the message lists them."""


def build_items(rows: Sequence[Row], folder: Path = DATA / "meanings") -> list[Item]:
    """All items for a training whose only curated pairs are `rows`.

    Raises ContradictionError.
    """
    general = [*_meanings(folder), *_translated(), *_taxonomy_items()]
    read = {normalise(item.text): item.answer for item in general}
    items = _unique([*general, *_vocabulary(rows, read), *_legends(rows)])
    told = {normalise(item.text) for item in items}
    made = [*_national(folder.parent), *_attempts(folder.parent)]
    items += [item for item in made if normalise(item.text) not in told]
    check_items(items)
    return items


def check_items(items: Iterable[Item]) -> None:
    """Raise ContradictionError if equal words under one detector have different answers."""
    answers: defaultdict[tuple[str, str | None], set[Answer]] = defaultdict(set)
    for item in items:
        answers[normalise(item.text), item.detector].add(item.answer)
    clashes = [
        f"{text!r} of {detector or 'any detector'}: "
        + " or ".join("+".join(answer) for answer in sorted(found))
        for (text, detector), found in answers.items()
        if len(found) > 1
    ]
    if clashes:
        raise ContradictionError("keep one answer each:\n" + "\n".join(clashes))


def answers_of(items: Iterable[Item]) -> list[Answer]:
    """The possible answers of the model: all single labels in taxonomy order, then label sets."""
    single = [(name,) for name in load_taxonomy().names]
    sets = {item.answer for item in items if len(item.answer) > 1}
    return [*single, *sorted(sets)]


def one_pass(items: Sequence[Item], names: Sequence[str], seed: int) -> list[Example]:
    """One example per item (more for labels with few, fewer for those with very many), plus noise
    and negations, shuffled.

    `names` are known detector names that may replace any other; equal seeds give equal passes.
    Duplicate examples are removed.
    """
    rng = random.Random(seed)
    palette = _palette(names, rng)
    examples = [_example(item, palette, rng) for item in _levelled(items, rng)]
    total = len(examples)
    nameable = [i for i in items if i.answer[0].startswith(_NEGATABLE) and not i.spoken]
    for _ in range(total * _NEGATED // 1000):
        text = augment.negation(rng.choice(nameable).text, rng)
        examples.append(Example(rng.choice(palette), text, SAFE))
    for _ in range(total * _NOISE // 1000):
        examples.append(Example(rng.choice(palette), augment.noise(rng), UNKNOWN))
    unique = {(e.detector, e.signal): e for e in examples}
    out = list(unique.values())
    rng.shuffle(out)
    return out


def refresher(items: Sequence[Item], names: Sequence[str], seed: int) -> list[Example]:
    """A shorter pass for a model that was trained on the meanings: the curated items, and a sample
    of the rest."""
    rng = random.Random(seed)
    curated = [item for item in items if item.curated]
    general = [item for item in items if not item.curated]
    kept = rng.sample(general, min(_GENERAL_ITEMS, len(general)))
    return one_pass([*curated * _CURATED_TIMES, *kept], names, seed)


def _meanings(folder: Path) -> Iterator[Item]:
    for path in sorted(folder.glob("*.yaml")):
        # Every scalar is text: `no` and `1.0` are words of detectors here.
        raw = yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)
        for key, parts in raw.items():
            answer = canonical(key.split(" + "))
            for text in parts["phrases"]:
                yield Item(text, answer, _wrap_of(answer))
            for text in parts.get("sentences", ()):
                yield Item(text, answer, Wrap.none, spoken=True)


def _taxonomy_items() -> Iterator[Item]:
    for label in load_taxonomy().labels:
        answer = (label.name,)
        last = label.name.rpartition(".")[2]
        yield Item(label.name, answer, Wrap.none)
        yield Item(label.description, answer, Wrap.none, spoken=True)
        for alias in label.aliases:
            yield Item(alias, answer, _wrap_of(answer))
        if last not in ("Other", "Physical", "Unknown"):
            yield Item(f"{label.parent} {last}", answer, Wrap.plain)


def _vocabulary(rows: Sequence[Row], read: dict[str, Answer]) -> Iterator[Item]:
    """Curated pairs as items: under any name if the words have one meaning everywhere."""
    told: defaultdict[str, set[Answer]] = defaultdict(set)
    for row in rows:
        told[normalise(row.output)].add(row.gold)
    for row in rows:
        if _RAW.search(row.output):
            continue  # whole outputs are read into signals before the model sees them
        text = normalise(row.output)
        found = catalogue().resolve(row.detector)
        bound = (
            is_opaque(row.output)
            or bool(found and row.output in found.own_only)
            or len(told[text]) > 1
            or read.get(text, row.gold) != row.gold
        )
        if bound:
            yield Item(row.output, row.gold, Wrap.none, detector=row.detector, curated=True)
            if is_opaque(row.output):
                yield Item(row.output, UNKNOWN, Wrap.none, detector=NEUTRAL, curated=True)
        else:
            yield Item(row.output, row.gold, _wrap_of(row.gold), curated=True)


def _legends(rows: Sequence[Row]) -> Iterator[Item]:
    """Codes with their legend (`S10: Hate`), as the signal reader shows them."""
    for name in dict.fromkeys(row.detector for row in rows):
        found = catalogue().resolve(name)
        if found is not None:
            for code, words in found.legend.items():
                text = f"{code}: {words}"
                yield Item(text, canonical(found.maps[code]), Wrap.none, curated=True)


def _translated() -> Iterator[Item]:
    for one in phrases():
        yield Item(one.text, (one.label,), Wrap.none, spoken=one.spoken)


def _national(folder: Path) -> Iterator[Item]:
    """Documents by country (`KR passport`, `hungary tax number`): one form each, rare kinds as
    often as common ones."""
    raw = yaml.load((folder / "countries.yaml").read_text(encoding="utf-8"), yaml.BaseLoader)
    for label, kind in raw["kinds"].items():
        rng = random.Random(label)
        for code, names in raw["countries"].items():
            if code in kind.get("except", ()):
                continue
            country, what = rng.choice((code, code, *names)), rng.choice(kind["names"])
            text = f"{what} {country}" if rng.random() < 0.1 else f"{country} {what}"
            yield Item(text, (label,), Wrap.plain)


def _attempts(folder: Path) -> Iterator[Item]:
    """Prompt injections that demand an answer: each form with some answers, mostly those that
    attackers want."""
    raw = yaml.load((folder / "attempts.yaml").read_text(encoding="utf-8"), yaml.BaseLoader)
    names = load_taxonomy().names
    for template in [*raw["templates"], *raw["named"]]:
        rng = random.Random(template)
        asked = ["OTHER.Safe", *rng.sample(names, 2)]
        if template not in raw["named"]:
            asked += rng.sample(raw["wanted"], 2)
        for answer in asked:
            yield Item(template.replace("{x}", answer), UNKNOWN, Wrap.none, spoken=True)


def _wrap_of(answer: Answer) -> Wrap:
    if answer[0] in _PLAIN:
        return Wrap.plain
    return Wrap.full


def _unique(items: Iterable[Item]) -> list[Item]:
    seen: dict[tuple[str, str | None, Answer], Item] = {}
    for item in items:
        seen.setdefault((item.text, item.detector, item.answer), item)
    return list(seen.values())


def _levelled(items: Sequence[Item], rng: random.Random) -> list[Item]:
    """All items once, but at most `_MOST_PER_ANSWER` per answer; items of rare single labels are
    repeated up to `_LEAST_PER_ANSWER`."""
    by_answer: defaultdict[Answer, list[Item]] = defaultdict(list)
    for item in items:
        by_answer[item.answer].append(item)
    chosen: list[Item] = []
    for answer, group in by_answer.items():
        least = _LEAST_PER_ANSWER if len(answer) == 1 else _LEAST_PER_ANSWER // 2
        chosen += rng.sample(group, min(len(group), _MOST_PER_ANSWER))
        chosen += rng.choices(group, k=max(0, least - len(group)))
    return chosen


def _example(item: Item, palette: Sequence[str], rng: random.Random) -> Example:
    if item.spoken:
        text = augment.sentence(item.text, rng)
    elif item.detector and item.wrap is Wrap.none:
        text = item.text
    else:
        text = item.text if rng.random() < 0.2 else augment.surface(item.text, item.wrap, rng)
    return Example(item.detector or rng.choice(palette), text, item.answer)


def _palette(names: Sequence[str], rng: random.Random) -> list[str]:
    """The detector names of one pass: half neutral, the rest invented or borrowed.

    There are few names, so that whole batches have the same one, which then runs only once.
    """
    made_up = [augment.made_up_detector(rng) for _ in range(_PALETTE)]
    borrowed = rng.sample(names, min(_PALETTE, len(names)))
    others = [*made_up, *borrowed]
    return [*others, *[NEUTRAL] * len(others)]


@cache
def catalogue() -> Detectors:
    """The curated detectors, read once, since they are many files."""
    return load_detectors()


@cache
def known_names() -> tuple[str, ...]:
    """Canonical names of all curated detectors."""
    return tuple(catalogue())
