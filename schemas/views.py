"""Views of the taxonomy: its labels under the names of another vocabulary.

In: the taxonomy, and an operator's folder of view files. Out: views by name, each complete. The
view of the first version is built in: `coarsens_to` of each label. A file:

```yaml
view: acme
version: "3"                      # optional; stands in the answers, as acme-3
labels:
  HARM: acme/harm                 # a category: all labels in it that no other line names
  HARM.SPEECH.Threat: acme/threat
  OTHER: acme/other
```
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from schemas.config.config_file import ConfigModel, Text, config_error, read_config
from schemas.config.errors import ConfigError
from schemas.config.watched_file import WatchedFile
from schemas.taxonomy import FIRST_VERSION, Taxonomy


@dataclass(frozen=True, slots=True)
class View:
    """One vocabulary. labels: the view's name of every canonical label."""

    name: str
    labels: Mapping[str, str]
    combine: Callable[[Iterable[str]], Iterable[str]]

    def translate(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        """An answer of `/map` in this view: `taxonomy`, `scores` and `label_confidence`.

        Labels that the view names alike become one, with the highest figure of them.
        """
        labels = tuple(self.combine(self.labels[label] for label in answer["taxonomy"]))
        translated: dict[str, Any] = {**answer, "taxonomy": list(labels)}
        for key in ("scores", "label_confidence"):
            figures = dict.fromkeys(labels, 0.0)
            for label, figure in answer[key].items():
                if (name := self.labels[label]) in figures:
                    figures[name] = max(figures[name], figure)
            translated[key] = figures
        translated["version_info"] = answer["version_info"] | {"view": self.name}
        return translated


class _ViewFile(ConfigModel):
    view: Text
    version: Text | None = None
    labels: dict[Text, Text] = Field(min_length=1)


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
        first = {label.name: label.coarsens_to or label.name for label in taxonomy.labels}
        self._built_in = {FIRST_VERSION: View(FIRST_VERSION, first, taxonomy.combine)}
        self._folder = folder and WatchedFile(folder, self._load, on_change)

    @property
    def names(self) -> tuple[str, ...]:
        """All names that an answer may be asked for in."""
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
    def changed(self) -> bool:
        """Whether the next look at the folder reads it."""
        return isinstance(self._folder, WatchedFile) and self._folder.changed

    @property
    def problem(self) -> ConfigError | None:
        """What is wrong with the folder now, while an earlier version of it is served."""
        self.current()
        return self._folder.problem if self._folder else None

    def _load(self, folder: Path) -> Mapping[str, View]:
        if not folder.is_dir():
            raise ConfigError(folder, "(folder)", "is no folder; make it or correct the setting")
        views = dict(self._built_in)
        for path in sorted(folder.glob("*.yaml")):
            file = read_config(path, _ViewFile)
            if file.view in (*views, self._taxonomy.version):
                raise config_error(path, "view", problem=f"{file.view!r} is a view already")
            name = f"{file.view}-{file.version}" if file.version else file.view
            views[file.view] = View(name, self._complete(path, file.labels), dict.fromkeys)
        return views

    def _complete(self, path: Path, given: Mapping[str, str]) -> Mapping[str, str]:
        known = {*self._taxonomy.names, *self._taxonomy.categories}
        known |= {category.partition(".")[0] for category in known}
        for key in given:
            if key not in known:
                problem = f"is no label and no category of taxonomy {self._taxonomy.version}"
                raise config_error(path, "labels", key, problem=problem)
        labels = {}
        for label in self._taxonomy.names:
            named = next((given[key] for key in _upwards(label) if key in given), None)
            if named is None:
                raise config_error(path, "labels", problem=f"{label} has no name; add it")
            labels[label] = named
        return labels


def _upwards(label: str) -> Iterable[str]:
    """The label and its categories, nearest first."""
    while label:
        yield label
        label = label.rpartition(".")[0]
