"""Step 2 of the ensemble: the exported Llama gives each signal its candidate.

Tensors here; what they mean is `engine`. Bad, late or failing generations are a status beside
the candidate, never an error: an error would end the ensemble before the rules can answer.
"""

import functools
import json
import math
import os
import traceback

import triton_python_backend_utils as pb_utils

from engine.cores import usable_cores
from engine.mapper import MapperEngine, Query
from fallback import wire
from fallback.candidate import CandidateSet, CandidateStatus, ModelAnswer
from schemas.contract import Mode
from schemas.requests import parse_options

MAX_SIGNALS = 32  # of one item; the reader puts the gravest first


class TritonPythonModel:
    def initialize(self, args):
        parameters = json.loads(args["model_config"])["parameters"]

        def setting(name):  # the environment overrides config.pbtxt
            return int(os.environ.get(f"MAPPER_{name.upper()}", parameters[name]["string_value"]))

        self.engine = MapperEngine.load(
            os.path.join(args["model_repository"], args["model_version"]),
            threads=setting("threads") or usable_cores(),
            max_input_tokens=setting("max_input_tokens"),
            max_new_tokens=setting("max_new_tokens"),
        )

        parse_options("{}")  # compiles its schema
        [first] = self.engine.answer([Query("warm-up", "hate")])
        if first.status == CandidateStatus.ERROR:
            # Triton refuses the version and goes on with the one before.
            raise RuntimeError(f"{self.engine.model_id} does not answer; see the log above")

    def execute(self, requests):
        """All items of all requests go to the engine as one list of queries."""
        queries, spans, responses = [], [], [None] * len(requests)
        for index, request in enumerate(requests):
            try:
                spans.append((index, [self.ask(queries, *item) for item in self.items(request)]))
            except ValueError as error:
                problem = pb_utils.TritonError(str(error), pb_utils.TritonError.INVALID_ARG)
                responses[index] = pb_utils.InferenceResponse(error=problem)
        answers = self.answer(queries)
        for index, items in spans:
            found = [CandidateSet(self.engine.model_id, tuple(answers[span])) for span in items]
            responses[index] = pb_utils.InferenceResponse(
                [
                    pb_utils.Tensor("CANDIDATE", wire.to_column(map(wire.dump_candidates, found))),
                    pb_utils.Tensor("STATUS", wire.to_column(map(wire.item_status, found))),
                ]
            )
        return responses

    def items(self, request):
        tensor = functools.partial(pb_utils.get_input_tensor_by_name, request)
        names = ("DETECTOR", "READING", "DRAFT", "OPTIONS")
        texts = list(zip(*wire.read_columns(tensor, names), strict=True))
        until = tensor("DEADLINE")
        deadlines = [math.inf] * len(texts) if until is None else until.as_numpy().ravel().tolist()
        return zip(texts, deadlines, strict=True)

    def ask(self, queries, texts, deadline):
        """Appends an item's queries; returns where among all queries they are."""
        detector, reading, drafts, options = texts
        signals = wire.load_reading(reading)
        drafts = wire.load_drafts(drafts, len(signals))
        start = len(queries)
        if parse_options(options).mode is not Mode.RULES_ONLY:
            queries += [
                Query(detector, signal.text, draft, deadline)
                for signal, draft in list(zip(signals, drafts, strict=True))[:MAX_SIGNALS]
            ]
        return slice(start, len(queries))

    def answer(self, queries):
        try:
            return [
                ModelAnswer(c.text, c.probability, c.confidence, CandidateStatus(c.status))
                for c in self.engine.answer(queries)
            ]
        except Exception:
            traceback.print_exc()
            return [ModelAnswer("", 0.0, 0.0, CandidateStatus.ERROR)] * len(queries)
