"""The three steps of the ensemble in one Python model, without transport between them. The bench
measures it; it is not served.
"""

import functools
import json
import os
import time
from pathlib import Path
from typing import Any

import triton_python_backend_utils as pb_utils

from pipeline import wire
from pipeline.counts import DecisionCounters
from pipeline.heap import keep_for_good
from pipeline.model_counts import ModelMetrics
from pipeline.model_step import ModelStep
from pipeline.steps import queries_of
from pipeline.tenants import TenantPipelines
from schemas.contract import Mode
from schemas.policies import PolicyFile
from schemas.requests import parse_metadata, parse_options

NAMES = ("DETECTOR", "OUTPUT", "METADATA", "OPTIONS")


class TritonPythonModel:
    def initialize(self, args):
        parameters = json.loads(args["model_config"])["parameters"]

        def setting(name):  # the environment overrides the configuration, as for llama_mapper
            return os.environ.get(f"MAPPER_{name.upper()}", parameters[name]["string_value"])

        version = Path(parameters["version"]["string_value"])
        self.step = ModelStep.load(version, setting, ModelMetrics(pb_utils, "fused"))
        self.pipelines = TenantPipelines.from_environment()
        self.policies = PolicyFile.from_environment(self.pipelines.canonical)
        self.counters = DecisionCounters(pb_utils, self.pipelines.name)
        self.pipelines.of().decide(self.pipelines.of().read("warm-up", "hate"))
        keep_for_good()

    def execute(self, requests):
        """Read all items, answer them in one batch, then decide them."""
        queries: list[Any] = []
        answered: list[Any] = []
        read = functools.partial(self.read, time.monotonic(), queries)
        asked = [
            [read(*row) for row in zip(*self.columns(request), strict=True)] for request in requests
        ]
        answers = self.step.answer(queries)
        responses = [self.respond(answers, answered, items) for items in asked]
        self.counters.add(answered)
        return responses

    def columns(self, request):
        tensor = functools.partial(pb_utils.get_input_tensor_by_name, request)
        return wire.read_columns(tensor, NAMES)

    def read(self, now, queries, detector, output, metadata, options):
        """The item, the slice of its queries, and its options."""
        wishes = parse_options(options)
        item = self.pipelines.of(wishes.tenant).read(detector, output, parse_metadata(metadata))
        until = None if wishes.budget_ms is None else now + wishes.budget_ms / 1000
        start = len(queries)
        if not self.rules_only(wishes):
            queries += queries_of(item, until)
        return item, slice(start, len(queries)), wishes

    def respond(self, answers, answered, items):
        decisions = [self.decide(answers[span], item, wishes) for item, span, wishes in items]
        answered += decisions
        reading = wire.to_column(wire.dump_reading(item.reading) for item, _, _ in items)
        return wire.outputs(pb_utils, wire.decision_columns(decisions) | {"READING": reading})

    def decide(self, answers, item, wishes):
        rules_only = self.rules_only(wishes)
        threshold = self.policies.current().threshold(item.detector)
        return self.pipelines.of(wishes.tenant).decide(
            item,
            None if rules_only else self.step.candidates(answers),
            threshold=threshold if wishes.threshold is None else wishes.threshold,
            mode=Mode.RULES_ONLY if rules_only else None,
        )

    def rules_only(self, wishes):
        return Mode.RULES_ONLY in (wishes.mode, self.policies.current().mode)
