"""The error for a wrong data or configuration file."""

from pathlib import Path


class ConfigError(ValueError):
    """A data file is wrong: names the file, the line, the key in it, and the change to make.

    key: dotted, with `[i]` for items of a list; `(file)` for the file as a whole.
    line: 1-based, None if unknown.

    Raised while loading, never while serving.
    """

    def __init__(self, path: Path | str, key: str, problem: str, line: int | None = None) -> None:
        self.path, self.key, self.problem, self.line = Path(path), key, problem, line
        place = f"{path}:{line}" if line else f"{path}"
        super().__init__(f"{place}: {key}: {problem}")
