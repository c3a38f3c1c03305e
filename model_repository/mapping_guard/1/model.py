"""Step 3 of the ensemble: signals and candidates become one canonical event per item."""

import functools

import triton_python_backend_utils as pb_utils

from pipeline import wire
from pipeline.counts import DecisionCounters
from pipeline.heap import keep_for_good
from pipeline.tenants import TenantPipelines
from schemas.contract import Mode
from schemas.policies import PolicyFile
from schemas.requests import parse_metadata, parse_options

NAMES = ("DETECTOR", "OUTPUT", "READ_SIGNALS", "CANDIDATE", "METADATA", "OPTIONS")


def log_change(problem):
    if problem is None:
        pb_utils.Logger.log_info("a changed file of policies or detectors applies")
    else:
        pb_utils.Logger.log_error(f"the last valid version stays in use: {problem}")


class TritonPythonModel:
    def initialize(self, args):
        self.pipelines = TenantPipelines.from_environment(log_change)
        self.policies = PolicyFile.from_environment(self.pipelines.canonical, log_change)
        self.counters = DecisionCounters(pb_utils, self.pipelines.name)
        # What is built at first use is built now, outside of any caller's budget.
        self.decide("warm-up", "hate", "", "", "", "{}")
        keep_for_good()

    def execute(self, requests):
        answered = []
        answer = functools.partial(self.answer, answered)
        responses = [wire.respond(pb_utils, request, NAMES, answer) for request in requests]
        self.counters.add(answered)
        return responses

    def answer(self, answered, *columns):
        decisions = wire.each_row(self.decide, self.pipelines.of().refusal, columns)
        answered += decisions
        return wire.decision_columns(decisions)

    def decide(self, detector, output, signals, candidate, metadata, options):
        """Raises ValueError for a tensor that holds something else than it should."""
        if not detector.strip():
            raise ValueError("DETECTOR: is empty")
        hints, wishes = parse_metadata(metadata), parse_options(options)
        pipeline = self.pipelines.of(wishes.tenant)
        read = pipeline.read
        item = wire.load_item(detector, signals) if signals else read(detector, output, hints)
        policies, threshold = self.policies.current(), wishes.threshold
        # Rules only holds while the caller or the file asks for it.
        rules_only = Mode.RULES_ONLY in (wishes.mode, policies.mode)
        return pipeline.decide(
            item,
            None if rules_only else wire.load_candidates(candidate),
            threshold=policies.threshold(detector) if threshold is None else threshold,
            mode=Mode.RULES_ONLY if rules_only else None,
        )
