"""Records and reverts decisions about a word. The functions are parts of a transaction."""

import json
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, Table, func, select, update
from sqlalchemy import true as always
from sqlalchemy.sql.elements import ColumnElement

from client_api.review.schema import decisions, numbers, words
from client_api.review.words import (
    STATES,
    Action,
    Decided,
    NotFoundError,
    StaleError,
    Word,
    WordState,
    decided_of,
    word_of,
)

#: The most decisions in the history of a word.
_TOLD: Final = 20


def of_tenant(tenant: str | None, table: Table = words) -> ColumnElement[bool]:
    """The words, or rows of another table, that a tenant's reviewer sees; None for all."""
    return always() if tenant is None else table.c.tenant == tenant


def found(connection: Connection, tenant: str | None, word_id: int) -> Word:
    """A word with its history. Raises NotFoundError."""
    asked = select(words).where(of_tenant(tenant), words.c.id == word_id)
    row = connection.execute(asked).mappings().one_or_none()
    if row is None:
        raise NotFoundError
    return word_of(row, histories(connection, [word_id]).get(word_id, ())[:_TOLD])


def claim(connection: Connection, tenant: str | None, word_id: int, version: int) -> None:
    """Optimistic locking: the first to increase the version succeeds, others get a StaleError."""
    seen = (of_tenant(tenant), words.c.id == word_id, words.c.version == version)
    if connection.execute(update(words).where(*seen).values(version=version + 1)).rowcount:
        return
    raise StaleError(found(connection, tenant, word_id))


def apply(connection: Connection, word_id: int, decided: Decided) -> None:
    """Record an action, and the word's state after it."""
    if decided.action is Action.UNDO:
        last = select(func.max(decisions.c.id)).where(
            decisions.c.word_id == word_id, decisions.c.undone_by.is_(None)
        )
        mark = update(decisions).where(decisions.c.id == last.scalar_subquery())
        connection.execute(mark.values(undone_by=decided.by, undone_at=decided.at))
    else:
        connection.execute(
            decisions.insert().values(
                word_id=word_id,
                action=decided.action.value,
                labels=json.dumps(decided.labels),
                everyone=decided.everyone,
                by=decided.by,
                at=decided.at,
                why=decided.why,
            )
        )
    history = histories(connection, [word_id]).get(word_id, ())
    holds = next((one for one in history if one.undone_by is None), None)
    connection.execute(
        update(words)
        .where(words.c.id == word_id)
        .values(
            state=STATES[holds.action].value if holds else WordState.OPEN.value,
            decided=json.dumps(holds.labels) if holds and holds.labels else None,
            everyone=bool(holds and holds.everyone),
        )
    )
    connection.execute(
        update(numbers).where(numbers.c.name == "revision").values(value=numbers.c.value + 1)
    )


def histories(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[Decided, ...]]:
    """The decisions about words, the latest first."""
    found: dict[int, list[Decided]] = {}
    for start in range(0, len(ids), 500):
        some = decisions.c.word_id.in_(ids[start : start + 500])
        rows = select(decisions).where(some).order_by(decisions.c.id.desc())
        for row in connection.execute(rows).mappings():
            found.setdefault(row["word_id"], []).append(decided_of(row))
    return {word_id: tuple(some) for word_id, some in found.items()}
