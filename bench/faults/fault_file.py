"""The file with which a test controls the stand-in model while it runs."""

import json
from pathlib import Path
from typing import Any


class FaultFile:
    """Read by the stand-in before each batch; replaced as a whole, so never read half written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.environment = {"STAND_IN_FAULT_FILE": str(path)}

    def tell(self, **fault: Any) -> None:
        """Set the stand-in's fault from now on; without arguments it works."""
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(fault), encoding="utf-8")
        new.replace(self._path)
