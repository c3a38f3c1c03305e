"""`mapper map`, and what every command does with the service's refusals and wrong usage."""

import json
from pathlib import Path

import pytest

from bench.processes import free_ports
from client_api.settings import Settings
from tests.support.command_line import complaint, mapper
from tests.support.fake_model import FakeGateway, KeyFile
from tests.support.serving import running_facade

NOBODY = "http://127.0.0.1:1"


def test_an_output_is_mapped_for_a_reader(url: str) -> None:
    done = mapper(url, "map", "openai-moderation", "hate")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines()[2].split() == ["HARM.SPEECH.Hate.Other", "0.9", "0.97"]
    assert "answered by model; confidence 0.97" in done.stdout
    assert done.stderr == ""


def test_json_is_the_answer_of_the_service(url: str) -> None:
    done = mapper(url, "map", "openai-moderation", "hate", "--json")
    assert json.loads(done.stdout)["taxonomy"] == ["HARM.SPEECH.Hate.Other"]
    assert "signals" not in json.loads(done.stdout)


@pytest.mark.parametrize("arguments", [(), ("-",)])
def test_the_output_may_come_from_standard_input(url: str, arguments: tuple[str, ...]) -> None:
    told = json.dumps({"flagged": True, "categories": {"hate": True}}) + "\n"
    done = mapper(url, "map", "openai-moderation", *arguments, "--json", stdin=told)
    assert json.loads(done.stdout)["taxonomy"] == ["HARM.SPEECH.Hate.Other"]


def test_explain_shows_signals_and_the_reading(url: str) -> None:
    done = mapper(url, "map", "openai-moderation", "hate", "--explain")
    assert "signal" in done.stdout
    assert "how" in done.stdout
    told = mapper(url, "map", "openai-moderation", "hate", "--explain", "--json")
    assert json.loads(told.stdout)["signals"][0]["name"] == "hate"


def test_metadata_is_typed_and_sent() -> None:
    gateway = FakeGateway()
    hints = ('contributing_detectors=["presidio"]', "normalized_scores=true", "kind=pii")
    given = [part for hint in hints for part in ("--metadata", hint)]
    with running_facade(Settings(port=free_ports(1)[0]), lambda _: gateway) as served:
        done = mapper(served, "map", "pipeline", "US_SSN", *given, "--threshold", "0.7")
    assert done.exit_code == 0, done.stderr
    item = gateway.items[0]
    assert json.loads(item.metadata) == {
        "contributing_detectors": ["presidio"],
        "normalized_scores": True,
        "kind": "pii",
    }
    assert item.threshold == 0.7


def test_a_view_names_the_labels(url: str) -> None:
    done = mapper(url, "map", "presidio", "US_SSN", "--taxonomy", "2025.09", "--json")
    assert json.loads(done.stdout)["version_info"]["view"] == "2025.09"
    wrong = mapper(url, "map", "presidio", "US_SSN", "--taxonomy", "2025.9")
    assert wrong.exit_code == 1
    assert "2025.09" in wrong.stderr


def test_what_a_detector_said_cannot_move_the_cursor(url: str) -> None:
    done = mapper(url, "map", "d", json.dumps({"label": "ha\x1b[2Jte\x07"}), "--explain")
    assert done.exit_code == 0
    assert {c for c in done.stdout if not c.isprintable()} == {"\n"}


def test_a_refusal_is_one_line_and_status_1(url: str) -> None:
    done = mapper(url, "map", "", "hate")
    assert done.exit_code == 1
    assert done.stderr.startswith("error: 422 INVALID_REQUEST: ")
    assert done.stdout == ""
    told = mapper(url, "map", "", "hate", "--json")
    error = json.loads(told.stderr)["error"]
    assert (error["status"], error["error_code"]) == (422, "INVALID_REQUEST")
    assert error["request_id"]


def test_a_service_that_is_not_there_is_named_with_what_to_do() -> None:
    done = mapper(NOBODY, "map", "d", "o")
    assert done.exit_code == 1
    assert NOBODY in done.stderr
    assert "mapper doctor" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("map",), "detector"),
        (("map", "d", "o", "--metadata", "kind"), "KEY=VALUE"),
        (("map", "d", "o", "--threshold", "2"), "equal to 1"),
        (("map", "d", "o", "--url", "localhost:8080"), "not a URL"),
        (("map", "d", "o", "--url", "http://"), "not a URL"),
        (("map", "d", "o", "--tenant", "a\nb"), "printable"),
        (("map", "d", "\udcff"), "not UTF-8"),
        (("mop",), "No such command"),
        (("map", "d", "o", "--colour"), "No such option"),
    ],
)
def test_wrong_usage_is_status_2(arguments: tuple[str, ...], problem: str) -> None:
    done = mapper(NOBODY, *arguments)
    assert done.exit_code == 2
    assert problem in complaint(done)


def test_a_key_comes_from_the_environment_and_is_never_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = KeyFile(tmp_path / "keys.json", capsys.readouterr)
    key = file.create("acme", "map:write")["X-API-Key"]
    settings = Settings(port=free_ports(1)[0], keys_file=file.path)
    with running_facade(settings, lambda _: FakeGateway()) as served:
        done = mapper(served, "map", "d", "hate", "--json", key=key, tenant="acme")
        assert json.loads(done.stdout)["provenance"]["tenant_id"] == "acme"
        refused = mapper(served, "map", "d", "hate", key=key + "x")
        assert refused.exit_code == 1
        assert "MAPPER_KEY" in refused.stderr
        other = mapper(served, "map", "d", "hate", "--tenant", "other", key=key)
        assert "403" in other.stderr
        wrong = mapper(served, "map", "d", "hate", key="k\xe9y")
        assert wrong.exit_code == 2
        said = refused.stderr + other.stderr + wrong.stderr
    assert key[20:] not in said
    assert "k\xe9y" not in said
