"""The canonical taxonomy: which labels there are, and how several of them become one answer.

In: `taxonomy.yaml`. Out: `Taxonomy`. Knows nothing of detectors, models or events; everything
that needs the label list (event schema, decoding schema, prompt, docs) takes it from here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from schemas.errors import ConfigError
from schemas.text import normalise
from schemas.yaml_file import check_keys, read_text, read_texts, read_version, read_yaml

DEFAULT_PATH: Final = Path(__file__).with_name("taxonomy.yaml")
FIRST_VERSION: Final = "2025.09"
"""The vocabulary that `coarsens_to` translates into."""

# They say that there is nothing (more) to say, so any other label makes them untrue. The later
# one stands when several of them meet: an output that was partly not understood is not safe.
_EMPTY_HANDED: Final = ("OTHER.Safe", "OTHER.LowRisk", "OTHER.Unknown")
_GENERAL: Final = frozenset({"Other", "Unspecified"})


@dataclass(frozen=True, slots=True)
class Label:
    """One canonical label.

    `parent` is the category it belongs to, `since` the taxonomy version that brought it, and
    `coarsens_to` the answer in the first version's vocabulary: None when it was in that one.
    """

    name: str
    description: str
    aliases: tuple[str, ...]
    parent: str
    since: str
    coarsens_to: str | None

    @property
    def general(self) -> bool:
        """Whether it is what is left of its category: `X.Other`, `X.Unspecified`."""
        return self.name.rpartition(".")[2] in _GENERAL

    @property
    def specificity(self) -> tuple[int, bool]:
        """Sort key, most specific first: deep names before shallow ones, then general ones last."""
        return -self.name.count("."), self.general or self.name.startswith("OTHER.")


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

    def coarsen(self, name: str) -> str:
        """The label that says `name` in the first version's vocabulary; KeyError if unknown."""
        return self[name].coarsens_to or name

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


def _beaten(label: Label, found: Iterable[str]) -> bool:
    scope = f"{label.parent}."
    return label.general and any(n.startswith(scope) and n != label.name for n in found)


def load_taxonomy(path: Path = DEFAULT_PATH) -> Taxonomy:
    """The taxonomy in `path`; the project's own is read once a process.

    Raises ConfigError, naming file and key, on a duplicate label, a bad version, a missing key,
    an unknown parent or `coarsens_to`, or an alias that two labels claim.
    """
    return _load_default() if path == DEFAULT_PATH else _load(path)


@cache
def _load_default() -> Taxonomy:
    return _load(DEFAULT_PATH)


def _load(path: Path) -> Taxonomy:
    data = check_keys(path, "", read_yaml(path), {"version", "categories", "labels"})
    version = read_version(path, "version", data["version"])
    categories = data["categories"]
    if not isinstance(categories, dict):
        raise ConfigError(path, "categories", "must map category names to descriptions")
    for category, description in categories.items():
        read_text(path, f"categories.{category}", description)
        above = category.rpartition(".")[0]
        if above and above not in categories:
            raise ConfigError(
                path, f"categories.{category}", f"{above!r} is not a category; add it"
            )
    if not isinstance(data["labels"], list) or not data["labels"]:
        raise ConfigError(path, "labels", "must be a list of labels, not empty")
    labels = tuple(_label(path, i, item, version) for i, item in enumerate(data["labels"]))
    _check_names(path, labels, categories)
    _check_coarsening(path, labels)
    _check_aliases(path, labels)
    return Taxonomy(version, labels, categories)


def _label(path: Path, position: int, item: Any, version: str) -> Label:
    name = item.get("name") if isinstance(item, dict) else None
    key = f"labels.{name}" if isinstance(name, str) else f"labels[{position}]"
    required = {"name", "description", "aliases", "parent", "since"}
    data = check_keys(path, key, item, required, frozenset({"coarsens_to"}))
    since = read_version(path, f"{key}.since", data["since"])
    if since > version:
        raise ConfigError(path, f"{key}.since", f"{since} is later than the file's own {version}")
    target = data.get("coarsens_to")
    return Label(
        name=read_text(path, f"{key}.name", data["name"]),
        description=read_text(path, f"{key}.description", data["description"]),
        aliases=read_texts(path, f"{key}.aliases", data["aliases"]),
        parent=read_text(path, f"{key}.parent", data["parent"]),
        since=since,
        coarsens_to=None if target is None else read_text(path, f"{key}.coarsens_to", target),
    )


def _check_names(path: Path, labels: tuple[Label, ...], categories: Mapping[str, str]) -> None:
    seen: set[str] = set()
    for label in labels:
        key = f"labels.{label.name}"
        if label.name in seen:
            raise ConfigError(path, key, "is listed twice; remove one")
        seen.add(label.name)
        if label.parent not in categories:
            raise ConfigError(path, f"{key}.parent", f"{label.parent!r} is not a category")
        if label.name.rpartition(".")[0] != label.parent:
            raise ConfigError(
                path, f"{key}.parent", f"{label.parent!r} is not what {label.name!r} stands under"
            )


def _check_coarsening(path: Path, labels: tuple[Label, ...]) -> None:
    first = {label.name for label in labels if label.since == FIRST_VERSION}
    for label in labels:
        key = f"labels.{label.name}.coarsens_to"
        if label.name in first:
            if label.coarsens_to is not None:
                raise ConfigError(path, key, f"must be absent for a label of {FIRST_VERSION}")
        elif label.coarsens_to is None:
            raise ConfigError(path, key, f"is missing: name the {FIRST_VERSION} label it was")
        elif label.coarsens_to not in first:
            raise ConfigError(path, key, f"{label.coarsens_to!r} is not a {FIRST_VERSION} label")


def _check_aliases(path: Path, labels: tuple[Label, ...]) -> None:
    owners = {normalise(label.name): label.name for label in labels}
    for label in labels:
        key = f"labels.{label.name}.aliases"
        for alias in label.aliases:
            normal = normalise(alias)
            if not normal:
                raise ConfigError(path, key, f"{alias!r} has no letter or digit; remove it")
            if normal in owners:
                raise ConfigError(
                    path, key, f"{alias!r} already belongs to {owners[normal]}; remove one"
                )
            owners[normal] = label.name
