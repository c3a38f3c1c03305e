"""Runs the command `mapper` in this process, or as one of its own."""

import os
import subprocess
import sys

from typer.testing import CliRunner, Result

from llama_mapper.cli import app

_OWN = ("MAPPER_URL", "MAPPER_KEY", "MAPPER_TENANT")


def mapper(url: str, *arguments: str, stdin: str | bytes = b"", **settings: str) -> Result:
    """settings: `key`, `tenant`, and others of MAPPER_*."""
    return CliRunner().invoke(app, arguments, input=stdin, env=_environment(url, settings))


def started(url: str, *arguments: str, **settings: str) -> subprocess.Popen[bytes]:
    """The same as a process with pipes; use it as a context manager."""
    environment = {name: value for name, value in os.environ.items() if name not in _OWN}
    given = {name: v for name, v in _environment(url, settings).items() if v is not None}
    return subprocess.Popen(
        [sys.executable, "-m", "llama_mapper.cli", *arguments],
        env=environment | given,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def _environment(url: str, settings: dict[str, str]) -> dict[str, str | None]:
    given = {f"MAPPER_{name.upper()}": value for name, value in settings.items()}
    return dict.fromkeys(_OWN) | {"MAPPER_URL": url} | given


def complaint(done: Result) -> str:
    """What the command said of wrong usage, without its frame and line breaks."""
    return " ".join(done.stderr.replace("│", " ").split())
