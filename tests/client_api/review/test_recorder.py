"""What waits, what is dropped, and what an outage of the database changes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from client_api.mapping.gateway import Item
from client_api.review import recorder as bounds
from client_api.review.recorder import Recorder
from client_api.review.sightings import Names
from client_api.review.store import Store
from client_api.review.webhook import Webhook, message
from client_api.review.words import StoreError, Word, WordState
from fallback.decision.decision import Decision
from pipeline.steps import load_pipeline
from schemas.candidate import Candidate, CandidateSet


def unsure(*words: str, detector: str = "acme-guard") -> tuple[Item, Decision]:
    """An answer of whose words the model is not sure."""
    pipeline = load_pipeline()
    output = str([{"label": word, "score": 0.9} for word in words]).replace("'", '"')
    read = pipeline.read(detector, output)
    candidate = Candidate('{"taxonomy":["HARM.SPEECH.Toxicity"]}', 0.4, 0.4)
    answers = CandidateSet("fake", (candidate,) * len(read.reading.signals))
    return Item(detector, output), pipeline.decide(read, answers)


class Losses(list[int]):
    """How many sightings were dropped, as a recorder tells it."""


def make(folder: Path, **settings: Any) -> tuple[Recorder, Store, Losses]:
    """A recorder whose thread does not run; `flush` is called by the test."""
    store = Store(f"sqlite:///{folder / 'review.db'}", **{"retention_days": 90} | settings)
    lost = Losses()
    names = Names(lambda tenant, name: None, keep=True)
    return Recorder(store, names, lost.append), store, lost


def seen(store: Store) -> dict[str, int]:
    return {word.word: word.seen for word in store.list(None, WordState.OPEN, limit=200)}


def test_counts_wait_for_a_database_that_is_out(tmp_path: Path) -> None:
    recorder, store, lost = make(tmp_path / "missing")
    for _ in range(3):
        recorder.record(*unsure("zorblish", "quorvid"))
        recorder.flush()
    assert recorder.out
    with pytest.raises(StoreError):
        store.counts(None)
    (tmp_path / "missing").mkdir()
    recorder.flush()
    assert not recorder.out
    assert seen(store) == {"zorblish": 3, "quorvid": 3}
    assert lost == []
    recorder.flush()
    assert seen(store) == {"zorblish": 3, "quorvid": 3}


def test_what_waits_is_bounded_and_what_is_beyond_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "MAX_WAITING", 5)
    monkeypatch.setattr(bounds, "MAX_TALLIES", 4)
    recorder, store, lost = make(tmp_path / "missing")
    recorder.record(*unsure("one", "two", "three"))
    recorder.record(*unsure("four", "five", "six", "seven"))
    assert sum(lost) == 2
    recorder.flush()
    # The queue is free again, the tallies are full: a known word counts, a new one does not.
    recorder.record(*unsure("one", "eight"))
    recorder.flush()
    assert sum(lost) == 4
    (tmp_path / "missing").mkdir()
    recorder.flush()
    assert sum(seen(store).values()) == 7 + 2 - 4
    assert seen(store)["one"] == 2


def test_a_flood_of_names_leaves_the_words_that_are_seen_again(tmp_path: Path) -> None:
    recorder, store, lost = make(tmp_path, most=50)
    for _ in range(2):
        recorder.record(*unsure("zorblish"))
    for start in range(0, 1000, 20):
        recorder.record(
            *unsure(*(f"name{'x' * (n // 26)}{chr(97 + n % 26)}" for n in range(start, start + 20)))
        )
        recorder.flush()
        assert sum(store.counts(None).values()) <= 50
    assert seen(store)["zorblish"] == 2
    assert lost == []


def test_words_that_nobody_sends_are_deleted_and_decided_ones_stay(tmp_path: Path) -> None:
    now = 1_000_000.0
    recorder, store, _ = make(tmp_path, retention_days=1, clock=lambda: now)
    recorder.record(*unsure("zorblish", "quorvid"))
    recorder.flush()
    from client_api.review.words import Action, Decided

    word = next(w for w in store.list(None, WordState.OPEN) if w.word == "quorvid")
    store.decide(None, word.id, 1, Decided(Action.ACCEPT, ("OTHER.Safe",), False, "a", 1, ""))
    now += 2 * 86_400
    recorder.record(*unsure("vant"))
    recorder.flush()
    assert seen(store) == {"vant": 1}
    assert [word.word for word in store.decided()] == ["quorvid"]


def fresh(store: Store, rate: int) -> list[str]:
    return sorted(word.word for word in store.announce(rate))


def test_a_new_word_is_told_once_when_it_passes_the_rate(tmp_path: Path) -> None:
    now = 6000.0
    recorder, store, _ = make(tmp_path, clock=lambda: now)
    for _ in range(3):
        recorder.record(*unsure("zorblish"))
    recorder.record(*unsure("quorvid"))
    recorder.flush()
    assert fresh(store, 3) == ["zorblish"]
    assert fresh(store, 3) == []
    now += 60  # another minute counts anew
    for _ in range(2):
        recorder.record(*unsure("quorvid"))
    recorder.flush()
    assert fresh(store, 3) == []
    recorder.record(*unsure("quorvid"))
    recorder.flush()
    assert fresh(store, 3) == ["quorvid"]


@pytest.fixture
def word(tmp_path: Path) -> Word:
    recorder, store, _ = make(tmp_path)
    recorder.record(*unsure("<!channel> & co"))
    recorder.flush()
    [found] = store.list(None, WordState.OPEN)
    return found


def service(*statuses: int | Exception) -> tuple[httpx.MockTransport, list[bytes]]:
    """Answers with these, one after another, and keeps what it was sent."""
    sent: list[bytes] = []
    answers: Iterator[int | Exception] = iter(statuses)

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.content)
        status = next(answers)
        if isinstance(status, Exception):
            raise status
        return httpx.Response(status)

    return httpx.MockTransport(answer), sent


def told(word: Word, *statuses: int | Exception) -> tuple[list[bytes], list[float]]:
    """What a webhook sends about a word, and its pauses."""
    transport, sent = service(*statuses)
    pauses: list[float] = []
    hook = Webhook("http://chat.example/secret", transport, pauses.append)
    hook.announce(word)
    hook.close()
    return sent, pauses


def test_a_message_is_sent_again_until_it_is_taken(word: Word) -> None:
    sent, pauses = told(word, httpx.ConnectError("no"), 503, 200)
    assert len(sent) == 3
    assert len(set(sent)) == 1
    assert pauses == [1.0, 2.0]


def test_a_message_is_given_up_in_the_end(word: Word, capsys: pytest.CaptureFixture[str]) -> None:
    sent, pauses = told(word, *(500 for _ in range(9)))
    assert len(sent) == 4
    assert len(pauses) == 3
    out, err = capsys.readouterr()
    assert "status 500" in out + err
    assert "secret" not in out + err


def test_a_name_cannot_format_or_mention(word: Word) -> None:
    text = message(word)
    assert "<" not in text
    assert "&lt;!channel&gt; &amp; co" in text
