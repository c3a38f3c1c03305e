"""Tables are made once, brought up to date with their rows, and not touched by an older release."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, inspect, select, text

from client_api.review.schema import STEPS, SchemaError, bring_up_to_date, make_engine, numbers


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return make_engine(f"sqlite:///{tmp_path / 'review.db'}")


def version(engine: Engine) -> int:
    with engine.begin() as connection:
        found = select(numbers.c.value).where(numbers.c.name == "schema")
        return int(connection.execute(found).scalar_one())


def add_column(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE review_words ADD COLUMN note TEXT"))


def insert_word(connection: Connection) -> None:
    names = [c["name"] for c in inspect(connection).get_columns("review_words")]
    values = ", ".join("1" for _ in names)
    connection.execute(text(f"INSERT INTO review_words ({', '.join(names)}) VALUES ({values})"))


def test_a_later_release_keeps_the_rows(engine: Engine) -> None:
    bring_up_to_date(engine)
    with engine.begin() as connection:
        insert_word(connection)
    later = (*STEPS, add_column)
    for _ in range(2):
        bring_up_to_date(engine, later)
    assert version(engine) == len(later)
    with engine.begin() as connection:
        assert connection.execute(text("SELECT note, seen FROM review_words")).all() == [(None, 1)]
    with pytest.raises(SchemaError, match="newer release"):
        bring_up_to_date(engine)


def test_a_step_that_fails_changes_nothing(engine: Engine) -> None:
    bring_up_to_date(engine)

    def fail(connection: Connection) -> None:
        add_column(connection)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        bring_up_to_date(engine, (*STEPS, fail))
    assert version(engine) == len(STEPS)
    columns = {column["name"] for column in inspect(engine).get_columns("review_words")}
    assert "note" not in columns


def test_processes_that_start_together_make_the_tables_once(tmp_path: Path) -> None:
    engines = [make_engine(f"sqlite:///{tmp_path / 'review.db'}") for _ in range(6)]
    failures: list[Exception] = []

    def make(engine: Engine) -> None:
        try:
            bring_up_to_date(engine)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=make, args=(engine,)) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert {version(engine) for engine in engines} == {len(STEPS)}


def test_a_table_of_the_release_before_gets_the_neighbours(engine: Engine) -> None:
    bring_up_to_date(engine, STEPS[:2])
    with engine.begin() as connection:  # as that release made it
        connection.execute(text("ALTER TABLE review_words DROP COLUMN neighbours"))
        insert_word(connection)
    bring_up_to_date(engine)
    with engine.begin() as connection:
        assert connection.execute(text("SELECT neighbours FROM review_words")).all() == [("[]",)]
