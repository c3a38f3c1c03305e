"""How a test tells the stand-in model what to do while it runs."""

import json
from pathlib import Path
from typing import Any


class FaultFile:
    """Read by the stand-in before each batch; replaced as a whole, so never read half written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.environment = {"STAND_IN_FAULT_FILE": str(path)}

    def tell(self, **fault: Any) -> None:
        """What the stand-in does from now on; nothing: it works."""
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(fault), encoding="utf-8")
        new.replace(self._path)
