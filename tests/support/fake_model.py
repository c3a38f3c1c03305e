"""The real facade over a fake model, which answers by a function of the test's, or not at all."""

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from client_api.app import create_app
from client_api.cli.keys import main as keys_cli
from client_api.mapping.gateway import Item, ModelError
from client_api.settings import Settings
from engine.versions import Shadow
from fallback.decision.decision import Decision
from pipeline.steps import ReadItem, load_pipeline
from pipeline.tenants import TenantPipelines
from schemas.candidate import Candidate, CandidateSet

HATE = {"detector": "openai-moderation", "output": "hate"}
Mapped = Callable[[Item], Decision]


def model(item: Item, text: str = '{"taxonomy":["HARM.SPEECH.Hate.Other"]}') -> Decision:
    """What the ensemble answers when the model writes `text`."""
    pipeline = load_pipeline()
    read = pipeline.read(item.detector, item.output)
    answers = (Candidate(text, 0.9, 0.95),) * len(read.reading.signals)
    return pipeline.decide(read, CandidateSet("fake-model", answers))


def raising(error: Exception) -> Callable[..., Any]:
    def answer(*_: object) -> Any:
        raise error

    return answer


class FakeGateway:
    """Answers by a function, or not at all; the canary too, unless that has its own.

    asked: the outputs of each call, without the canary's.
    """

    def __init__(self, answer: Mapped = model, canary: Mapped | None = None) -> None:
        self.answer = answer
        self.canary = canary or answer
        self.items: list[Item] = []
        self.asked: list[list[str]] = []

    async def map(self, items: Sequence[Item], budget_s: float) -> list[Decision]:
        if items[0].detector == "canary":
            return [self.canary(item) for item in items]
        self.items += items
        self.asked.append([item.output for item in items])
        return [self.answer(item) for item in items]

    async def close(self) -> None:
        pass


def refreshed(pipelines: TenantPipelines) -> TenantPipelines:
    """The pipelines with changed files read, as in a model's process, which has no event loop."""
    reader = Thread(target=pipelines.current)
    reader.start()
    reader.join()
    return pipelines


class FakeCandidate:
    """A candidate version that answers by a function, or not at all. asked: the items."""

    def __init__(self, answer: Callable[[ReadItem], CandidateSet]) -> None:
        self.answer = answer
        self.asked: list[ReadItem] = []

    async def ask(self, shadow: Shadow, item: ReadItem) -> CandidateSet:
        self.asked.append(item)
        return self.answer(item)

    async def close(self) -> None:
        pass


def facade(
    answer: Mapped | FakeGateway = model,
    *,
    address: str = "127.0.0.1",
    candidate: FakeCandidate | None = None,
    **settings: Any,
) -> TestClient:
    """A client of a facade over a fake model; use it as a context manager. It keeps no answers, so
    that the model is asked each time, unless `settings` say otherwise. candidate: what a shadow
    asks.
    """
    gateway = answer if isinstance(answer, FakeGateway) else FakeGateway(answer, model)
    beside = candidate or FakeCandidate(raising(ModelError("nobody is to ask it")))
    app = create_app(
        Settings(**{"item_cache_bytes": 0, **settings}), lambda _: gateway, lambda _: beside
    )
    return TestClient(app, base_url="http://localhost", client=(address, 50_000))


def samples(client: httpx.Client, **headers: str) -> dict[tuple[str, ...], float]:
    """Every sample of /metrics by (name, label values in the order of label names)."""
    families = text_string_to_metric_families(client.get("/metrics", headers=headers).text)
    return {
        (s.name, *(v for _, v in sorted(s.labels.items()))): s.value
        for family in families
        for s in family.samples
    }


class KeyFile:
    """A file of keys, changed as an operator does: by the command line."""

    def __init__(self, path: Path, read: Callable[[], Any]) -> None:
        """read: `capsys.readouterr`."""
        self.path = path
        self._read = read

    def run(self, *args: str) -> str:
        self._read()
        assert keys_cli(["--file", str(self.path), *args]) == 0
        output: str = self._read().out.strip()
        return output

    def create(self, tenant: str, *scopes: str) -> dict[str, str]:
        """The header of a new key."""
        flags = [part for scope in scopes for part in ("--scope", scope)]
        return {"X-API-Key": self.run("create", "--tenant", tenant, *flags)}


def key_id(header: dict[str, str]) -> str:
    return header["X-API-Key"].split("_")[1]
