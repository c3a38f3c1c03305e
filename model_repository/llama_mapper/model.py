"""Step 2 of the ensemble: the exported Llama gives each signal its candidate.

Tensors here; what they mean is `engine`. Bad, late or failing generations are a status beside
the candidate, never an error: an error would end the ensemble before the rules can answer.
Counts under `mapper_ensemble_model_*`.
"""

import functools
import json
import math
import os
import time
import traceback
from pathlib import Path

import triton_python_backend_utils as pb_utils

from engine import step_counts
from engine.answer_cache import AnswerCache
from engine.known_answers import ANSWERS, read_answers
from engine.mapper import MapperEngine, Query
from engine.runtime.cores import usable_cores
from fallback import wire
from fallback.candidate import CandidateSet, CandidateStatus, ModelAnswer
from schemas.contract import Mode
from schemas.requests import parse_options

MAX_SIGNALS = 32  # of one item; the reader puts the gravest first


class Metrics:
    """`engine.step_counts` on Triton's metrics page, each series there from the start."""

    def __init__(self, version):
        # Two versions may be loaded, and each owns its series.
        self.labels = {"version": version}
        self.families, self.counters, self.histograms = [], {}, {}
        for name, (text, label, values) in step_counts.COUNTERS.items():
            family = self.family(name, text, pb_utils.MetricFamily.COUNTER)
            for value in values:
                labels = self.labels | ({label: value} if label else {})
                self.counters[name, value] = family.Metric(labels=labels)
        for name, (text, edges) in step_counts.HISTOGRAMS.items():
            family = self.family(name, text, pb_utils.MetricFamily.HISTOGRAM)
            self.histograms[name] = family.Metric(labels=self.labels, buckets=list(edges))

    def family(self, name, text, kind):
        made = pb_utils.MetricFamily(name=step_counts.PREFIX + name, description=text, kind=kind)
        self.families.append(made)  # its series go when it goes
        return made

    def count(self, counts):
        for series, count in counts.items():
            self.counters[series].increment(count)

    def batch(self, queries, candidates, seconds):
        self.count(step_counts.batch_counts(queries, candidates))
        if rows := step_counts.rows_computed(candidates):
            self.histograms["batch_rows"].observe(rows)
            self.histograms["batch_seconds"].observe(seconds)


class TritonPythonModel:
    def initialize(self, args):
        parameters = json.loads(args["model_config"])["parameters"]

        def setting(name):  # the environment overrides config.pbtxt
            return os.environ.get(f"MAPPER_{name.upper()}", parameters[name]["string_value"])

        folder = Path(args["model_repository"], args["model_version"])
        self.engine = MapperEngine.load(
            folder,
            threads=int(setting("threads")) or usable_cores(),
            max_input_tokens=int(setting("max_input_tokens")),
            max_new_tokens=int(setting("max_new_tokens")),
            device=setting("device"),
        )
        self.cache = AnswerCache(int(setting("cache_entries")))
        self.cache.fill(read_answers(folder / ANSWERS, self.engine.confidence))
        self.metrics = Metrics(args["model_version"])

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
            answers = self.cache.answer(queries, self.compute)
            self.metrics.count(step_counts.cache_counts(answers))
            return [
                ModelAnswer(c.text, c.probability, c.confidence, CandidateStatus(c.status))
                for c in answers.candidates
            ]
        except Exception:
            traceback.print_exc()
            return [ModelAnswer("", 0.0, 0.0, CandidateStatus.ERROR)] * len(queries)

    def compute(self, queries):
        begun = time.monotonic()
        candidates = self.engine.answer(queries)
        self.metrics.batch(queries, candidates, time.monotonic() - begun)
        return candidates
