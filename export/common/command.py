"""Common code of the commands that publish a version.

In: a function that builds a version. Out: an exit code, and one line for the user.
"""

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from export.common.errors import ExportError
from schemas.config.errors import ConfigError


def run(name: str, publish: Callable[[], Path]) -> int:
    """Run a command; returns the exit code, 0 only when a version was published."""
    # A shell starts its background jobs with interrupts ignored, so the handler is set.
    signal.signal(signal.SIGINT, _terminate)
    signal.signal(signal.SIGTERM, _terminate)
    began = time.monotonic()
    try:
        version = publish()
    except (ExportError, ConfigError) as error:
        return _fail(name, " ".join(str(error).split()))
    except OSError as error:
        return _fail(name, f"cannot read or write: {error}; is the disk full?")
    except KeyboardInterrupt:
        return _fail(name, "interrupted", code=130)
    print(f"published {version} in {time.monotonic() - began:.0f} s")
    return 0


def _terminate(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _fail(name: str, message: str, code: int = 1) -> int:
    print(f"{name}: {message}; nothing was published", file=sys.stderr)
    return code
