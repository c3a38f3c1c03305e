"""`?taxonomy=`: answers in the first version's labels, and in an operator's own."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.processes import ROOT
from client_api.mapping.gateway import Item
from schemas.config.errors import ConfigError
from schemas.taxonomy import load_taxonomy
from schemas.views import Views
from tests.support.fake_model import Mapped, facade, model

LICENCE = {"detector": "presidio", "output": "US_DRIVER_LICENSE"}


def own(folder: Path, **labels: str) -> Path:
    tops = {name.partition(".")[0] for name in load_taxonomy().names}
    lines = [f"  {key}: {value}" for key, value in (dict.fromkeys(tops, "rest") | labels).items()]
    (folder / "acme.yaml").write_text('view: acme\nversion: "3"\nlabels:\n' + "\n".join(lines))
    return folder


def saying(*labels: str) -> Mapped:
    text = json.dumps({"taxonomy": labels}, separators=(",", ":"))
    return lambda item: model(Item("unheard-of", "words"), text)


def ask(client: httpx.Client, view: str, **body: Any) -> dict[str, Any]:
    answer = client.post("/map", json=LICENCE | body, params={"taxonomy": view})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_an_answer_in_the_first_versions_labels() -> None:
    with facade(saying("PII.Identifier.DriverLicense")) as client:
        plain, older = client.post("/map", json=LICENCE).json(), ask(client, "2025.09")
        served = ask(client, plain["version_info"]["taxonomy"])
        batch = {"requests": [LICENCE]}
        [one] = client.post("/map/batch?taxonomy=2025.09", json=batch).json()["results"]
    assert plain["taxonomy"] == served["taxonomy"] == ["PII.Identifier.DriverLicense"]
    assert "view" not in plain["version_info"] | served["version_info"]
    for answer in (older, one):
        assert answer["taxonomy"] == ["PII.Identifier.Other"]
        assert list(answer["scores"]) == list(answer["label_confidence"]) == answer["taxonomy"]
        assert list(answer["scores"].values()) == list(plain["scores"].values())
        assert answer["version_info"] == plain["version_info"] | {"view": "2025.09"}
        assert answer["confidence"] == plain["confidence"]


def test_every_label_has_a_name_in_the_first_version() -> None:
    view = Views(load_taxonomy()).get("2025.09")
    assert view is not None
    first = {label.name for label in load_taxonomy().labels if label.since == "2025.09"}
    assert set(view.labels.values()) == first
    assert set(view.labels) == set(load_taxonomy().names)


def test_a_view_of_ones_own_names_labels_and_categories(tmp_path: Path) -> None:
    labels = {"PII": "personal", "PII.Identifier.DriverLicense": "licence"}
    answers = saying("PII.Identifier.DriverLicense", "PII.Contact.Email", "PII.Contact.Phone")
    with facade(answers, views_dir=own(tmp_path, **labels)) as client:
        answer = ask(client, "acme")
    assert sorted(answer["taxonomy"]) == ["licence", "personal"]
    assert sorted(answer["scores"]) == sorted(answer["label_confidence"]) == ["licence", "personal"]
    assert answer["version_info"]["view"] == "acme-3"


def test_the_view_of_the_page_is_complete(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "views.md").read_text(encoding="utf-8")
    (tmp_path / "acme.yaml").write_text(page.partition("```yaml\n")[2].partition("```")[0])
    view = Views(load_taxonomy(), tmp_path).get("acme")
    assert view is not None
    assert view.labels["HARM.SPEECH.Threat"] == "acme/threat"
    assert view.labels["HARM.SPEECH.Toxicity"] == "acme/harm"


def test_an_unknown_view_is_named(tmp_path: Path) -> None:
    with facade(views_dir=own(tmp_path)) as client:
        for path, body in (("/map", LICENCE), ("/map/batch", {"requests": [LICENCE]})):
            problem = client.post(path, json=body, params={"taxonomy": "acne"})
            assert problem.status_code == 422
            assert "did you mean 'acme'" in problem.json()["detail"]
            assert "2025.09" in problem.json()["detail"]


def test_a_bad_view_keeps_the_last_good_one(tmp_path: Path) -> None:
    with facade(saying("PII.Contact.Email"), views_dir=own(tmp_path)) as client:
        assert ask(client, "acme")["taxonomy"] == ["rest"]
        own(tmp_path, PII="personal")
        assert ask(client, "acme")["taxonomy"] == ["personal"]
        own(tmp_path, **{"PII.Contact.Mail": "mail"})
        assert ask(client, "acme")["taxonomy"] == ["personal"]
        assert any("views" in reason for reason in client.get("/health").json()["reasons"])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{view: a, labels: {HARM: harm}}", "has no name"),
        ("{view: a, labels: {HARMS: harm}}", "is neither a label"),
        ("{view: 2025.09, labels: {HARM: harm}}", "string"),
        ("{view: '2025.09', labels: {HARM: harm}}", "is a view already"),
        ("{view: a, label: {HARM: harm}}", "did you mean labels"),
    ],
)
def test_what_a_view_is_refused_for(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ConfigError, match=problem):
        Views(load_taxonomy(), tmp_path)
