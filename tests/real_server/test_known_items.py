"""A real Triton is not asked for what the facade knows, and soon is when something has changed."""

from collections.abc import Callable, Iterator

import httpx
import pytest
import yaml

from bench.processes import eventually
from tests.real_server.test_model_metrics import Counts
from tests.support.serving import Stack, running_stack, tiny_models

pytestmark = pytest.mark.triton

ITEM = {"detector": "known-guard", "output": "zorblish vibes of an item that is known"}
TIMES = 50


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    views = tmp_path_factory.mktemp("views")
    (views / "acme.yaml").write_text("{view: acme, own_labels: {acme/vibes: OTHER.Sentiment}}")
    models = tiny_models(tmp_path_factory.mktemp("known") / "models")
    with running_stack(models, views_dir=views) as running:
        yield running


@pytest.fixture
def ask(stack: Stack) -> Callable[[], httpx.Response]:
    def post() -> httpx.Response:
        return stack.http.post("/map", json=ITEM, headers=stack.budget)

    # Others may have kept the model so busy that the circuit opened; the canary closes it.
    eventually(lambda: post().json()["version_info"]["model"] != "none")
    return post


def test_a_known_item_costs_triton_nothing(stack: Stack, ask: Callable[[], httpx.Response]) -> None:
    counted = Counts(stack.triton)
    answers = [ask() for _ in range(TIMES)]
    # Now and then Triton is asked whether it still serves what made the answer.
    assert counted("cache_total", "hit") < TIMES / 2
    assert len({answer.headers["x-request-id"] for answer in answers}) == TIMES
    told = [answer.json() for answer in answers]
    for answer in told:
        answer["provenance"].pop("ts")
    assert all(answer == told[0] for answer in told)


def test_a_changed_detector_file_holds_over_what_is_known(
    stack: Stack, ask: Callable[[], httpx.Response]
) -> None:
    ours = ask().json()["version_info"]["rules"]
    file = stack.detectors / "known.yaml"
    own = {"detector": ITEM["detector"], "maps": {ITEM["output"]: "HARM.SPEECH.Toxicity"}}
    try:
        file.write_text(yaml.safe_dump(own))
        changed = ask().json()
        assert changed["taxonomy"] == ["HARM.SPEECH.Toxicity"]
        assert changed["version_info"]["rules"].startswith(f"{ours}+own.")
    finally:
        file.unlink()
    assert ask().json()["version_info"]["rules"] == ours


def test_triton_answers_the_parent_of_an_own_label_and_the_facades_view_the_label(
    stack: Stack, ask: Callable[[], httpx.Response]
) -> None:
    file = stack.detectors / "known.yaml"
    own = {"detector": ITEM["detector"], "maps": {ITEM["output"]: "acme/vibes"}}
    try:
        file.write_text(yaml.safe_dump(own))
        plain = ask().json()
        assert (plain["taxonomy"], plain["source"]) == (["OTHER.Sentiment"], "curated")
        assert plain["version_info"]["model"] != "none"
        in_view = stack.http.post("/map?taxonomy=acme", json=ITEM, headers=stack.budget).json()
        assert in_view["taxonomy"] == ["acme/vibes"]
    finally:
        file.unlink()
