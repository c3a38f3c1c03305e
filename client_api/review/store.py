"""The review queue in a database: counted words, and the decisions about them.

In: counts and decisions. Out: rows. Every method is one transaction, blocks on the database and
raises StoreError if it fails; call them in a thread. Independent of HTTP.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, case, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from client_api.review import days, ledger
from client_api.review.days import Day, DayTally
from client_api.review.drift import first_day
from client_api.review.schema import (
    SchemaError,
    bring_up_to_date,
    make_engine,
    numbers,
    words,
)
from client_api.review.sightings import Cause, Tally
from client_api.review.words import (
    Decided,
    StoreError,
    Word,
    WordState,
    row_of,
    word_of,
)
from schemas.slo import Drift

#: The most undecided words, and days of detectors, in the store. Beyond it, the least frequent and
#: then the oldest are deleted.
MAX_ROWS: Final = 100_000
_UNDECIDED: Final = words.c.state.in_([WordState.OPEN.value, WordState.LATER.value])


class Store:
    """Threads and processes may share it."""

    def __init__(
        self,
        url: str,
        *,
        retention_days: float,
        most: int = MAX_ROWS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """retention_days: undecided words that were not seen for longer are deleted.

        Raises ValueError for a URL of another database than SQLite or PostgreSQL.
        """
        self._engine = make_engine(url)
        self._insert = {"sqlite": sqlite, "postgresql": postgresql}[
            self._engine.dialect.name
        ].insert
        self._retention_s = retention_days * days.DAY_S
        self._most = most
        self._clock = clock
        self._ready = False

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def add_items(self, tallies: Mapping[str, DayTally]) -> None:
        """Add counts to today's items, by the keys of detectors; delete rows beyond the limits."""
        with self._begin() as connection:
            days.add(connection, self._insert, tallies, int(self._clock()), self._most)

    def items(self, tenant: str | None, rule: Drift) -> tuple[int, dict[str, dict[int, Day]]]:
        """Today, in days since 1970, and the items by detector and day that the drift test uses."""
        today = int(self._clock()) // days.DAY_S
        with self._begin() as connection:
            return today, days.read(connection, tenant, first_day(rule, today))

    def add(self, tallies: Mapping[str, Tally]) -> None:
        """Add counts to the words of these keys; then delete rows beyond the limits."""
        now = int(self._clock())
        table = self._insert(words)
        new = table.excluded
        same_minute = words.c.minute == new.minute
        added = table.on_conflict_do_update(
            index_elements=["key"],
            set_={
                **{name: words.c[name] + new[name] for name in ("seen", *(c.value for c in Cause))},
                **{
                    name: new[name]
                    for name in ("last_seen", "minute", "labels", "guess", "likely", "neighbours")
                },
                "confidence": new.confidence,
                "in_minute": case(
                    (same_minute, words.c.in_minute + new.in_minute), else_=new.in_minute
                ),
                **_names(new),
            },
        )
        # In one order, so that two processes never wait for each other.
        rows = [row_of(key, tally, now) for key, tally in sorted(tallies.items())]
        with self._begin() as connection:
            connection.execute(added, rows)
            self._trim(connection, now)

    def list(
        self,
        tenant: str | None,
        state: WordState,
        *,
        detector: str | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> Sequence[Word]:
        """Words, the most frequent first. tenant: None for all tenants."""
        found = (
            select(words)
            .where(ledger.of_tenant(tenant), words.c.state == state.value)
            .order_by(words.c.seen.desc(), words.c.last_seen.desc(), words.c.id)
            .limit(limit)
            .offset(offset)
        )
        if detector is not None:
            found = found.where(words.c.detector == detector)
        with self._begin() as connection:
            return [word_of(row) for row in connection.execute(found).mappings()]

    def counts(self, tenant: str | None) -> Mapping[WordState, int]:
        """How many words are in each state."""
        found = (
            select(words.c.state, func.count())
            .where(ledger.of_tenant(tenant))
            .group_by(words.c.state)
        )
        with self._begin() as connection:
            told = {state: int(count) for state, count in connection.execute(found)}
        return {state: told.get(state.value, 0) for state in WordState}

    def get(self, tenant: str | None, word_id: int) -> Word:
        """A word with its history. Raises NotFoundError."""
        with self._begin() as connection:
            return ledger.found(connection, tenant, word_id)

    def decide(self, tenant: str | None, word_id: int, version: int, decided: Decided) -> Word:
        """Record a decision, or revert the last one, and return the word with its new state.

        version: of the word that the reviewer saw. Raises NotFoundError and StaleError.
        """
        with self._begin() as connection:
            ledger.claim(connection, tenant, word_id, version)
            ledger.apply(connection, word_id, decided)
            return ledger.found(connection, tenant, word_id)

    def enter(self, tallies: Mapping[str, tuple[Tally, Decided]]) -> int:
        """Record decisions, also about words never seen; returns the number of new ones."""
        now, new = int(self._clock()), 0
        with self._begin() as connection:
            for key, (tally, decided) in sorted(tallies.items()):
                made = self._insert(words).values(row_of(key, tally, now))
                names = _names(made.excluded)
                connection.execute(made.on_conflict_do_update(index_elements=["key"], set_=names))
                found = select(words).where(words.c.key == key)
                word = word_of(connection.execute(found).mappings().one())
                wanted = (WordState.DECIDED, decided.labels, decided.everyone)
                if (word.state, word.decided, word.everyone) != wanted:
                    ledger.claim(connection, None, word.id, word.version)
                    ledger.apply(connection, word.id, decided)
                    new += 1
        return new

    def decided(self, tenant: str | None = None) -> Sequence[Word]:
        """Every word that has labels by decision, each with its history, in a fixed order."""
        found = (
            select(words)
            .where(ledger.of_tenant(tenant), words.c.state == WordState.DECIDED.value, words.c.kept)
            .order_by(words.c.detector, words.c.word, words.c.id)
        )
        with self._begin() as connection:
            rows = connection.execute(found).mappings().all()
            taken = ledger.histories(connection, [row["id"] for row in rows])
            return [word_of(row, taken.get(row["id"], ())) for row in rows]

    def revision(self) -> int:
        """A number that increases with each decision."""
        with self._begin() as connection:
            found = select(numbers.c.value).where(numbers.c.name == "revision")
            return int(connection.execute(found).scalar_one())

    def announce(self, rate: int) -> Sequence[Word]:
        """The open words seen `rate` times in a minute; each is returned once, to one caller."""
        now = int(self._clock())
        fresh = (
            select(words)
            .where(
                words.c.state == WordState.OPEN.value,
                words.c.announced.is_(None),
                words.c.in_minute >= rate,
                words.c.minute >= now // 60 - 1,
            )
            .limit(20)
        )
        with self._begin() as connection:
            found = [word_of(row) for row in connection.execute(fresh).mappings()]
            mark = update(words).values(announced=now)
            return [
                word
                for word in found
                if connection.execute(
                    mark.where(words.c.id == word.id, words.c.announced.is_(None))
                ).rowcount
            ]

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        try:
            if not self._ready:
                bring_up_to_date(self._engine)
                self._ready = True
            with self._engine.begin() as connection:
                yield connection
        except (SQLAlchemyError, SchemaError) as error:
            raise StoreError(_brief(error)) from error

    def _trim(self, connection: Connection, now: int) -> None:
        old = words.c.last_seen < now - self._retention_s
        connection.execute(delete(words).where(_UNDECIDED, old))
        count = select(func.count()).select_from(words).where(_UNDECIDED)
        beyond = connection.execute(count).scalar_one() - self._most
        if beyond > 0:
            least = (
                select(words.c.id)
                .where(_UNDECIDED)
                .order_by(words.c.seen, words.c.last_seen, words.c.id)
                .limit(beyond)
            )
            connection.execute(delete(words).where(words.c.id.in_(least)))


def _names(new: Any) -> dict[str, Any]:
    """The columns that a conflict updates; a name replaces a digest, but not vice versa."""
    return {
        "detector": case((words.c.kept, words.c.detector), else_=new.detector),
        "word": case((words.c.kept, words.c.word), else_=new.word),
        "kept": or_(words.c.kept, new.kept),
    }


def _brief(error: Exception) -> str:
    """The database's error without the statement and its values."""
    cause = getattr(error, "orig", None) or error
    return f"{type(cause).__name__}" if not isinstance(error, SchemaError) else str(error)
