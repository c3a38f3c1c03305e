"""Drafts, checks and files of own detectors over REST."""

from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from client_api.mapping.gateway import Item, ModelError
from fallback.decision.decision import Decision
from pipeline.steps import load_pipeline
from schemas.candidate import Candidate, CandidateSet
from tests.support.fake_model import FakeGateway, KeyFile, facade, raising, samples

FILE = "detector: acme-guard\nmaps:\n  bad vibes: HARM.SPEECH.Toxicity\n"
TOXIC, HATE = ("HARM.SPEECH.Toxicity",), ("HARM.SPEECH.Hate.Other",)
PATHS = ("/detectors/draft", "/detectors/check", "/detectors/add")


def unsure(item: Item) -> Decision:
    """The ensemble over a model that is sure of `slurs` alone."""
    pipeline = load_pipeline()
    read = pipeline.read(item.detector, item.output)
    sure = "slurs" in item.output
    likely = ((HATE, 0.93),) if sure else ((TOXIC, 0.4), (HATE, 0.3))
    labels, share = likely[0]
    text = f'{{"taxonomy":["{labels[0]}"]}}'
    answer = Candidate(text, share, share, labels=labels, likely=likely)
    answers = CandidateSet("fake-model", (answer,) * len(read.reading.signals))
    return pipeline.decide(read, answers, threshold=item.threshold)


def draft(client: httpx.Client, *words: str, **more: Any) -> dict[str, Any]:
    body = {"detector": "acme-guard", "words": [{"word": word} for word in words]} | more
    answer = client.post("/detectors/draft", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_draft_has_the_doubtful_words_first_with_what_to_choose_from() -> None:
    with facade(unsure) as client:
        made = draft(client, "slurs of all sorts", "zzz vibes", "email address", "Q7")
        by_word = {entry["word"]: entry for entry in made["entries"]}
        assert {word: entry["state"] for word, entry in by_word.items()} == {
            "slurs of all sorts": "certain",
            "zzz vibes": "doubtful",
            "email address": "doubtful",  # the model says otherwise than the shared phrase
            "Q7": "doubtful",
        }
        assert by_word["email address"]["labels"] == ["PII.Contact.Email"]
        shown = [one["labels"][0] for one in by_word["zzz vibes"]["likely"]]
        assert set(shown) == {TOXIC[0], HATE[0]}
        file = made["file"]
        assert file.index("zzz vibes") < file.index("slurs of all sorts")
        assert yaml.safe_load(file)["maps"]["slurs of all sorts"] == HATE[0]
        assert client.post("/detectors/check", json={"file": file}).json()["valid"]


def test_the_model_is_asked_whole_words_that_do_not_count_as_traffic() -> None:
    gateway = FakeGateway(unsure)
    with facade(gateway) as client:
        draft(client, "toxic|rude", "zzz vibes")
        assert sorted(item.output for item in gateway.items) == [
            '{"label": "toxic|rude"}', '{"label": "zzz vibes"}',
        ]  # fmt: skip
        assert samples(client)["mapper_requests_total", "other", "success"] == 0


def test_words_and_format_come_out_of_collected_outputs(tmp_path: Path) -> None:
    outputs = [
        {"blocked": True, "said": "what a person wrote", "hits": [{"kind": "slurs a", "p": 0.9}]},
        {"blocked": True, "said": "another text", "hits": [{"kind": "slurs b", "p": 0.7}]},
        {"blocked": False, "said": "a third one", "hits": []},
    ]
    gateway = FakeGateway(unsure)
    with facade(gateway, detectors_dir=tmp_path) as client:
        made = draft(client, words=[], outputs=outputs)
        assert [(e["word"], e["count"]) for e in made["entries"]] == [
            ("slurs a", 1),
            ("slurs b", 1),
        ]
        assert "person" not in made["file"]
        added = client.post("/detectors/add", json={"file": made["file"]}).json()
        assert added["name"] == "acme-guard.yaml"
        assert draft(client, "slurs a", "slurs c")["known"] == 1
        gateway.answer = raising(ModelError("gone"))
        item = {"detector": "acme-guard", "output": outputs[0]}
        answer = client.post("/map?explain=true", json=item).json()
        assert answer["reading"]["format"] == "drafted"
        assert answer["version_info"]["rules"] == added["rules"]


def test_a_code_without_a_legend_is_asked_for_one() -> None:
    def unknown(item: Item) -> Decision:
        pipeline = load_pipeline()
        read = pipeline.read(item.detector, item.output)
        labels = ("HARM.SPEECH.Threat",) if "threats" in item.output else ("OTHER.Unknown",)
        answer = Candidate(f'{{"taxonomy":["{labels[0]}"]}}', 0.9, 0.9, likely=((labels, 0.9),))
        return pipeline.decide(read, CandidateSet("fake", (answer,)), threshold=item.threshold)

    with facade(unknown) as client:
        made = draft(client, "K7", words=[{"word": "K7"}, {"word": "K8", "legend": "threats"}])
        assert [entry["state"] for entry in made["entries"]] == ["code", "certain"]
        file = yaml.safe_load(made["file"])
        assert file["legend"] == {"K8": "threats"}
        assert "K7" not in file["maps"]


@pytest.mark.parametrize(
    "body",
    [
        {"detector": "a"},
        {"detector": "a", "words": [{"word": "x"}], "outputs": ["y"]},
        {"detector": "a", "words": [{"word": " "}]},
        {"detector": "", "words": [{"word": "x"}]},
        {"detector": "a", "words": [{"word": str(n)} for n in range(201)]},
        {"detector": "a", "outputs": [["[" * 3]] * 201},
    ],
)
def test_what_is_no_draft_is_refused(body: dict[str, Any]) -> None:
    with facade() as client:
        assert client.post("/detectors/draft", json=body).status_code == 422


@pytest.mark.parametrize("settings", [{}, {"mode": "rules_only"}])
def test_without_the_model_a_draft_is_for_later(settings: dict[str, Any]) -> None:
    with facade(FakeGateway(raising(ModelError("gone")), unsure), **settings) as client:
        body = {"detector": "a", "words": [{"word": "x"}]}
        answer = client.post("/detectors/draft", json=body)
        assert (answer.status_code, answer.json()["error_code"]) == (503, "OVERLOADED")
        assert answer.headers["retry-after"]


def test_more_names_than_a_draft_may_have_are_refused() -> None:
    outputs = [{"tags": [f"tag{n}x{m}" for m in range(40)]} for n in range(20)]
    with facade() as client:
        answer = client.post("/detectors/draft", json={"detector": "a", "outputs": outputs})
        assert answer.json()["error_code"] == "PAYLOAD_TOO_LARGE"


def test_a_file_with_errors_is_not_added(tmp_path: Path) -> None:
    with facade(detectors_dir=tmp_path) as client:
        bad = FILE.replace("SPEECH.Toxicity", "SPEECH.Toxicty")
        checked = client.post("/detectors/check", json={"file": bad}).json()
        [problem] = checked["problems"]
        assert (problem["level"], problem["line"], problem["key"]) == ("error", 3, "maps.bad vibes")
        assert "did you mean HARM.SPEECH.Toxicity" in problem["problem"]
        refused = client.post("/detectors/add", json={"file": bad})
        assert refused.status_code == 422
        assert refused.json()["problems"] == checked["problems"]
        assert list(tmp_path.iterdir()) == []


def test_a_check_names_what_changes_against_what_is_served(tmp_path: Path) -> None:
    with facade(detectors_dir=tmp_path) as client:
        client.post("/detectors/add", json={"file": FILE})
        text = FILE.replace("HARM.SPEECH.Toxicity", "HARM.SPEECH.Threat") + "threshold: 0.7\n"
        checked = client.post("/detectors/check", json={"file": text}).json()
        assert checked["changes"] == [
            {
                "key": "maps",
                "word": "bad vibes",
                "before": ["HARM.SPEECH.Toxicity"],
                "after": ["HARM.SPEECH.Threat"],
            },
            {"key": "threshold", "word": None, "before": 0.5, "after": 0.7},
        ]
        assert client.post("/detectors/add", json={"file": text}).status_code == 200
        assert [path.name for path in tmp_path.iterdir()] == ["acme-guard.yaml"]


def test_a_second_file_of_a_detector_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(FILE)
    with facade(detectors_dir=tmp_path) as client:
        checked = client.post("/detectors/check", json={"file": FILE}).json()
        assert not checked["valid"]
        assert "other.yaml" in checked["problems"][0]["problem"]


def test_no_name_leads_out_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    with facade(detectors_dir=folder) as client:
        for name in ("../../up", "/etc/x", "..", "a/b", ".hidden"):
            text = FILE.replace("acme-guard", f'"{name}"')
            assert client.post("/detectors/add", json={"file": text}).status_code in (200, 422)
    assert [path.name for path in tmp_path.iterdir()] == ["own"]
    assert all(path.suffix == ".yaml" for path in folder.iterdir())


def test_without_a_folder_nothing_is_added() -> None:
    with facade() as client:
        answer = client.post("/detectors/add", json={"file": FILE})
        assert answer.status_code == 409
        assert "MAPPER_DETECTORS_DIR" in answer.json()["detail"]


def test_only_an_administrator_may_draft_check_and_add(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = KeyFile(tmp_path / "keys.json", capsys.readouterr)
    admin, writer = keys.create("acme", "admin"), keys.create("acme", "map:write")
    with facade(keys_file=keys.path) as client:
        for path in PATHS:
            body = (
                {"file": FILE} if path != PATHS[0] else {"detector": "a", "words": [{"word": "x"}]}
            )
            assert client.post(path, json=body).status_code == 401
            assert client.post(path, json=body, headers=writer).status_code == 403
            assert client.post(path, json=body, headers=admin).status_code in (200, 409)
        assert client.get("/detectors", headers=writer).status_code == 200
