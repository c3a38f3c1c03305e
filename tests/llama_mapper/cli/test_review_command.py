"""`mapper review` against the real facade over a fake model."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bench.processes import eventually, free_ports
from client_api.settings import Settings
from tests.support.command_line import mapper
from tests.support.reviewing import GUESS, IN_TIME, SECOND, UnsureModel, listed, post
from tests.support.serving import running_facade


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[httpx.Client]:
    """A service with two open words, `zorblish` seen more often."""
    folder = tmp_path / "review"
    settings = Settings(port=free_ports(1)[0], review_dir=folder, review_names=True, **IN_TIME)
    with (
        running_facade(settings, lambda _: UnsureModel(folder)) as url,
        httpx.Client(base_url=url) as client,
    ):
        for word in ("zorblish", "quorvid", "zorblish"):
            post(client, "acme-guard", word)
        listed(client, 2)
        yield client


def test_a_word_is_listed_decided_undone_exported_and_imported(
    queue: httpx.Client, tmp_path: Path
) -> None:
    url = str(queue.base_url)
    told = mapper(url, "review", "list")
    assert told.exit_code == 0, told.stderr
    rows = told.stdout.splitlines()
    assert rows[2].split()[1:4] == ["acme-guard", "zorblish", "2"]
    assert "curious talk" in rows[2]
    assert "2 open" in rows[-1]
    words = json.loads(mapper(url, "review", "list", "--json").stdout)["words"]
    first, second = (str(word["id"]) for word in words)
    assert (
        mapper(url, "review", "accept", first, "--why", "as agreed", "--as", "Ada").exit_code == 0
    )
    shown = mapper(url, "review", "show", first).stdout
    assert f"accept {GUESS} by Ada: as agreed" in shown
    assert f"curious talk ({SECOND}, 0.81)" in shown
    assert mapper(url, "review", "correct", second, "HARM.VIOLENCE.Other").exit_code == 0
    answer = post(queue, "acme-guard", "quorvid")
    assert answer["taxonomy"] == ["HARM.VIOLENCE.Other"]

    rows = [json.loads(line) for line in mapper(url, "review", "export").stdout.splitlines()]
    assert rows[0] == {
        "detector": "acme-guard",
        "output": "quorvid",
        "gold": ["HARM.VIOLENCE.Other"],
    }
    folder = tmp_path / "git"
    assert "1 files" in mapper(url, "review", "export", str(folder)).stdout
    assert mapper(url, "review", "undo", second).exit_code == 0
    assert post(queue, "acme-guard", "quorvid")["taxonomy"] == ["OTHER.Unknown"]
    assert "1 new decisions" in mapper(url, "review", "import", str(folder)).stdout
    assert post(queue, "acme-guard", "quorvid")["taxonomy"] == ["HARM.VIOLENCE.Other"]


def test_drift_is_shown_as_the_page_has_it(queue: httpx.Client) -> None:
    url = str(queue.base_url)

    def shown() -> list[str]:
        return mapper(url, "review", "drift").stdout.splitlines()

    eventually(lambda: "acme-guard" in shown()[-1] and shown()[-1].split()[1] == "3")
    head, _, row = shown()
    assert row.split()[:8] == ["acme-guard", "3", "0", "2", "-", "→", "100.0", "%"]
    page = (Path(__file__).parents[3] / "docs/review.md").read_text(encoding="utf-8")
    assert " ".join(head.split()) in " ".join(page.split())
    [one] = json.loads(mapper(url, "review", "drift", "--json").stdout)["detectors"]
    assert one["days"][0]["items"] == 3


@pytest.mark.parametrize("action", ["ignore", "later"])
def test_a_word_is_put_aside(queue: httpx.Client, action: str) -> None:
    url = str(queue.base_url)
    first = str(listed(queue, 2)[0]["id"])
    done = json.loads(mapper(url, "review", action, first, "--json").stdout)
    assert done["state"] == {"ignore": "ignored", "later": "later"}[action]
    listed(queue, 1)


def test_what_is_refused_is_status_1(queue: httpx.Client, tmp_path: Path) -> None:
    url = str(queue.base_url)
    assert mapper(url, "review", "accept", "999").exit_code == 1
    assert mapper(url, "review", "import", str(tmp_path)).exit_code == 1
    (tmp_path / "bad.yaml").write_text("[")
    assert "line " in mapper(url, "review", "import", str(tmp_path / "bad.yaml")).stderr
    first = str(listed(queue, 2)[0]["id"])
    assert mapper(url, "review", "correct", first, "HARM.Nonsense").exit_code == 1
    assert mapper(url, "review", "list", "--state", "lost").exit_code == 2
