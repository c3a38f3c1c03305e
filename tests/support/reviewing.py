"""A facade with a review queue over a fake model that is never sure."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
from starlette.testclient import TestClient

from bench.processes import eventually
from client_api.mapping.gateway import Item
from fallback.decision.decision import Decision
from pipeline.tenants import TenantPipelines
from schemas.candidate import Candidate, CandidateSet, Neighbour
from tests.support.fake_model import FakeGateway, facade, refreshed

GUESS = "HARM.SPEECH.Toxicity"
SECOND = "HARM.SPEECH.Threat"
#: Of a facade: a late answer is the rules' own, and does not count.
IN_TIME = {"budget_ms": 60_000.0}


class UnsureModel(FakeGateway):
    """Answers as the ensemble with the decisions of a folder, when the model is unsure.

    sure: detectors for which it is sure.
    """

    def __init__(self, folder: Path, sure: Sequence[str] = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._pipelines = TenantPipelines([folder])
        self._sure = sure
        super().__init__(self._answer)

    def _answer(self, item: Item) -> Decision:
        pipeline = refreshed(self._pipelines).of(item.tenant)
        read = pipeline.read(item.detector, item.output)
        confidence = 0.95 if item.detector in (*self._sure, "canary") else 0.4
        candidate = Candidate(
            f'{{"taxonomy":["{GUESS}"]}}',
            confidence,
            confidence,
            likely=(((GUESS,), 0.4), ((SECOND,), 0.3)),
            neighbours=(Neighbour("curious talk", (SECOND,), 0.8123),),
        )
        answers = (candidate,) * len(read.reading.signals)
        return pipeline.decide(read, CandidateSet("fake-model", answers))


def reviewed(folder: Path, **settings: Any) -> TestClient:
    """A facade whose queue keeps names; use it as a context manager."""
    given = {"review_dir": folder, "review_names": True} | IN_TIME | settings
    return facade(UnsureModel(folder), **given)


def post(client: httpx.Client, detector: str, output: Any, **headers: str) -> dict[str, Any]:
    """The answer to an output."""
    answer: dict[str, Any] = client.post(
        "/map", json={"detector": detector, "output": output}, headers=headers
    ).json()
    return answer


def listed(client: httpx.Client, count: int, state: str = "open", **headers: str) -> list[Any]:
    """The words of a state, once there are so many."""

    def words() -> list[Any]:
        found: list[Any] = client.get("/review", params={"state": state}, headers=headers).json()[
            "words"
        ]
        return found

    eventually(lambda: len(words()) == count)
    return words()


def act(client: httpx.Client, word: dict[str, Any], action: str, **more: Any) -> httpx.Response:
    """What became of an action on a word as it was listed."""
    headers = more.pop("headers", {})
    body = {"action": action, "version": word["version"]} | more
    return client.post(f"/review/{word['id']}", json=body, headers=headers)
