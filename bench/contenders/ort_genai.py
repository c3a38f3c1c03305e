"""ONNX Runtime GenAI with its guidance, forced tokens on, and a model of its own builder."""

import json
from collections.abc import Sequence
from pathlib import Path

import onnxruntime_genai as og

from bench.contenders import Ask, Told, UnavailableError
from bench.contenders.prompt import MAX_NEW_TOKENS, encoder, labels_in, prompt_ids, schema


class OrtGenai:
    def __init__(self, folder: Path, version: Path, threads: int) -> None:
        config = og.Config(str(folder))
        session = {"intra_op_num_threads": threads}
        config.overlay(json.dumps({"model": {"decoder": {"session_options": session}}}))
        self._model = og.Model(config)
        self._tokenizer = og.Tokenizer(self._model)
        self._prompts = encoder(version)
        # The engine uses llguidance, whose options are part of the schema.
        self._schema = json.dumps(schema() | {"x-guidance": {"whitespace_flexible": False}})

    def answer(self, asks: Sequence[Ask]) -> list[Told]:
        return [self._one(ask) for ask in asks]

    def _one(self, ask: Ask) -> Told:
        ids = prompt_ids(self._prompts, ask.detector, ask.signal)
        params = og.GeneratorParams(self._model)
        params.set_search_options(
            max_length=len(ids) + MAX_NEW_TOKENS, do_sample=False, batch_size=1
        )
        params.set_guidance("json_schema", self._schema, True)
        generator = og.Generator(self._model, params)
        generator.append_tokens(ids)
        steps = 0
        while not generator.is_done():
            generator.generate_next_token()
            steps += 1
        text = self._tokenizer.decode(generator.get_sequence(0)[len(ids) :])
        return Told(labels_in(text), steps)


def load(folder: str, version: str, threads: int) -> OrtGenai:
    """Raises UnavailableError when the installed wheel was built without guidance."""
    contender = OrtGenai(Path(folder), Path(version), threads)
    try:
        contender.answer([Ask("custom-guard", "hate")])
    except RuntimeError as error:
        if "guidance" in str(error).lower():
            raise UnavailableError(f"the wheel refuses guidance: {error}") from error
        raise
    return contender
