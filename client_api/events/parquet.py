"""Events as Parquet files: `date=2026-11-29/143005-….parquet`, each written once, as a whole.

Processes may share the folder. Readers of Parquet see a table partitioned by `date`.
"""

import json
import os
import re
import uuid
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import polars as pl

from client_api.events.record import Event
from client_api.review.words import StoreError

_SCHEMA: Final[dict[str, pl.DataType]] = {
    "id": pl.String(),
    "time": pl.Datetime("ms", "UTC"),
    "tenant": pl.String(),
    "detector": pl.String(),
    "labels": pl.List(pl.String()),
    "confidence": pl.Float64(),
    "event": pl.String(),
}
_DAY = re.compile(r"date=\d{4}-\d\d-\d\d")


class ParquetStore:
    """A folder of files, with one subfolder per day (UTC)."""

    #: Many small files are slow to read.
    patience_s = 60.0

    def __init__(self, folder: Path) -> None:
        """Raises StoreError if the folder cannot be created or written."""
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / f".{uuid.uuid4().hex}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise StoreError(f"{folder}: {error.strerror}") from None

    def append(self, events: Sequence[Event]) -> None:
        days: dict[str, list[Event]] = {}
        for event in events:
            days.setdefault(f"{event.time:%Y-%m-%d}", []).append(event)
        made: list[tuple[Path, Path]] = []
        try:
            for day, some in days.items():
                made.append(self._write(self._folder / f"date={day}", some))
            for written, final in made:
                written.rename(final)
        except OSError as error:
            for written, final in made:
                written.unlink(missing_ok=True)
                final.unlink(missing_ok=True)
            raise StoreError(f"{self._folder}: {error.strerror or type(error).__name__}") from None

    def expire(self, before: datetime) -> None:
        """Deletes whole days."""
        try:
            for folder in self._folder.iterdir():
                if _DAY.fullmatch(folder.name) and folder.name < f"date={before:%Y-%m-%d}":
                    for file in folder.glob("*.parquet"):
                        file.unlink(missing_ok=True)
                    folder.rmdir()
        except OSError as error:
            raise StoreError(f"{self._folder}: {error.strerror}") from None

    def close(self) -> None:
        pass

    def _write(self, folder: Path, events: Sequence[Event]) -> tuple[Path, Path]:
        """A finished file under a name that readers ignore, and its final name."""
        rows = [{**one.columns(), "event": json.dumps(one.body)} for one in events]
        final = folder / f"{events[0].time:%H%M%S}-{uuid.uuid4().hex[:12]}.parquet"
        written = final.with_suffix(".part")
        folder.mkdir(exist_ok=True)
        try:
            with written.open("xb") as file:
                pl.DataFrame(rows, schema=_SCHEMA, orient="row").write_parquet(file)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            written.unlink(missing_ok=True)
            raise
        return written, final
