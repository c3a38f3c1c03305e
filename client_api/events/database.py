"""Events as rows of a table in PostgreSQL, which processes share."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Float,
    MetaData,
    String,
    Table,
    Text,
    delete,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.exc import SQLAlchemyError

from client_api.events.record import Event
from client_api.review.schema import make_engine
from client_api.review.words import StoreError

metadata = MetaData()
#: `mapper evidence` reads `event`, in the order of `time`.
events_table = Table(
    "mapper_events",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("time", DateTime(timezone=True), nullable=False, index=True),
    Column("tenant", String(200)),
    Column("detector", String(200), nullable=False),
    Column("labels", ARRAY(Text), nullable=False),
    Column("confidence", Float, nullable=False),
    Column("event", JSONB, nullable=False),
)
_LOCK: Final = 0x6D617065  # held while the table is made: two processes must not make it together
_ROWS: Final = 1000
#: Rows per DELETE statement, so that none reaches the database's statement timeout.
_DELETED: Final = 10_000


class DatabaseStore:
    """Connects at first use."""

    patience_s = 0.5

    def __init__(self, url: str) -> None:
        """Raises ValueError for a URL of another database than PostgreSQL."""
        self._engine = make_engine(url)
        if self._engine.dialect.name != "postgresql":
            raise ValueError("is not a URL such as postgresql://USER:PASSWORD@HOST/DATABASE")
        self._ready = False

    def append(self, events: Sequence[Event]) -> None:
        rows = [{**one.columns(), "event": one.body} for one in events]
        # An event whose commit was not heard of is sent again.
        new = insert(events_table).on_conflict_do_nothing()
        with self._begin() as connection:
            for start in range(0, len(rows), _ROWS):
                connection.execute(new, rows[start : start + _ROWS])

    def expire(self, before: datetime) -> None:
        old = select(events_table.c.id).where(events_table.c.time < before).limit(_DELETED)
        gone = _DELETED
        while gone == _DELETED:
            with self._begin() as connection:
                gone = connection.execute(
                    delete(events_table).where(events_table.c.id.in_(old))
                ).rowcount

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        """A transaction, in a database that has the table."""
        try:
            with self._engine.begin() as connection:
                if not self._ready:
                    connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
                    metadata.create_all(connection)
                yield connection
            self._ready = True
        except SQLAlchemyError as error:
            raise StoreError(type(error).__name__) from None
