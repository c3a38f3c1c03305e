"""The engine for programs without a server, such as `mapper bulk --in-process`.

The client imports nothing of the service: it finds `load` by the entry point in pyproject.toml.
In: detectors and outputs. Out: answers as the facade's JSON, by the model, rules and policies that
the environment names for Triton too.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.answer_cache import AnswerCache
from engine.versions import version_to_serve
from pipeline.local import LocalPipeline
from pipeline.tenants import TenantPipelines
from schemas.candidate import CandidateSet
from schemas.config.errors import ConfigError
from schemas.contract import Mode
from schemas.policies import PolicyFile

#: Answers kept at most: outputs that differ often have signals in common.
_CACHE_ENTRIES = 100_000


class InProcessEngine:
    """One thread at a time."""

    def __init__(self, version_dir: Path) -> None:
        """Raises ConfigError for an incomplete version, and for a bad file of rules or policies."""
        self._pipelines = TenantPipelines.from_environment()
        self._policies = PolicyFile.from_environment(self._pipelines.canonical)
        self._local = LocalPipeline(version_dir, cache=AnswerCache(_CACHE_ENTRIES))

    def map(
        self, items: Sequence[tuple[str, str]], threshold: float | None, tenant_id: str | None
    ) -> list[dict[str, Any]]:
        """An answer with signals and reading for each detector and output, order kept. threshold:
        0..1; None for the one of the policies. The model takes the time that it needs."""
        steps, policies = self._pipelines.of(tenant_id), self._policies.current()
        read = [steps.read(detector, output) for detector, output in items]
        rules_only = policies.mode is Mode.RULES_ONLY
        found: Sequence[CandidateSet | None] = (
            [None] * len(read) if rules_only else self._local.ask(read)
        )
        decisions = (
            steps.decide(
                item,
                candidates,
                threshold=policies.threshold(item.detector, tenant_id)
                if threshold is None
                else threshold,
                mode=Mode.RULES_ONLY if rules_only else None,
            )
            for item, candidates in zip(read, found, strict=True)
        )
        return [{**one.answer, "signals": one.signals, "reading": one.reading} for one in decisions]


def load() -> InProcessEngine:
    """The version that a Triton over the same model repository serves. Raises ConfigError."""
    model = Path(os.environ.get("MAPPER_MODEL_REPOSITORY", "model_repository")) / "llama_mapper"
    version = version_to_serve(model)
    if version is None:
        raise ConfigError(model, "(folder)", "has no published version; `make model` builds one")
    return InProcessEngine(model / str(version))
