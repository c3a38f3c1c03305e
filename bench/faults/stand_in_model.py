"""Replaces `llama_mapper`: a model that gives right answers at once, or fails in a chosen way.

Reads its fault from the JSON file that `STAND_IN_FAULT_FILE` names, before each batch.
"""

import json
import os
import time

import triton_python_backend_utils as pb_utils

from pipeline import wire
from schemas.candidate import Candidate, CandidateSet


def fault():
    with open(os.environ["STAND_IN_FAULT_FILE"], encoding="utf-8") as file:
        return json.load(file)


class TritonPythonModel:
    def initialize(self, args):
        time.sleep(fault().get("start_s", 0))
        self.model_id = f"stand-in-{args['model_version']}"

    def execute(self, requests):
        told = fault()
        if told.get("exit"):
            os._exit(1)
        if told.get("raise"):
            raise RuntimeError("planted-5Tr1ng: a text that no client may see")
        time.sleep(told.get("delay_s", 0))  # as one long pass, which checks no deadline
        return [self.respond(request, told) for request in requests]

    def respond(self, request, told):
        def tensor(name):
            return pb_utils.get_input_tensor_by_name(request, name)

        sets = [
            CandidateSet(
                self.model_id,
                tuple(self.answer(rule.draft, told) for rule in wire.load_item(*item).rules),
            )
            for item in zip(*wire.read_columns(tensor, ("DETECTOR", "READ_SIGNALS")), strict=True)
        ]
        candidates = ["?" if told.get("nonsense") else wire.dump_candidates(s) for s in sets]
        return pb_utils.InferenceResponse(
            [
                pb_utils.Tensor("CANDIDATE", wire.to_column(candidates)),
                pb_utils.Tensor("STATUS", wire.to_column(map(wire.item_status, sets))),
            ]
        )

    def answer(self, draft, told):
        text = told.get("text") or json.dumps({"taxonomy": list(draft or ["OTHER.NeedsReview"])})
        return Candidate(text, 0.9, 0.95)
