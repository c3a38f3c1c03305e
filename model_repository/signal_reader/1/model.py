"""Step 1 of the ensemble: a raw output becomes signals with curated answers, and a deadline."""

import functools
import math
import time

import numpy as np
import triton_python_backend_utils as pb_utils

from pipeline import wire
from pipeline.steps import load_pipeline
from schemas.contract import Mode
from schemas.policies import PolicyFile
from schemas.requests import parse_metadata, parse_options


class TritonPythonModel:
    def initialize(self, args):
        self.pipeline = load_pipeline()
        # mapping_guard reads the same file and logs its changes.
        self.policies = PolicyFile.from_environment(self.pipeline.rules.canonical)
        # What is built at first use is built now, outside of any caller's budget.
        self.pipeline.read("warm-up", "hate", parse_metadata("{}"))
        parse_options("{}")

    def execute(self, requests):
        answer = functools.partial(self.answer, time.monotonic())
        names = ("DETECTOR", "OUTPUT", "METADATA", "OPTIONS")
        return [wire.respond(pb_utils, request, names, answer) for request in requests]

    def answer(self, now, detectors, outputs, metadata, options):
        if not all(map(str.strip, detectors)):
            raise ValueError("DETECTOR: is empty")
        hints = [parse_metadata(text) for text in metadata]
        budgets = [parse_options(text).budget_ms for text in options]
        items = list(map(self.pipeline.read, detectors, outputs, hints))
        if self.policies.current().mode is Mode.RULES_ONLY:
            budgets = [0.0] * len(budgets)  # the model makes no pass after its deadline
        seconds = [math.inf if ms is None else ms / 1000 for ms in budgets]
        return {
            "READ_SIGNALS": wire.to_column(map(wire.dump_item, items)),
            "READING": wire.to_column(wire.dump_reading(item.reading) for item in items),
            "DEADLINE": now + np.array(seconds).reshape(-1, 1),
        }
