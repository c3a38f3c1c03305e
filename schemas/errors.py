"""The error every data file of the project is refused with."""

from pathlib import Path


class ConfigError(ValueError):
    """A data file is wrong: names the file, the key in it, and what to change.

    Raised while loading, never while serving.
    """

    def __init__(self, path: Path | str, key: str, problem: str) -> None:
        self.path, self.key, self.problem = Path(path), key, problem
        super().__init__(f"{path}: {key}: {problem}")
