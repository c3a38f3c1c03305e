"""The command `mapper`, over the client of this package.

Exit status: 0 done, 1 refused or failed, 2 wrong usage. With `--json` every command writes JSON to
standard output, and its errors as JSON to standard error.
"""

from llama_mapper.cli.app import app, main

__all__ = ["app", "main"]
