"""The text of a file that a command is given; `-` is standard input."""

import sys
from pathlib import Path

import typer


def read_text(path: Path) -> str:
    """Raises BadParameter for a file that cannot be read or is not UTF-8."""
    try:
        raw = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{path} is not UTF-8") from None
