"""llama.cpp with a grammar made from the JSON schema, over the `xllamacpp` wheel.

`llama-cpp-python`, the better known binding of the same library, has no wheel on PyPI and would be
compiled on every machine that runs this.
"""

from collections.abc import Sequence
from pathlib import Path

import xllamacpp

from bench.contenders import Ask, Told
from bench.contenders.prompt import MAX_NEW_TOKENS, encoder, labels_in, prompt_ids, schema


class LlamaCpp:
    def __init__(self, gguf: Path, version: Path, threads: int) -> None:
        params = xllamacpp.CommonParams()
        params.model.path = str(gguf)
        params.n_ctx, params.n_parallel, params.verbosity = 1024, 1, -1
        params.cpuparams.n_threads = threads
        params.cpuparams_batch.n_threads = threads
        self._server = xllamacpp.Server(params)
        self._prompts = encoder(version)
        # This wheel uses llguidance, whose options are part of the schema.
        self._grammar = xllamacpp.json_schema_to_grammar(
            schema() | {"x-guidance": {"whitespace_flexible": False}}
        )

    def answer(self, asks: Sequence[Ask]) -> list[Told]:
        return [self._one(ask) for ask in asks]

    def _one(self, ask: Ask) -> Told:
        answer = self._server.handle_completions(
            {
                "prompt": prompt_ids(self._prompts, ask.detector, ask.signal),
                "grammar": self._grammar,
                "temperature": 0,
                "n_predict": MAX_NEW_TOKENS,
                "cache_prompt": True,
            }
        )
        if "choices" not in answer:
            raise RuntimeError(f"llama.cpp answers {answer}")
        return Told(labels_in(answer["choices"][0]["text"]), answer["usage"]["completion_tokens"])


def load(gguf: str, version: str, threads: int) -> LlamaCpp:
    return LlamaCpp(Path(gguf), Path(version), threads)
