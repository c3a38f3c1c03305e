"""What comes into the review queue, and what does not."""

from pathlib import Path
from typing import Any

import pytest

from bench.processes import eventually
from tests.support.fake_model import KeyFile, facade
from tests.support.reviewing import GUESS, IN_TIME, SECOND, UnsureModel, act, listed, post, reviewed


def test_words_that_deserve_a_look_are_counted_and_ranked_by_traffic(tmp_path: Path) -> None:
    with reviewed(tmp_path) as client:
        for word, times in (("zorblish", 1), ("quorvid", 3), ("Quorvid", 1)):
            for _ in range(times):
                post(client, "acme-guard", word)
        post(client, "presidio", "US_SSN")
        eventually(lambda: sum(word["seen"] for word in listed(client, 3)) == 6)
        first, *rest = listed(client, 3)
    # Spellings are one word.
    assert (first["detector"], first["word"].lower(), first["seen"]) == ("acme-guard", "quorvid", 4)
    assert first["causes"] == {"low_confidence": 4}
    assert (first["labels"], first["guess"], first["proposal"]) == (
        ["OTHER.Unknown"],
        [GUESS],
        [GUESS],
    )
    assert [one["labels"] for one in first["likely"]] == [[GUESS], [SECOND]]
    assert first["neighbours"] == [
        {"phrase": "curious talk", "labels": [SECOND], "similarity": 0.8123}
    ]
    overridden = next(word for word in rest if word["detector"] == "presidio")
    assert overridden["causes"] == {"overridden": 1}
    assert overridden["proposal"] == ["PII.Identifier.SSN"]


def test_an_unread_part_is_counted_by_detector(tmp_path: Path) -> None:
    with reviewed(tmp_path) as client:
        assert post(client, "acme-guard", {"status": "pending"})["fallback_reason"] == "unread"
        [word] = listed(client, 1)
        refused = act(client, word, "accept")
    assert (word["word"], word["causes"], word["proposal"]) == ("", {"unread": 1}, [])
    assert "declare its format" in refused.json()["detail"]


def test_sure_answers_are_not_counted(tmp_path: Path) -> None:
    folder = tmp_path / "review"
    settings = {"review_dir": folder, "review_names": True} | IN_TIME
    with facade(UnsureModel(folder, sure=["sure-guard"]), **settings) as client:
        post(client, "sure-guard", "zorblish")
        post(client, "acme-guard", "quorvid")
        assert [word["word"] for word in listed(client, 1)] == ["quorvid"]


@pytest.mark.parametrize(
    "word",
    [
        "write to mia@example.org",
        "call 030 55512345",
        "x" * 81,
        "a b c d e f g h i",
        "see https://x",
    ],
)
def test_what_is_no_name_is_kept_as_a_digest(tmp_path: Path, word: str) -> None:
    with reviewed(tmp_path) as client:
        post(client, "acme-guard", [{"label": word, "score": 0.9}])
        [found] = listed(client, 1)
    assert not found["kept"]
    assert found["word"].startswith("#")
    assert word not in everything_in(tmp_path)


def test_names_are_kept_only_where_the_operator_chose_it(tmp_path: Path) -> None:
    with reviewed(tmp_path, review_names=False) as client:
        post(client, "acme-guard", "zorblish")
        post(client, "presidio", "zorblish")
        found = {word["detector"]: word for word in listed(client, 2)}
    assert "presidio" in found
    assert not any(word["kept"] for word in found.values())
    text = everything_in(tmp_path)
    assert "zorblish" not in text
    assert "acme-guard" not in text
    assert "curious talk" not in text  # what is near a word, or is it, tells the word
    # Chosen later, the digest becomes a name.
    with reviewed(tmp_path) as client:
        post(client, "presidio", "zorblish")
        eventually(lambda: any(w["word"] == "zorblish" for w in listed(client, 2)))


def everything_in(folder: Path) -> str:
    """All bytes of the queue's files."""
    return "".join(
        path.read_bytes().decode("latin-1") for path in sorted(folder.rglob("*")) if path.is_file()
    )


def test_a_running_text_leaves_no_names(tmp_path: Path) -> None:
    text = "The user said something unkind about a stranger and then went home. " * 8
    with reviewed(tmp_path) as client:
        post(client, "acme-guard", text)
        assert not any(word["kept"] for word in listed(client, 1))
    assert "stranger" not in everything_in(tmp_path)


def test_a_reviewer_sees_the_words_of_the_keys_tenant(tmp_path: Path, capsys: Any) -> None:
    keys = KeyFile(tmp_path / "keys.json", capsys.readouterr)
    north, south = (keys.create(tenant, "map:write") for tenant in ("north", "south"))
    reviewer = keys.create("north", "review")
    admin = keys.create("ops", "review", "admin")
    with reviewed(tmp_path / "review", keys_file=keys.path) as client:
        post(client, "acme-guard", "zorblish", **north)
        post(client, "acme-guard", "quorvid", **south)
        all_words = listed(client, 2, **admin)
        assert [word["word"] for word in listed(client, 1, **reviewer)] == ["zorblish"]
        other = next(word for word in all_words if word["word"] == "quorvid")
        assert client.get(f"/review/{other['id']}", headers=reviewer).status_code == 404
        for key, status in ((north, 403), ({}, 401), (reviewer, 200)):
            assert client.get("/review", headers=key).status_code == status


def test_without_a_queue_the_path_says_so() -> None:
    with facade() as client:
        refused = client.get("/review")
    assert refused.status_code == 404
    assert "MAPPER_REVIEW_DIR" in refused.json()["detail"]


@pytest.mark.parametrize(
    "settings",
    [
        {"review_url": "postgresql://h/d"},
        {"review_webhook": "http://localhost"},
        {"review_dir": "same", "detectors_dir": "same"},
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="MAPPER_REVIEW_DIR"):
        facade(**settings)


def test_a_url_of_another_database_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="MAPPER_REVIEW_URL"):
        facade(review_dir=tmp_path, review_url="mysql://user:secret@host/db")
