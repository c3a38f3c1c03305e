"""The grammar of the candidate's JSON: all paths are texts, all texts are paths."""

import functools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from engine.decoder import candidate_text
from engine.prompt import PromptEncoder
from engine.text.grammar import Grammar
from schemas.event import MAX_CANDIDATE_LABELS, decoding_schema
from schemas.taxonomy import load_taxonomy
from tests.engine.engines import ENCODER
from tests.support import tiny_llama

SCHEMA = decoding_schema(load_taxonomy())


@pytest.fixture(scope="session", params=tiny_llama.TOKENIZERS)
def written(request: pytest.FixtureRequest) -> tuple[Grammar, PromptEncoder]:
    """A tokenizer's grammar of the decoding schema, and its prompts."""
    tokenizer = tiny_llama.TOKENIZERS[request.param]()
    encoder = PromptEncoder(tokenizer.to_str(), bos=None, max_input_tokens=128)
    size = tokenizer.get_vocab_size()
    return Grammar(SCHEMA, encoder.continuation_pieces, vocabulary=size), encoder


LISTS = st.lists(st.sampled_from(load_taxonomy().names), min_size=1, max_size=MAX_CANDIDATE_LABELS)


@pytest.mark.heavy
@settings(max_examples=300, deadline=None)
@given(labels=LISTS)
def test_the_tokenizers_own_encoding_is_a_path(
    written: tuple[Grammar, PromptEncoder], labels: list[str]
) -> None:
    grammar, encoder = written
    place = grammar.start
    ids = encoder.continuation_ids(candidate_text(labels))
    for token in ids:
        assert token in grammar.allowed(place)
        place = grammar.after(place, token)
    assert grammar.allowed(place).size == 0
    assert grammar.text(ids) == candidate_text(labels)
    assert tuple(grammar.tokens(labels)) == ids


@pytest.mark.heavy
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_every_path_is_the_tokenizers_own_encoding_of_a_valid_text(
    written: tuple[Grammar, PromptEncoder], data: st.DataObject
) -> None:
    grammar, encoder = written
    place, ids = grammar.start, []
    while (allowed := grammar.allowed(place)).size:
        ids.append(int(data.draw(st.sampled_from(allowed)) if allowed.size > 1 else allowed[0]))
        place = grammar.after(place, ids[-1])
    text = grammar.text(ids)
    assert Draft202012Validator(SCHEMA).is_valid(json.loads(text))
    assert text == candidate_text(json.loads(text)["taxonomy"])
    assert tuple(ids) == encoder.continuation_ids(text)


def test_there_are_as_many_paths_as_texts(written: tuple[Grammar, PromptEncoder]) -> None:
    grammar, _ = written

    @functools.cache
    def paths(place: int) -> int:
        following = [grammar.after(place, int(token)) for token in grammar.allowed(place)]
        return sum(map(paths, following)) if following else 1

    labels = len(load_taxonomy().names)
    assert paths(grammar.start) == sum(labels**n for n in range(1, MAX_CANDIDATE_LABELS + 1))


def test_a_tokenizer_that_changes_the_text_is_refused() -> None:
    with pytest.raises(ValueError, match="does not write"):
        Grammar(SCHEMA, lambda text: [(0, text.lower())], vocabulary=1)


def test_a_token_without_a_row_is_refused() -> None:
    with pytest.raises(ValueError, match="no row"):
        Grammar(SCHEMA, ENCODER.continuation_pieces, vocabulary=9)
