"""The whole loop: an unknown detector's word is counted, decided in the console, served by every
replica and by Triton itself, exported, imported elsewhere, and read as training data."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
import tritonclient.http as http_client
from playwright.sync_api import expect

from bench.processes import eventually, free_ports, published_models
from client_api.settings import Settings
from export.data.labelled import read_labelled
from tests.real_server.test_ensemble import infer
from tests.support.browsing import chromium, visiting
from tests.support.command_line import mapper
from tests.support.reviewing import listed, post
from tests.support.serving import Stack, running_facade, running_stack

pytestmark = [pytest.mark.slow, pytest.mark.triton, pytest.mark.model, pytest.mark.chromium]

DETECTOR, WORD, LABEL = "acme-guard", "bad vibes", "HARM.SPEECH.Toxicity"
_BUDGET_MS = 30_000.0


@pytest.fixture(autouse=True)
def logs_of_the_facade() -> Iterator[None]:
    """They go to the real standard error: a command under test has the other one."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.__stderr__))
    yield
    structlog.reset_defaults()


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    """Of the replicas: one database, and a folder each, of which Triton reads the first."""
    (tmp_path / "one").mkdir()
    return {
        "review_dir": tmp_path / "one",
        "review_url": f"sqlite:///{tmp_path / 'review.db'}",
        "review_names": True,
        "budget_ms": _BUDGET_MS,
    }


@pytest.fixture
def stack(settings: dict[str, Any]) -> Iterator[Stack]:
    with running_stack(published_models(), **settings) as running:
        yield running


@pytest.fixture
def replica(stack: Stack, settings: dict[str, Any], tmp_path: Path) -> Iterator[httpx.Client]:
    """A second facade before the same Triton."""
    own = settings | {"review_dir": tmp_path / "two", "mode_state_file": tmp_path / "mode.json"}
    own |= {"triton_url": stack.triton.grpc_url, "port": free_ports(1)[0]}
    with (
        running_facade(Settings(**own)) as url,
        httpx.Client(base_url=url, timeout=60.0) as client,
    ):
        yield client


def test_a_decision_in_the_console_answers_everywhere(
    stack: Stack, replica: httpx.Client, tmp_path: Path
) -> None:
    triton = http_client.InferenceServerClient(stack.triton.http_url)

    def direct() -> list[str]:
        answer = infer(triton, http_client, "mapper", DETECTOR=[DETECTOR], OUTPUT=[WORD])
        labels: list[str] = json.loads(answer["MAPPING"][0])["taxonomy"]
        return labels

    def everywhere(labels: list[str]) -> bool:
        facades = [post(client, DETECTOR, WORD)["taxonomy"] for client in (stack.http, replica)]
        return [*facades, direct()] == [labels] * 3

    before = post(stack.http, DETECTOR, WORD)
    assert (before["taxonomy"], before["fallback_reason"]) == (["OTHER.Unknown"], "low_confidence")
    post(replica, DETECTOR, WORD)
    eventually(lambda: listed(stack.http, 1)[0]["seen"] == 2)

    with chromium() as browser, visiting(browser, stack.url) as visit:
        expect.set_options(timeout=40_000)
        page = visit.page
        card = page.locator("#review-words > li")
        expect(card).to_contain_text(WORD)
        page.locator("#reviewer").fill("Ada")
        card.focus()
        page.keyboard.press("c")
        page.locator("#correct-labels").fill(LABEL)
        page.keyboard.press("Enter")
        expect(page.locator("#review-result")).to_have_text(f"{WORD}: {LABEL}")
    assert visit.troubles == []
    # The facade that was asked answers at once, the others when they have looked.
    assert post(stack.http, DETECTOR, WORD)["taxonomy"] == [LABEL]
    eventually(lambda: everywhere([LABEL]))
    after = post(replica, DETECTOR, WORD)
    assert (after["source"], after["fallback_reason"]) == ("curated", None)

    folder, rows = tmp_path / "git", tmp_path / "rows.jsonl"
    assert mapper(stack.url, "review", "export", str(folder)).exit_code == 0
    rows.write_text(mapper(stack.url, "review", "export").stdout)
    [row] = read_labelled(rows)
    assert (row.detector, row.output, set(row.gold)) == (DETECTOR, WORD, {LABEL})

    [word] = listed(replica, 1, "decided")
    assert mapper(stack.url, "review", "undo", str(word["id"])).exit_code == 0
    eventually(lambda: everywhere(["OTHER.Unknown"]))
    assert mapper(str(replica.base_url), "review", "import", str(folder)).exit_code == 0
    eventually(lambda: everywhere([LABEL]))
    triton.close()
