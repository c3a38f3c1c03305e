"""Which controls of which compliance frameworks a label touches.

In: `frameworks.yaml`, labels. Out: control ids per framework. Knows nothing of events. A control
is given to a label or to a category, and then to every label below it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from schemas.errors import ConfigError
from schemas.taxonomy import Taxonomy, load_taxonomy
from schemas.yaml_file import check_keys, read_text, read_texts, read_version, read_yaml

DEFAULT_PATH: Final = Path(__file__).with_name("frameworks.yaml")


@dataclass(frozen=True, slots=True)
class Framework:
    """One framework: its edition, its controls' titles by id, and the control ids by label."""

    name: str
    edition: str
    titles: Mapping[str, str]
    by_label: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Frameworks:
    """All frameworks of one version, in file order."""

    version: str
    frameworks: tuple[Framework, ...]

    def controls(self, labels: Iterable[str]) -> dict[str, list[str]]:
        """Framework name to the sorted ids of every control that one of `labels` touches.

        A framework that none of them touches is left out; a label without controls adds nothing.
        """
        wanted = tuple(labels)
        found = {
            framework.name: sorted({c for name in wanted for c in framework.by_label.get(name, ())})
            for framework in self.frameworks
        }
        return {name: ids for name, ids in found.items() if ids}


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
    data = check_keys(path, "", read_yaml(path), {"version", "frameworks"})
    version = read_version(path, "version", data["version"])
    if not isinstance(data["frameworks"], dict):
        raise ConfigError(path, "frameworks", "must map framework names to their controls")
    frameworks = (
        _framework(path, name, item, taxonomy) for name, item in data["frameworks"].items()
    )
    return Frameworks(version, tuple(frameworks))


def _framework(path: Path, name: str, item: Any, taxonomy: Taxonomy) -> Framework:
    key = f"frameworks.{name}"
    data = check_keys(path, key, item, {"edition", "controls", "maps"})
    titles, maps = data["controls"], data["maps"]
    for part, value in (("controls", titles), ("maps", maps)):
        if not isinstance(value, dict) or not value:
            raise ConfigError(path, f"{key}.{part}", "must be a mapping, not empty")
    for control, title in titles.items():
        read_text(path, f"{key}.controls", control)
        read_text(path, f"{key}.controls.{control}", title)
    by_label: dict[str, set[str]] = {}
    for target, value in maps.items():
        where = f"{key}.maps.{target}"
        controls = read_texts(path, where, value)
        for control in controls:
            if control not in titles:
                raise ConfigError(path, where, f"{control!r} is not among {key}.controls; add it")
        for label in _labels_under(path, where, target, taxonomy):
            by_label.setdefault(label, set()).update(controls)
    unused = set(titles).difference(*by_label.values())
    if unused:
        raise ConfigError(path, f"{key}.controls.{min(unused)}", "is used by no label; remove it")
    return Framework(
        name=name,
        edition=read_text(path, f"{key}.edition", data["edition"]),
        titles=titles,
        by_label={label: frozenset(controls) for label, controls in by_label.items()},
    )


def _labels_under(path: Path, key: str, target: object, taxonomy: Taxonomy) -> list[str]:
    if target in taxonomy:
        return [str(target)]
    if target in taxonomy.categories:
        return [name for name in taxonomy.names if name.startswith(f"{target}.")]
    raise ConfigError(path, key, f"{target!r} is neither a label nor a category of the taxonomy")
