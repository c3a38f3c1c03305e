"""The controls of compliance frameworks that a label touches.

In: `frameworks.yaml`, labels. Out: control ids per framework, and the title of each control. A
control is assigned to a label, or to a category and thereby to every label below it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Final, Self, cast

from pydantic import Field, ValidationInfo, model_validator

from schemas.config.config_file import ConfigModel, DatedVersion, Text, read_config, refuse
from schemas.taxonomy import Taxonomy, load_taxonomy

DEFAULT_PATH: Final = Path(__file__).with_name("frameworks.yaml")


class _Framework(ConfigModel):
    """controls: titles by control id. maps: control ids by label or category."""

    edition: Text
    controls: Annotated[dict[Text, Text], Field(min_length=1)]
    maps: Annotated[dict[Text, tuple[Text, ...]], Field(min_length=1)]

    @model_validator(mode="after")
    def _check_references(self, info: ValidationInfo) -> Self:
        taxonomy = cast(Taxonomy, info.context)
        for target, controls in self.maps.items():
            if target not in taxonomy and target not in taxonomy.categories:
                problem = f"{target!r} is neither a label nor a category of the taxonomy"
                raise refuse("maps", target, problem=problem)
            for control in controls:
                if control not in self.controls:
                    problem = f"{control!r} is not among the controls; add it"
                    raise refuse("maps", target, problem=problem)
        if unused := self.controls.keys() - {c for ids in self.maps.values() for c in ids}:
            raise refuse("controls", min(unused), problem="is used by no label; remove it")
        return self


class _Document(ConfigModel):
    version: DatedVersion
    frameworks: dict[Text, _Framework]


@dataclass(frozen=True, slots=True)
class Framework:
    """controls: titles by control id. by_label: control ids by label, in the taxonomy's order."""

    edition: str
    controls: Mapping[str, str]
    by_label: Mapping[str, frozenset[str]]

    def labels_of(self, control: str) -> list[str]:
        """The labels that touch a control."""
        return [label for label, controls in self.by_label.items() if control in controls]


@dataclass(frozen=True, slots=True)
class Frameworks:
    """All frameworks of one version by name, in file order."""

    version: str
    frameworks: Mapping[str, Framework]

    def controls(self, labels: Iterable[str]) -> dict[str, list[str]]:
        """Framework name to the sorted ids of every control that one of `labels` touches.

        A framework that none of them touches is left out; a label without controls adds nothing.
        """
        names = tuple(labels)
        touched = {
            name: sorted({c for label in names for c in framework.by_label.get(label, ())})
            for name, framework in self.frameworks.items()
        }
        return {name: ids for name, ids in touched.items() if ids}


def load_frameworks(path: Path = DEFAULT_PATH, taxonomy: Taxonomy | None = None) -> Frameworks:
    """The frameworks in `path` for `taxonomy` (default: the project's own, read once).

    Raises ConfigError, naming file and key, on a bad version, a missing key, a label or category
    that the taxonomy lacks, or a control without a title.
    """
    if path == DEFAULT_PATH and taxonomy is None:
        return _load_default()
    return _load(path, taxonomy or load_taxonomy())


@cache
def _load_default() -> Frameworks:
    return _load(DEFAULT_PATH, load_taxonomy())


def _load(path: Path, taxonomy: Taxonomy) -> Frameworks:
    document = read_config(path, _Document, taxonomy)
    return Frameworks(
        document.version,
        {
            name: Framework(item.edition, item.controls, _by_label(item, taxonomy))
            for name, item in document.frameworks.items()
        },
    )


def _by_label(framework: _Framework, taxonomy: Taxonomy) -> dict[str, frozenset[str]]:
    by_label: dict[str, set[str]] = {}
    for target, controls in framework.maps.items():
        for label in _labels_under(target, taxonomy):
            by_label.setdefault(label, set()).update(controls)
    return {name: frozenset(by_label[name]) for name in taxonomy.names if name in by_label}


def _labels_under(target: str, taxonomy: Taxonomy) -> list[str]:
    """The label itself, or the labels of a category."""
    if target in taxonomy:
        return [target]
    return [name for name in taxonomy.names if name.startswith(f"{target}.")]
