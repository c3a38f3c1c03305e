"""The tables of the review queue, and their migrations.

In: a URL. Out: an engine whose database has the tables. The same for SQLite and PostgreSQL.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    insert,
    inspect,
    make_url,
    select,
    text,
    update,
)
from sqlalchemy.exc import ArgumentError

from client_api.review.sightings import Cause
from schemas.slo import Outcome

#: Timeout in seconds for a statement, a connection or another writer.
PATIENCE_S = 5
_LOCK = 0x6D6170  # of PostgreSQL; held while the tables are brought up to date

metadata = MetaData()

#: One row per word of a detector and a tenant. Times are seconds since 1970, UTC; `labels`,
#: `guess`, `likely`, `neighbours` and `decided` are JSON lists.
words = Table(
    "review_words",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String(64), nullable=False, unique=True),
    Column("tenant", String(200)),
    Column("detector", String(200), nullable=False),
    Column("word", String(200), nullable=False),
    Column("kept", Boolean, nullable=False),
    Column("seen", BigInteger, nullable=False),
    *(Column(cause.value, BigInteger, nullable=False) for cause in Cause),
    Column("first_seen", BigInteger, nullable=False),
    Column("last_seen", BigInteger, nullable=False),
    Column("minute", BigInteger, nullable=False),
    Column("in_minute", BigInteger, nullable=False),
    Column("announced", BigInteger),
    Column("labels", Text, nullable=False),
    Column("guess", Text, nullable=False),
    Column("likely", Text, nullable=False),
    Column("neighbours", Text, nullable=False, server_default="[]"),
    Column("confidence", Float, nullable=False),
    Column("state", String(16), nullable=False),
    Column("version", Integer, nullable=False),
    Column("decided", Text),
    Column("everyone", Boolean, nullable=False),
    Index("review_words_ranked", "state", "seen", "last_seen"),
)
#: Actions with person, time and reason; `undone_by`: the person who reverted the action.
decisions = Table(
    "review_decisions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column(
        "word_id", ForeignKey("review_words.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    Column("action", String(16), nullable=False),
    Column("labels", Text),
    Column("everyone", Boolean, nullable=False),
    Column("by", String(200), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("why", String(500), nullable=False),
    Column("undone_by", String(200)),
    Column("undone_at", BigInteger),
)
#: Items of a detector on a day (since 1970, UTC), and how many of them had each outcome. `key`: a
#: digest of tenant, detector and day.
days = Table(
    "review_days",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("tenant", String(200)),
    Column("detector", String(200), nullable=False),
    Column("day", Integer, nullable=False, index=True),
    Column("items", BigInteger, nullable=False),
    *(Column(outcome.value, BigInteger, nullable=False) for outcome in Outcome),
)
#: `schema`: the version of the tables. `revision`: rises with each decision.
numbers = Table(
    "review_numbers",
    metadata,
    Column("name", String(16), primary_key=True),
    Column("value", BigInteger, nullable=False),
)


class SchemaError(Exception):
    """The database was written by a newer release."""


Step = Callable[[Connection], object]


def _first(connection: Connection) -> None:
    metadata.create_all(connection, [words, decisions, numbers])
    connection.execute(insert(numbers), {"name": "revision", "value": 0})


def _second(connection: Connection) -> None:
    metadata.create_all(connection, [days])


def _third(connection: Connection) -> None:
    # The first migration creates the table with the column.
    if "neighbours" not in {c["name"] for c in inspect(connection).get_columns(words.name)}:
        added = f"ALTER TABLE {words.name} ADD COLUMN neighbours TEXT NOT NULL DEFAULT '[]'"
        connection.execute(text(added))


#: Step n brings a database of version n to version n + 1. A step that was released never changes.
STEPS: Sequence[Step] = (_first, _second, _third)


def make_engine(url: str) -> Engine:
    """An engine that connects at first use. Raises ValueError for a URL of another database."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ValueError("is not the URL of a database") from None
    if parsed.drivername == "sqlite" and parsed.database:
        engine = create_engine(parsed, connect_args={"timeout": PATIENCE_S})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if parsed.drivername in ("postgresql", "postgres"):
        settings = f"-c statement_timeout={PATIENCE_S}s -c lock_timeout={PATIENCE_S}s"
        return create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            connect_args={"connect_timeout": PATIENCE_S, "options": settings},
            pool_pre_ping=True,
            pool_timeout=PATIENCE_S,
        )
    raise ValueError("is not a URL such as postgresql://USER:PASSWORD@HOST/DATABASE")


def bring_up_to_date(engine: Engine, steps: Sequence[Step] = STEPS) -> None:
    """Create the tables, or migrate them to this release; one process at a time.

    Raises SchemaError for tables of a newer release, SQLAlchemyError if the database fails.
    """
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        version = 0
        if inspect(connection).has_table(numbers.name):
            found = select(numbers.c.value).where(numbers.c.name == "schema")
            version = connection.execute(found).scalar_one()
        if version > len(steps):
            raise SchemaError(
                f"the tables have version {version}, this release supports {len(steps)}; "
                "run the newer release, or name another database"
            )
        for step in steps[version:]:
            step(connection)
        if version == 0:
            connection.execute(insert(numbers), {"name": "schema", "value": len(steps)})
        elif version < len(steps):
            where = numbers.c.name == "schema"
            connection.execute(update(numbers).where(where), {"value": len(steps)})


def _prepare_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # `_begin_sqlite` begins, also before a table is made
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads and then writes must not find that another has written meanwhile.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
