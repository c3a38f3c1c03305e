"""Step 2 of the ensemble: the exported Llama gives each signal its candidate.

Late, failing and impossible generations are a status beside the candidate, never an error: an
error would end the ensemble before the rules can answer.
"""

import json
import os
from pathlib import Path

import triton_python_backend_utils as pb_utils

from pipeline import wire
from pipeline.model_counts import ModelMetrics
from pipeline.model_step import ModelStep

NAMES = ("DETECTOR", "READ_SIGNALS", "OPTIONS")


class TritonPythonModel:
    def initialize(self, args):
        parameters = json.loads(args["model_config"])["parameters"]
        # It yields to the processes that bring it work, or its batches are smaller.
        os.setpriority(os.PRIO_PROCESS, 0, max(5, os.getpriority(os.PRIO_PROCESS, 0)))

        def setting(name):  # the environment overrides config.pbtxt
            return os.environ.get(f"MAPPER_{name.upper()}", parameters[name]["string_value"])

        self.step = ModelStep.load(
            Path(args["model_repository"], args["model_version"]),
            setting,
            ModelMetrics(pb_utils, args["model_version"]),
        )

    def execute(self, requests):
        """The items of all requests go to the engine as one list of queries."""
        spans, responses = [], [None] * len(requests)
        queries = []
        for index, request in enumerate(requests):
            before = len(queries)
            try:
                columns, deadlines = wire.read_deadlines(pb_utils, request, NAMES)
                items = zip(*columns, deadlines, strict=True)
                spans.append((index, [self.step.ask(queries, *item) for item in items]))
            except Exception as error:
                del queries[before:]  # of its earlier items: nobody waits for their answers
                responses[index] = wire.refusal(pb_utils, error)
        answers = self.step.answer(queries)
        for index, items in spans:
            try:
                sets = [self.step.candidates(answers[span]) for span in items]
                columns = {
                    "CANDIDATE": wire.to_column(map(wire.dump_candidates, sets)),
                    "STATUS": wire.to_column(map(wire.item_status, sets)),
                }
                responses[index] = wire.outputs(pb_utils, columns)
            except Exception as error:  # the other requests of the batch are answered
                responses[index] = wire.refusal(pb_utils, error)
        return responses
