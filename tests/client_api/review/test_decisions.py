"""What reviewers decide, and what becomes of it."""

import json
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.processes import eventually
from client_api.mapping.gateway import ModelError
from tests.support.fake_model import FakeGateway, KeyFile, facade, raising
from tests.support.reviewing import GUESS, act, listed, post, reviewed

CORRECTED = "HARM.VIOLENCE.Other"


def test_a_decision_answers_the_next_item_and_is_undone(tmp_path: Path) -> None:
    with reviewed(tmp_path) as client:
        before = post(client, "acme-guard", "zorblish")
        [word] = listed(client, 1)
        done = act(client, word, "correct", labels=[CORRECTED], why="says the vendor").json()
        assert (done["state"], done["decided"]) == ("decided", [CORRECTED])
        [made] = done["history"]
        assert (made["action"], made["by"], made["why"]) == (
            "correct",
            "unnamed",
            "says the vendor",
        )
        after = post(client, "Acme Guard", "ZORBLISH")
        # The model goes on to differ, which counts for the same word.
        eventually(lambda: listed(client, 1, "decided")[0]["causes"].get("overridden") == 1)
        assert (after["taxonomy"], after["source"]) == ([CORRECTED], "curated")
        assert after["version_info"]["rules"] != before["version_info"]["rules"]
        undone = act(client, done, "undo", reviewer="Ada").json()
        assert listed(client, 1)[0]["seen"] == 2
        assert (undone["state"], undone["decided"]) == ("open", [])
        assert undone["history"][0]["undone_by"] == "Ada"
        assert post(client, "acme-guard", "zorblish")["taxonomy"] == before["taxonomy"]
        assert act(client, undone, "undo").status_code == 422


def test_undo_brings_the_decision_before_back(tmp_path: Path) -> None:
    with reviewed(tmp_path) as client:
        post(client, "acme-guard", "zorblish")
        [word] = listed(client, 1)
        word = act(client, word, "accept").json()
        assert word["decided"] == [GUESS]
        word = act(client, word, "correct", labels=[CORRECTED]).json()
        word = act(client, word, "undo").json()
        assert (word["state"], word["decided"]) == ("decided", [GUESS])
        assert post(client, "acme-guard", "zorblish")["taxonomy"] == [GUESS]


@pytest.mark.parametrize(("action", "state"), [("ignore", "ignored"), ("later", "later")])
def test_what_is_ignored_or_asked_for_later_changes_no_answer(
    tmp_path: Path, action: str, state: str
) -> None:
    with reviewed(tmp_path) as client:
        before = post(client, "acme-guard", "zorblish")
        [word] = listed(client, 1)
        assert act(client, word, action).json()["state"] == state
        assert listed(client, 0) == []
        assert post(client, "acme-guard", "zorblish")["taxonomy"] == before["taxonomy"]
        eventually(lambda: listed(client, 1, state)[0]["seen"] == 2)


def test_of_two_reviewers_the_second_is_told(tmp_path: Path) -> None:
    with reviewed(tmp_path) as client:
        post(client, "acme-guard", "zorblish")
        [word] = listed(client, 1)
        ready = threading.Barrier(8)
        answers: list[httpx.Response] = []

        def decide(name: str) -> None:
            ready.wait()
            answers.append(act(client, word, "accept", reviewer=name))

        threads = [threading.Thread(target=decide, args=(f"r{n}",)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
        told = next(answer for answer in answers if answer.status_code == 409).json()
        assert told["word"]["version"] == word["version"] + 1
        [winner] = told["word"]["history"]
        assert winner["by"].startswith("r")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"action": "correct"}, "labels"),
        ({"action": "accept", "labels": [GUESS]}, "labels"),
        ({"action": "correct", "labels": ["HARM.Nonsense"]}, "labels"),
        ({"action": "remove"}, "action"),
        ({"action": "accept", "why": "two\nlines"}, "why"),
    ],
)
def test_actions_that_make_no_sense_are_refused(
    tmp_path: Path, body: dict[str, Any], problem: str
) -> None:
    with reviewed(tmp_path) as client:
        post(client, "acme-guard", "zorblish")
        [word] = listed(client, 1)
        refused = client.post(f"/review/{word['id']}", json=body | {"version": 1})
        assert refused.status_code == 422
        assert problem in refused.json()["detail"]
        assert (
            client.post("/review/999", json={"action": "ignore", "version": 1}).status_code == 404
        )
        assert listed(client, 1) == [word]


def test_a_digest_cannot_be_decided(tmp_path: Path) -> None:
    with reviewed(tmp_path, review_names=False) as client:
        post(client, "acme-guard", "zorblish")
        [word] = listed(client, 1)
        refused = act(client, word, "correct", labels=[CORRECTED])
        assert refused.status_code == 422
        assert "MAPPER_REVIEW_NAMES" in refused.json()["detail"]


def test_a_decision_holds_for_its_tenant_or_for_everyone(tmp_path: Path, capsys: Any) -> None:
    keys = KeyFile(tmp_path / "keys.json", capsys.readouterr)
    north, south = (keys.create(t, "map:write", "review") for t in ("north", "south"))
    admin = keys.create("ops", "review", "admin")
    with reviewed(tmp_path / "review", keys_file=keys.path) as client:
        for key in (north, south):
            post(client, "acme-guard", "zorblish", **key)
        [word] = listed(client, 1, **north)
        wider = act(client, word, "accept", everyone=True, headers=north)
        assert wider.status_code == 422
        done = act(client, word, "accept", reviewer="Ada", headers=north).json()
        assert done["history"][0]["by"].startswith("Ada (")
        assert post(client, "acme-guard", "zorblish", **north)["taxonomy"] == [GUESS]
        assert post(client, "acme-guard", "zorblish", **south)["taxonomy"] == ["OTHER.Unknown"]
        undone = act(client, done, "undo", headers=north).json()
        act(client, undone, "correct", labels=[CORRECTED], everyone=True, headers=admin)
        for key in (north, south):
            assert post(client, "acme-guard", "zorblish", **key)["taxonomy"] == [CORRECTED]


def test_another_process_follows_within_a_moment(tmp_path: Path) -> None:
    url = {"review_url": f"sqlite:///{tmp_path / 'shared.db'}"}
    with (
        reviewed(tmp_path / "one", **url) as one,
        reviewed(tmp_path / "two", **url) as two,
    ):
        post(one, "acme-guard", "zorblish")
        [word] = listed(two, 1)
        done = act(two, word, "accept").json()
        eventually(lambda: post(one, "acme-guard", "zorblish")["taxonomy"] == [GUESS])
        rules = {post(c, "acme-guard", "zorblish")["version_info"]["rules"] for c in (one, two)}
        assert len(rules) == 1
        act(one, done, "undo")
        eventually(lambda: post(two, "acme-guard", "zorblish")["taxonomy"] == ["OTHER.Unknown"])


def test_the_rules_alone_know_a_decision(tmp_path: Path) -> None:
    with reviewed(tmp_path) as client:
        post(client, "acme-guard", "zorblish")
        act(client, listed(client, 1)[0], "accept")
    lost = FakeGateway(raising(ModelError("gone")))
    with facade(lost, review_dir=tmp_path) as client:
        assert post(client, "acme-guard", "zorblish")["taxonomy"] == [GUESS]


def test_a_decision_goes_over_the_operators_file(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "acme.yaml").write_text(
        "{detector: acme-guard, maps: {zorblish: HARM.SPEECH.Threat, K7: HARM.SPEECH.Threat}}"
    )
    with reviewed(tmp_path / "review", detectors_dir=own) as client:
        exported = {"acme.yaml": "{detector: acme-guard, maps: {Zorblish: [HARM.VIOLENCE.Other]}}"}
        assert client.post("/review/import", json={"files": exported}).json() == {"new": 1}
        assert post(client, "acme-guard", "zorblish")["taxonomy"] == [CORRECTED]


def test_an_export_is_imported_elsewhere_and_changes_nothing_twice(tmp_path: Path) -> None:
    words = ("zorblish", 'say "no": # [x]', "true", "12:30", "größer ≥", "- dash")
    with reviewed(tmp_path / "one") as client:
        for word in words:
            post(client, "acme: guard", [{"label": word, "score": 0.9}])
        for word in listed(client, len(words)):
            act(client, word, "correct", labels=[CORRECTED], why="# a comment: {of} a person")
        exported = client.get("/review/export").json()
        assert {row["output"] for row in exported["rows"]} == set(words)
        assert exported["rows"][0]["gold"] == [CORRECTED]
    with reviewed(tmp_path / "two") as client:
        files = {"files": exported["files"]}
        assert client.post("/review/import", json=files).json() == {"new": len(words)}
        assert client.post("/review/import", json=files).json() == {"new": 0}
        again = client.get("/review/export").json()
        assert again["rows"] == exported["rows"]
        for word in words:
            answer = post(client, "acme: guard", [{"label": word, "score": 0.9}])
            assert answer["taxonomy"] == [CORRECTED]


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "{detector: d, maps: {a: HARM.Nonsense}}",
        "{detector: d, maps: {a: OTHER.Safe}, threshold: 0.5}",
        "{detector: d, maps: {a: OTHER.Safe}, outputs: [{}]}",
        "a: &a [x]\nb: *a",
    ],
)
def test_a_file_that_is_no_export_is_refused_whole(tmp_path: Path, text: str) -> None:
    good = "{detector: d, maps: {b: OTHER.Safe}}"
    with reviewed(tmp_path) as client:
        refused = client.post("/review/import", json={"files": {"a.yaml": good, "b.yaml": text}})
        assert refused.status_code == 422
        assert refused.json()["detail"].startswith("files:")
        assert client.get("/review/export").json()["rows"] == []


def test_a_lost_database_does_not_take_the_decisions_along(tmp_path: Path) -> None:
    with reviewed(tmp_path) as client:
        post(client, "acme-guard", "zorblish")
        act(client, listed(client, 1)[0], "accept")
    for file in tmp_path.glob("review.db*"):
        file.unlink()
    with reviewed(tmp_path) as client:
        listed(client, 0)
        assert post(client, "acme-guard", "zorblish")["taxonomy"] == [GUESS]
        files = {file.name: file.read_text() for file in tmp_path.glob("*.yaml")}
        assert client.post("/review/import", json={"files": files}).json() == {"new": 1}
        assert post(client, "acme-guard", "zorblish")["taxonomy"] == [GUESS]


def test_the_file_of_a_decision_says_who_when_and_why(tmp_path: Path) -> None:
    with reviewed(tmp_path) as client:
        post(client, "acme-guard", "zorblish")
        [word] = listed(client, 1)
        act(client, word, "accept", reviewer="Ada", why="as agreed")
        [text] = client.get("/review/export").json()["files"].values()
    assert f'"zorblish": [{GUESS}]  # accept by Ada at 20' in text
    assert text.rstrip().endswith(": as agreed")
    assert json.dumps("acme-guard") in text
