"""Files of declared formats.

In: the `outputs:` of a detector's YAML file, the `envelopes:` of a file of `envelopes/`, or the
`formats:` of a file of `shared/`. Out: `Format`s, in the order of the files. Raises ConfigError
with file, line, key and remedy.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from fallback.reading.formats.models import Format
from schemas.config.config_file import ConfigModel, config_error, read_config, read_yaml, refuse

ENVELOPES_DIR = Path(__file__).parent.with_name("envelopes")
SHARED_DIR = ENVELOPES_DIR.with_name("shared")


def _different_names(formats: tuple[Format, ...]) -> tuple[Format, ...]:
    seen: set[str] = set()
    for index, form in enumerate(formats):
        if form.name in seen:
            problem = f"{form.name!r} is the name of two formats; rename one"
            raise refuse(index, "format", problem=problem)
        seen.add(form.name)
    return formats


def _with_shared(data: Any) -> Any:
    if not isinstance(data, dict) or "uses" not in data:
        return data
    own = {name: value for name, value in data.items() if name != "uses"}
    if (shared := _shared().get(data["uses"])) is None:
        problem = f"{data['uses']!r} is not a shared format; known are {', '.join(_shared())}"
        raise refuse("uses", problem=problem)
    return {**shared, **own}


Formats = Annotated[tuple[Format, ...], AfterValidator(_different_names)]
#: Formats of a detector. An entry may be `uses:` with the name of a shared format; its own fields
#: replace those of the shared one.
Outputs = Annotated[
    tuple[Annotated[Format, BeforeValidator(_with_shared)], ...], AfterValidator(_different_names)
]


class _EnvelopeFile(ConfigModel):
    envelopes: Formats


class _SharedFile(ConfigModel):
    formats: Formats


def read_envelopes(path: Path) -> tuple[Format, ...]:
    """The envelopes of one file, in its order."""
    return read_config(path, _EnvelopeFile).envelopes


def read_shared(path: Path) -> tuple[Format, ...]:
    """The shared formats of one file, in its order."""
    return read_config(path, _SharedFile).formats


@cache
def load_envelopes(directory: Path = ENVELOPES_DIR) -> tuple[Format, ...]:
    """Every envelope of a directory, by the order of file names and of the lists in them.

    Raises ConfigError, also for a name that two files use.
    """
    envelopes: dict[str, Format] = {}
    for path in sorted(directory.glob("*.yaml")):
        for index, form in enumerate(read_envelopes(path)):
            if form.name in envelopes:
                problem = f"{form.name!r} is in two files; rename one"
                raise config_error(path, "envelopes", index, "format", problem=problem)
            envelopes[form.name] = form
    return tuple(envelopes.values())


@cache
def _shared() -> Mapping[str, Mapping[str, Any]]:
    """The shared formats by name, as written."""
    shared: dict[str, Mapping[str, Any]] = {}
    for path in sorted(SHARED_DIR.glob("*.yaml")):
        forms, entries = read_shared(path), read_yaml(path)["formats"]
        for index, form in enumerate(forms):
            if form.name in shared:
                problem = f"{form.name!r} is in two files; rename one"
                raise config_error(path, "formats", index, "format", problem=problem)
            shared[form.name] = entries[index]
    return shared
