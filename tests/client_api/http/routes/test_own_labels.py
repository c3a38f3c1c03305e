"""An operator's own labels: declared by a view, used by detector files, answered in that view."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from schemas.config.errors import ConfigError
from schemas.taxonomy import load_taxonomy
from schemas.views import Views
from tests.support.fake_model import facade

VIEW = """
view: acme
own_labels:
  acme/staff-threat: HARM.SPEECH.Threat
  acme/badge: PII.Other
"""
GUARD = """
detector: acme-guard
maps:
  K7: acme/staff-threat
  K8: [acme/staff-threat, PII.Contact.Email]
  badge: acme/badge
  mail: PII.Contact.Email
  threat: HARM.SPEECH.Threat
"""


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    named = {name: tmp_path / name for name in ("views_dir", "detectors_dir")}
    for folder in named.values():
        folder.mkdir()
    (named["views_dir"] / "acme.yaml").write_text(VIEW)
    (named["detectors_dir"] / "acme-guard.yaml").write_text(GUARD)
    return named


@pytest.fixture
def client(folders: dict[str, Path]) -> Iterator[httpx.Client]:
    with facade(mode="rules_only", **folders) as running:
        yield running


def ask(client: httpx.Client, output: Any, view: str | None = None, **more: Any) -> dict[str, Any]:
    chosen = {"taxonomy": view} if view else {}
    body = {"detector": "acme-guard", "output": output}
    answer = client.post("/map", json=body, params=chosen | more)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_the_view_has_the_label_and_every_other_answer_its_parent(client: httpx.Client) -> None:
    plain, own, first = (ask(client, "K7", view) for view in (None, "acme", "2025.09"))
    assert plain["taxonomy"] == list(plain["scores"]) == ["HARM.SPEECH.Threat"]
    assert first["taxonomy"] == ["HARM.SPEECH.Threat"]
    assert own["taxonomy"] == list(own["scores"]) == ["acme/staff-threat"]
    assert own["version_info"]["view"] == "acme"
    for key in ("confidence", "source", "policy_context"):
        assert own[key] == plain[key]
    assert list(own["label_confidence"].values()) == list(plain["label_confidence"].values())


def test_the_other_labels_of_such_a_view_keep_their_names(client: httpx.Client) -> None:
    assert ask(client, "mail", "acme")["taxonomy"] == ["PII.Contact.Email"]
    assert ask(client, "K8", "acme")["taxonomy"] == ["acme/staff-threat", "PII.Contact.Email"]


def test_each_signal_is_named_by_its_own_entry(client: httpx.Client) -> None:
    both = ask(client, {"K7": 0.9, "threat": 0.7}, "acme")
    assert both["scores"] == {"acme/staff-threat": 0.9, "HARM.SPEECH.Threat": 0.9}
    alone = ask(client, {"K7": 0.9, "mail": 0.7}, "acme")
    assert alone["scores"] == {"acme/staff-threat": 0.9, "PII.Contact.Email": 0.7}


def test_an_own_label_stands_where_its_general_parent_is_beaten(client: httpx.Client) -> None:
    output = {"badge": 0.9, "mail": 0.7}
    assert ask(client, output)["taxonomy"] == ["PII.Contact.Email"]
    assert ask(client, output, "acme")["taxonomy"] == ["acme/badge", "PII.Contact.Email"]


def test_the_lineage_names_it_beside_its_parent(client: httpx.Client) -> None:
    for view in (None, "acme"):
        [signal] = ask(client, "K7", view, explain=True)["signals"]
        assert signal["labels"] == ["HARM.SPEECH.Threat"]
        assert signal["own"] == {"acme/staff-threat": "HARM.SPEECH.Threat"}
    [other] = ask(client, "mail", explain=True)["signals"]
    assert "own" not in other


def test_lists_of_labels_have_the_parent(client: httpx.Client) -> None:
    listed = client.get("/detectors").json()["detectors"]
    [guard] = [one for one in listed if one["detector"] == "acme-guard"]
    assert "HARM.SPEECH.Threat" in guard["labels"]
    assert set(guard["labels"]) <= set(load_taxonomy().names)


def test_a_detector_file_is_checked_with_the_labels_of_the_views(client: httpx.Client) -> None:
    text = "detector: acme-guard\nmaps:\n  K9: acme/staf-threat\n"
    checked = client.post("/detectors/check", json={"file": text}).json()
    [problem] = checked["problems"]
    assert (problem["line"], problem["key"]) == (3, "maps.K9")
    assert "did you mean acme/staff-threat" in problem["problem"]
    right = client.post("/detectors/add", json={"file": text.replace("staf-", "staff-")})
    assert right.status_code == 200, right.text


def test_labels_come_and_go_while_the_service_runs(
    client: httpx.Client, folders: dict[str, Path]
) -> None:
    view = folders["views_dir"] / "acme.yaml"
    guard = folders["detectors_dir"] / "acme-guard.yaml"
    guard.write_text(GUARD.replace("K7: acme/staff-threat", "K7: acme/late"))
    assert ask(client, "K7", "acme")["taxonomy"] == ["acme/staff-threat"]
    reasons = client.get("/health").json()["reasons"]
    assert any("detectors" in reason for reason in reasons)

    view.write_text(VIEW + "  acme/late: OTHER.OffTopic\n")
    assert ask(client, "K7")["taxonomy"] == ["OTHER.OffTopic"]
    assert ask(client, "K7", "acme")["taxonomy"] == ["acme/late"]
    assert not any("detectors" in reason for reason in client.get("/health").json()["reasons"])


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("view: a\nown_labels:\n  x: HARM.SPEECH.Thread\n", 3, "did you mean HARM.SPEECH.Threat"),
        ("view: a\nown_labels:\n  x: HARM.SPEECH\n", 3, "is not a label"),
        ("view: a\nown_labels:\n  x: OTHER.Safe\n", 3, "clears outputs"),
        ("view: a\nown_labels:\n  x:\n", 3, "string"),
        ("view: a\nown_labels:\n  PII.Other: PII.Other\n", 3, "choose another name"),
        ("view: a\nown_labels:\n  acme/badge: PII.Other\n", 3, "of another view"),
        ("view: a\n", None, "write one of them"),
    ],
)
def test_what_an_own_label_is_refused_for(
    tmp_path: Path, text: str, line: int | None, problem: str
) -> None:
    (tmp_path / "0.yaml").write_text(VIEW)
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ConfigError, match=problem) as refused:
        Views(load_taxonomy(), tmp_path)
    assert (refused.value.path.name, refused.value.line) == ("a.yaml", line)
