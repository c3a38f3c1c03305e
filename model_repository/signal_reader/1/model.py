"""Step 1 of the ensemble: a raw output becomes signals, drafts and a deadline.

Tensors here; what they mean is `fallback.signals` and `fallback.rules.lookup`.
"""

import functools
import math
import time
import traceback

import numpy as np
import triton_python_backend_utils as pb_utils

from fallback import wire
from fallback.rules.lookup import load_rules
from fallback.signals import SignalReader
from schemas.contract import Mode
from schemas.policies import PolicyFile
from schemas.requests import parse_metadata, parse_options


class TritonPythonModel:
    def initialize(self, args):
        self.rules = load_rules()
        self.reader = SignalReader(self.rules)
        # The guard reads the same file, and says so.
        self.policies = PolicyFile.from_environment(self.rules.canonical)
        # What is built at first use is built now, not within someone's budget.
        self.reader.read("warm-up", "hate", parse_metadata("{}"))
        parse_options("{}")

    def execute(self, requests):
        now = time.monotonic()
        return [self.respond(request, now) for request in requests]

    def respond(self, request, now):
        tensor = functools.partial(pb_utils.get_input_tensor_by_name, request)
        detectors, outputs, metadata, options = wire.read_columns(
            tensor, ("DETECTOR", "OUTPUT", "METADATA", "OPTIONS")
        )
        try:
            if not all(map(str.strip, detectors)):
                raise ValueError("DETECTOR: is empty")
            hints = [parse_metadata(text) for text in metadata]
            budgets = [parse_options(text).budget_ms for text in options]
        except ValueError as error:
            problem = pb_utils.TritonError(str(error), pb_utils.TritonError.INVALID_ARG)
            return pb_utils.InferenceResponse(error=problem)
        try:
            readings = list(map(self.reader.read, detectors, outputs, hints))
            drafts = list(map(self.drafts, detectors, readings, hints))
        except Exception:  # its text would reach the client, with paths
            traceback.print_exc()
            problem = pb_utils.TritonError("the output could not be read")
            return pb_utils.InferenceResponse(error=problem)
        if self.policies.current().mode is Mode.RULES_ONLY:
            budgets = [0.0] * len(budgets)  # past its deadline the model makes no pass
        seconds = [math.inf if ms is None else ms / 1000 for ms in budgets]
        return pb_utils.InferenceResponse(
            [
                pb_utils.Tensor("READING", wire.to_column(map(wire.dump_reading, readings))),
                pb_utils.Tensor("DRAFT", wire.to_column(map(wire.dump_drafts, drafts))),
                pb_utils.Tensor("DEADLINE", now + np.array(seconds).reshape(-1, 1)),
            ]
        )

    def drafts(self, detector, reading, hints):
        contributing = hints.contributing_detectors
        return [self.rules.map(detector, signal, contributing).draft for signal in reading]
