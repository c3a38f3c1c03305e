"""The canonical taxonomy: the labels, and the rules for combining several of them to one answer.

In: `taxonomy.yaml`. Out: `Taxonomy`, the only source of the label list (event schema, decoding
schema, prompt, docs).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from schemas.config.config_file import ConfigModel, DatedVersion, Text, read_config, refuse
from schemas.contract import LOW_RISK, OTHER_PREFIX, SAFE, UNKNOWN
from schemas.text import normalise

DEFAULT_PATH: Final = Path(__file__).with_name("taxonomy.yaml")
FIRST_VERSION: Final = "2025.09"
"""The vocabulary that `coarsens_to` translates into."""

# Labels for no (further) finding, so any other label replaces them. The later one of several
# stands: an output with a part that was not understood is not safe.
_EMPTY_HANDED: Final = (SAFE, LOW_RISK, UNKNOWN)
_GENERAL: Final = frozenset({"Other", "Unspecified"})


class Label(ConfigModel):
    """One canonical label.

    `parent` is the category it belongs to, `since` the taxonomy version that brought it, and
    `coarsens_to` the answer in the first version's vocabulary: None when it was in that one.
    """

    name: Text
    description: Text
    aliases: tuple[Text, ...]
    parent: Text
    since: DatedVersion
    coarsens_to: Text | None = None

    @property
    def general(self) -> bool:
        """Whether it is the general label of its category: `X.Other`, `X.Unspecified`."""
        return self.name.rpartition(".")[2] in _GENERAL

    @property
    def specificity(self) -> tuple[int, bool]:
        """Sort key, most specific first: deep names before shallow ones, then general ones last."""
        return -self.name.count("."), self.general or self.name.startswith(OTHER_PREFIX)


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """All labels of one version, in file order. `categories` describes every parent."""

    version: str
    labels: tuple[Label, ...]
    categories: Mapping[str, str]
    _index: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_index", {label.name: i for i, label in enumerate(self.labels)})

    @property
    def names(self) -> tuple[str, ...]:
        """Label names in file order."""
        return tuple(self._index)

    def __contains__(self, name: object) -> bool:
        return name in self._index

    def __getitem__(self, name: str) -> Label:
        return self.labels[self._index[name]]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def families(self) -> Mapping[str, tuple[str, ...]]:
        """The general label of each category that has one, and the labels of the category and of
        its subcategories; the smallest families first. Without `OTHER`, whose labels have nothing
        in common."""
        found = {
            general.name: tuple(n for n in self.names if n.startswith(f"{general.parent}."))
            for general in self.labels
            if general.general and general.parent != "OTHER"
        }
        return dict(sorted(found.items(), key=lambda family: len(family[1])))

    def combine(self, labels: Iterable[str]) -> tuple[str, ...]:
        """Several labels as one answer: unique, the beaten ones dropped, most specific first.

        A general label is beaten by anything else in its category; `OTHER.Safe`, `OTHER.LowRisk`
        and `OTHER.Unknown` by any other label, and by one another in that order. Ties keep file
        order. Raises KeyError on an unknown label.
        """
        found = {name: self[name] for name in labels}
        for name in _EMPTY_HANDED:
            if len(found) > 1:
                found.pop(name, None)
        kept = (label for label in found.values() if not _beaten(label, found))
        ranked = sorted(kept, key=lambda label: (*label.specificity, self._index[label.name]))
        return tuple(label.name for label in ranked)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The labels for a detector's words: the taxonomy's labels, and an operator's own.

    own: each of the operator's labels, which views declare, with its parent among the taxonomy's.
    Answers have the parent; the view that declares a label has the label itself.
    """

    taxonomy: Taxonomy
    own: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """All labels."""
        return (*self.taxonomy.names, *self.own)

    def __contains__(self, name: object) -> bool:
        return name in self.taxonomy or name in self.own

    def answered(self, labels: Iterable[str]) -> tuple[str, ...]:
        """The labels as answers have them: parents in place of the operator's own."""
        return tuple(dict.fromkeys(self.own.get(label, label) for label in labels))


class _Document(ConfigModel):
    version: DatedVersion
    categories: dict[Text, Text]
    labels: Annotated[tuple[Label, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        for category in self.categories:
            parent = category.rpartition(".")[0]
            if parent and parent not in self.categories:
                missing = f"{parent!r} is not a category; add it"
                raise refuse("categories", category, problem=missing)
        seen: set[str] = set()
        first = {label.name for label in self.labels if label.since == FIRST_VERSION}
        owners = {normalise(label.name): label.name for label in self.labels}
        for index, label in enumerate(self.labels):
            if label.name in seen:
                raise refuse("labels", index, problem="is listed twice; remove one")
            seen.add(label.name)
            for key, problem in (
                ("since", self._problem_of_since(label)),
                ("parent", self._problem_of_parent(label)),
                ("coarsens_to", _problem_of_coarsening(label, first)),
                ("aliases", _problem_of_aliases(label, owners)),
            ):
                if problem:
                    raise refuse("labels", index, key, problem=problem)
        return self

    def _problem_of_since(self, label: Label) -> str | None:
        if label.since <= self.version:
            return None
        return f"{label.since} is later than the file's own {self.version}"

    def _problem_of_parent(self, label: Label) -> str | None:
        if label.parent not in self.categories:
            return f"{label.parent!r} is not a category"
        if label.name.rpartition(".")[0] != label.parent:
            return f"{label.parent!r} is not the parent of {label.name!r}"
        return None


def _problem_of_coarsening(label: Label, first: set[str]) -> str | None:
    if label.name in first:
        if label.coarsens_to is not None:
            return f"must be absent for a label of {FIRST_VERSION}"
    elif label.coarsens_to is None:
        return f"is missing: name the {FIRST_VERSION} label it was"
    elif label.coarsens_to not in first:
        return f"{label.coarsens_to!r} is not a {FIRST_VERSION} label"
    return None


def _problem_of_aliases(label: Label, owners: dict[str, str]) -> str | None:
    """`owners`: label names by normalised alias; those of `label` are added."""
    for alias in label.aliases:
        normal = normalise(alias)
        if not normal:
            return f"{alias!r} has no letter or digit; remove it"
        if normal in owners:
            return f"{alias!r} already belongs to {owners[normal]}; remove one"
        owners[normal] = label.name
    return None


def _beaten(label: Label, found: Iterable[str]) -> bool:
    scope = f"{label.parent}."
    return label.general and any(n.startswith(scope) and n != label.name for n in found)


def load_taxonomy(path: Path = DEFAULT_PATH) -> Taxonomy:
    """The taxonomy in `path`; the project's own is read once per process.

    Raises ConfigError, naming file and key, on a duplicate label, a bad version, a missing key,
    an unknown parent or `coarsens_to`, or an alias that two labels claim.
    """
    return _load_default() if path == DEFAULT_PATH else _load(path)


@cache
def _load_default() -> Taxonomy:
    return _load(DEFAULT_PATH)


def _load(path: Path) -> Taxonomy:
    document = read_config(path, _Document)
    return Taxonomy(document.version, document.labels, document.categories)
