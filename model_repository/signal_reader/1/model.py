"""Step 1 of the ensemble: a raw output becomes signals with curated answers, and a deadline."""

import functools
import math
import time

import numpy as np
import triton_python_backend_utils as pb_utils

from pipeline import wire
from pipeline.heap import keep_for_good
from pipeline.tenants import TenantPipelines
from schemas.contract import Mode
from schemas.policies import PolicyFile
from schemas.requests import parse_metadata, parse_options


class TritonPythonModel:
    def initialize(self, args):
        # mapping_guard reads the same files and logs their changes.
        self.pipelines = TenantPipelines.from_environment()
        self.policies = PolicyFile.from_environment(self.pipelines.canonical)
        # What is built at first use is built now, outside of any caller's budget.
        self.pipelines.of().read("warm-up", "hate", parse_metadata("{}"))
        parse_options("{}")
        keep_for_good()

    def execute(self, requests):
        answer = functools.partial(self.answer, time.monotonic())
        names = ("DETECTOR", "OUTPUT", "METADATA", "OPTIONS")
        return [wire.respond(pb_utils, request, names, answer) for request in requests]

    def answer(self, now, *columns):
        rows = wire.each_row(self.read, self.refuse, columns)
        items, budgets = [item for item, _ in rows], [ms for _, ms in rows]
        if self.policies.current().mode is Mode.RULES_ONLY:
            budgets = [0.0] * len(budgets)  # the model makes no pass after its deadline
        seconds = [math.inf if ms is None else ms / 1000 for ms in budgets]
        return {
            "READ_SIGNALS": wire.to_column(map(wire.dump_item, items)),
            "READING": wire.to_column(wire.dump_reading(item.reading) for item in items),
            "DEADLINE": now + np.array(seconds).reshape(-1, 1),
        }

    def read(self, detector, output, metadata, options):
        """The item and its budget in ms. Raises ValueError for a bad row."""
        if not detector.strip():
            raise ValueError("DETECTOR: is empty")
        hints, wishes = parse_metadata(metadata), parse_options(options)
        return self.pipelines.of(wishes.tenant).read(detector, output, hints), wishes.budget_ms

    def refuse(self, problem, detector, *_):
        return self.pipelines.of().refused(detector, problem), 0.0
