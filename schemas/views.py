"""Views of the taxonomy: its labels under the names of another vocabulary, and additional labels.

In: the taxonomy, and an operator's folder of view files. Out: views by name, each complete. The
view of the first version is built in: `coarsens_to` of each label. A file:

```yaml
view: acme
version: "3"                      # optional; stands in the answers, as acme-3
labels:                           # left out: all labels keep their names
  HARM: acme/harm                 # a category: all labels in it that no other line names
  HARM.SPEECH.Threat: acme/threat
  OTHER: acme/other
own_labels:                       # detector files may map words to them
  acme/staff-threat: HARM.SPEECH.Threat   # its parent, which every other answer has
```
"""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from schemas.config.config_file import ConfigModel, Text, config_error, read_config, refuse
from schemas.config.errors import ConfigError
from schemas.config.watched_file import WatchedFile
from schemas.contract import CLEAN
from schemas.taxonomy import FIRST_VERSION, Label, Taxonomy


@dataclass(frozen=True, slots=True)
class View:
    """One vocabulary. labels: the view's name of every canonical label; own: the view's additional
    labels, each with its parent."""

    name: str
    labels: Mapping[str, str]
    combine: Callable[[Iterable[str]], Iterable[str]]
    own: Mapping[str, Label] = field(default_factory=dict)

    def translate(
        self, answer: Mapping[str, Any], signals: Sequence[Mapping[str, Any]] = ()
    ) -> dict[str, Any]:
        """An answer of `/map` in this view: `taxonomy`, `scores` and `label_confidence`.

        Labels with the same name in the view are merged, with their highest score and confidence.
        signals: the lineage of the answer. An own label of the view replaces its parent if a
        signal's entry names it, with the score and the confidence of that signal.
        """
        kept, own = self._specialised(answer["taxonomy"], signals)
        names = self.combine(self.labels[label] for label in kept)
        labels = tuple(dict.fromkeys((*(label for label, _ in own), *names)))
        translated: dict[str, Any] = {**answer, "taxonomy": list(labels)}
        for key, of_signal in (("scores", _score), ("label_confidence", _confidence)):
            figures = dict.fromkeys(labels, 0.0)
            found = [(self.labels[label], answer[key][label]) for label in kept]
            for name, figure in (*found, *((label, of_signal(signal)) for label, signal in own)):
                if name in figures:
                    figures[name] = max(figures[name], figure)
            translated[key] = figures
        translated["version_info"] = answer["version_info"] | {"view": self.name}
        return translated

    def _specialised(
        self, answered: Sequence[str], signals: Sequence[Mapping[str, Any]]
    ) -> tuple[list[str], list[tuple[str, Mapping[str, Any]]]]:
        """The canonical labels that stay, and the own ones, each with a signal that has it.

        An own label stays also if its general parent was replaced by another label of its category.
        """
        own = [
            (label, signal)
            for signal in signals
            for label in signal.get("own", ())
            if (parent := self.own.get(label)) and (parent.name in answered or parent.general)
        ]
        stated = {label for signal in signals for label in self._canonical(signal)}
        gone = {self.own[label].name for label, _ in own} - stated
        return [label for label in answered if label not in gone], own

    def _canonical(self, signal: Mapping[str, Any]) -> set[str]:
        """The canonical labels of a signal that no own label of the view replaces."""
        return set(signal["labels"]) - {
            self.own[label].name for label in signal.get("own", ()) if label in self.own
        }


def _score(signal: Mapping[str, Any]) -> float:
    """As that of a label by rules alone."""
    score: float | None = signal["score"]
    return _confidence(signal) if score is None else score


def _confidence(signal: Mapping[str, Any]) -> float:
    confidence: float = signal["confidence"]
    return confidence


class _ViewFile(ConfigModel):
    view: Text
    version: Text | None = None
    labels: dict[Text, Text] = Field(default_factory=dict)
    own_labels: dict[Text, Text] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.labels or self.own_labels):
            raise refuse("labels", problem="is missing, and so is own_labels; write one of them")
        return self


class Views:
    """The views by name; the taxonomy's own version is no view.

    on_change: as for WatchedFile. Raises ConfigError for a folder that is bad at the start.
    """

    def __init__(
        self,
        taxonomy: Taxonomy,
        folder: Path | None = None,
        on_change: Callable[[ConfigError | None], None] = lambda problem: None,
    ) -> None:
        self._taxonomy = taxonomy
        self._built_in = _built_in(taxonomy)
        self._folder = folder and WatchedFile(folder, partial(load_views, taxonomy), on_change)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all views that a request may choose."""
        return (self._taxonomy.version, *self.current())

    def current(self) -> Mapping[str, View]:
        """The views as they are now."""
        return self._folder.current() if self._folder else self._built_in

    def get(self, name: str | None) -> View | None:
        """The view of that name; None for the taxonomy itself. Raises KeyError for another."""
        if name is None or name == self._taxonomy.version:
            return None
        return self.current()[name]

    @property
    def own_labels(self) -> Mapping[str, str]:
        """Those of all views as they are now, each with its parent."""
        return own_labels(self.current())

    @property
    def changed(self) -> bool:
        """Whether the next access reads the folder."""
        return isinstance(self._folder, WatchedFile) and self._folder.changed

    @property
    def problem(self) -> ConfigError | None:
        """The error of the current folder while an earlier version is in use; else None."""
        self.current()
        return self._folder.problem if self._folder else None


def load_views(taxonomy: Taxonomy, folder: Path) -> Mapping[str, View]:
    """The built-in view and those of a folder, by name.

    Raises ConfigError, naming file, line and key, for a file that is wrong and without a folder.
    """
    if not folder.is_dir():
        raise ConfigError(folder, "(folder)", "is not a folder; create it or correct the setting")
    views = dict(_built_in(taxonomy))
    for path in sorted(folder.glob("*.yaml")):
        file = read_config(path, _ViewFile)
        if file.view in (*views, taxonomy.version):
            raise config_error(path, "view", problem=f"{file.view!r} is a view already")
        name = f"{file.view}-{file.version}" if file.version else file.view
        labels = _complete(path, file.labels, taxonomy)
        own = dict(_parents(path, file.own_labels, taxonomy, own_labels(views)))
        views[file.view] = View(name, labels, dict.fromkeys, own)
    return views


def own_labels(views: Mapping[str, View]) -> Mapping[str, str]:
    """The labels that views have besides the taxonomy's, each with its parent."""
    return {label: parent.name for view in views.values() for label, parent in view.own.items()}


def _built_in(taxonomy: Taxonomy) -> Mapping[str, View]:
    first = {label.name: label.coarsens_to or label.name for label in taxonomy.labels}
    return {FIRST_VERSION: View(FIRST_VERSION, first, taxonomy.combine)}


def _complete(path: Path, given: Mapping[str, str], taxonomy: Taxonomy) -> Mapping[str, str]:
    """The name of every label; its own where none is given."""
    for key in given:
        if key not in _known(taxonomy):
            problem = f"is neither a label nor a category of taxonomy {taxonomy.version}"
            raise config_error(path, "labels", key, problem=problem)
    labels = {}
    for label in taxonomy.names:
        named = next((given[key] for key in _upwards(label) if key in given), None)
        if named is None and given:
            raise config_error(path, "labels", problem=f"{label} has no name; add it")
        labels[label] = named or label
    return labels


def _parents(
    path: Path, given: Mapping[str, str], taxonomy: Taxonomy, others: Mapping[str, str]
) -> Iterator[tuple[str, Label]]:
    """Each label of the view's own with its parent. others: labels of other views."""
    for label, parent in given.items():
        problem = None
        if label in _known(taxonomy):
            problem = f"is a label or category of taxonomy {taxonomy.version}; choose another name"
        elif label in others:
            problem = "is a label of another view; choose another name"
        elif parent not in taxonomy:
            near = difflib.get_close_matches(parent, taxonomy.names, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            problem = f"the parent {parent!r} is not a label of taxonomy {taxonomy.version}{hint}"
        elif parent in CLEAN:
            problem = f"the parent {parent} clears outputs; map the words to it themselves"
        if problem:
            raise config_error(path, "own_labels", label, problem=problem)
        yield label, taxonomy[parent]


def _known(taxonomy: Taxonomy) -> set[str]:
    known = {*taxonomy.names, *taxonomy.categories}
    return known | {category.partition(".")[0] for category in known}


def _upwards(label: str) -> Iterable[str]:
    """The label and its categories, nearest first."""
    while label:
        yield label
        label = label.rpartition(".")[0]
