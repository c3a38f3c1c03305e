"""Step 3 of the ensemble: signals and candidates become one canonical event an item.

Tensors here; what they mean is `fallback.decision.decision`. Counts under `mapper_ensemble_*`.
"""

import functools
import json
import traceback
from collections import Counter

import numpy as np
import triton_python_backend_utils as pb_utils

from fallback import wire
from fallback.decision.decision import load_guard
from fallback.signals import SignalReader
from schemas.contract import Mode
from schemas.policies import PolicyFile
from schemas.requests import parse_metadata, parse_options

COUNTERS = {
    "requests": "Items answered",
    "schema_validation": "Items that had a model candidate, by its validity",
    "fallback": "Items in which the model's answer did not stand, by reason",
}
NAMES = ("DETECTOR", "OUTPUT", "READING", "CANDIDATE", "METADATA", "OPTIONS")


def log_change(problem):
    if problem is None:
        pb_utils.Logger.log_info("the policies were read again")
    else:
        pb_utils.Logger.log_error(f"the last good policies stay in force: {problem}")


class TritonPythonModel:
    def initialize(self, args):
        self.guard = load_guard()
        self.policies = PolicyFile.from_environment(self.guard.rules.canonical, log_change)
        self.reader = SignalReader(self.guard.rules)
        # What is built at first use is built now, not within someone's budget.
        self.decide("warm-up", "hate", "", "", "", "{}")
        self.families = {
            name: pb_utils.MetricFamily(
                name=f"mapper_ensemble_{name}_total",
                description=text,
                kind=pb_utils.MetricFamily.COUNTER,
            )
            for name, text in COUNTERS.items()
        }
        self.metric = functools.cache(
            lambda name, labels: self.families[name].Metric(labels=dict(labels))
        )

    def execute(self, requests):
        counts = Counter()
        responses = [self.respond(request, counts) for request in requests]
        for series, count in counts.items():  # a call for each batch, not for each item
            self.metric(*series).increment(count)
        return responses

    def respond(self, request, counts):
        tensor = functools.partial(pb_utils.get_input_tensor_by_name, request)
        texts = zip(*wire.read_columns(tensor, NAMES), strict=True)
        try:
            decisions = [self.decide(*text) for text in texts]
        except ValueError as error:
            problem = pb_utils.TritonError(str(error), pb_utils.TritonError.INVALID_ARG)
            return pb_utils.InferenceResponse(error=problem)
        except Exception:  # its text would reach the client, with paths
            traceback.print_exc()
            problem = pb_utils.TritonError("the item could not be decided")
            return pb_utils.InferenceResponse(error=problem)
        counts.update(series for d in decisions for series in self.series(d))
        columns = {
            "MAPPING": [json.dumps(d.event, ensure_ascii=False) for d in decisions],
            "SOURCE": [d.source for d in decisions],
            "FALLBACK_REASON": [d.fallback_reason or "" for d in decisions],
            "SIGNALS": [json.dumps(d.signals, ensure_ascii=False) for d in decisions],
            "VERSIONS": [json.dumps(d.versions) for d in decisions],
        }
        confidence = np.array([[d.confidence] for d in decisions], dtype=np.float32)
        valid = np.array([[d.schema_valid] for d in decisions], dtype=np.bool_)
        return pb_utils.InferenceResponse(
            [pb_utils.Tensor(name, wire.to_column(column)) for name, column in columns.items()]
            + [pb_utils.Tensor("CONFIDENCE", confidence), pb_utils.Tensor("SCHEMA_VALID", valid)]
        )

    def decide(self, detector, output, reading, candidate, metadata, options):
        """Raises ValueError for a tensor that is not what it should be."""
        if not detector.strip():
            raise ValueError("DETECTOR: is empty")
        hints, wishes = parse_metadata(metadata), parse_options(options)
        policies = self.policies.current()
        threshold = wishes.threshold
        if threshold is None:
            threshold = policies.threshold(detector)
        # It holds while anyone asks for it: the caller, or the file.
        rules_only = Mode.RULES_ONLY in (wishes.mode, policies.mode)
        return self.guard.decide(
            detector,
            wire.load_reading(reading) if reading else self.reader.read(detector, output, hints),
            None if rules_only else wire.load_candidates(candidate),
            threshold=threshold,
            mode=Mode.RULES_ONLY if rules_only else None,
            contributing=hints.contributing_detectors,
        )

    def series(self, decision):
        """The counters an item moves, as (name, labels)."""
        known = self.guard.rules.resolve(decision.event["provenance"]["detector"])
        detector = ("detector", known.name if known else "other")
        yield "requests", (detector,)
        reason = decision.fallback_reason
        if reason is None or reason.has_candidate:
            valid = str(decision.schema_valid).lower()
            yield "schema_validation", (detector, ("valid", valid))
        if reason is not None:
            yield "fallback", (detector, ("reason", reason.value))
