"""Envelopes: what stands inside is read on, and what they say themselves is a signal."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback.reading.declared import Declared, apply
from fallback.reading.formats import Format, load_envelopes
from fallback.reading.tree import Planter, Use, leaves
from tests.fallback.reading.examples import reader, said
from tests.support.steps import calls

ENVELOPES = load_envelopes()
#: Ways in which a service hands on the text of a guard.
AROUND = {
    "chat completion": lambda t: {
        "id": "c-1",
        "object": "chat.completion",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": t}, "finish_reason": "stop"}
        ],
        "usage": {"total_tokens": 9},
    },
    "anthropic message": lambda t: {
        "id": "m-1",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": t}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 9, "output_tokens": 4},
    },
    "gemini": lambda t: {
        "candidates": [
            {"content": {"role": "model", "parts": [{"text": t}]}, "finishReason": "STOP"}
        ]
    },
    "converse": lambda t: {
        "output": {"message": {"role": "assistant", "content": [{"text": t}]}},
        "stopReason": "end_turn",
    },
    "ollama": lambda t: {
        "model": "g",
        "created_at": "2026-01-01T00:00:00Z",
        "response": t,
        "done": True,
    },
    "tool result": lambda t: {"content": [{"type": "text", "text": t}], "isError": False},
    "http body": lambda t: {"status_code": 200, "headers": {"content-type": "x"}, "body": t},
    "generated text": lambda t: [{"generated_text": t}],
    "predictions": lambda t: {"predictions": [t]},
}
VERDICTS = [("unsafe\nS1,S10", {"S1", "S10"}), ("unsafe\nS9", {"S9"}), ("safe", "clean")]


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize(("verdict", "expected"), VERDICTS)
def test_a_guards_verdict_is_read_in_every_envelope(
    around: str, verdict: str, expected: object
) -> None:
    output = AROUND[around](verdict)
    reading = reader().read("llama-guard-3", str(output))
    assert said(reading) == expected
    assert reading.envelopes


@pytest.mark.parametrize("outer", AROUND)
@pytest.mark.parametrize("inner", ["chat completion", "http body", "tool result"])
def test_envelopes_stand_in_envelopes(outer: str, inner: str) -> None:
    output = AROUND[outer](repr(AROUND[inner]("unsafe\nS3")))
    assert said(reader().read("llama-guard-3", str(output))) == {"S3"}


def chat_chunk(text: str | None, reason: str | None = None) -> dict[str, object]:
    delta = {"content": text} if text else {}
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return {"id": "c-1", "object": "chat.completion.chunk", "choices": [choice]}


def ollama_chunk(text: str, done: bool) -> dict[str, object]:
    return {"model": "g", "created_at": "2026-01-01T00:00:00Z", "response": text, "done": done}


@pytest.mark.parametrize(
    "stream",
    [
        [*map(chat_chunk, ("un", "safe\nS", "10")), chat_chunk(None, "stop")],
        [ollama_chunk("unsa", False), ollama_chunk("fe\nS10", True)],
    ],
    ids=["chat", "ollama"],
)
@pytest.mark.parametrize("framed", [True, False], ids=["events", "lines"])
def test_the_pieces_of_a_stream_are_one_verdict(
    stream: list[dict[str, object]], framed: bool
) -> None:
    lines = [json.dumps(chunk) for chunk in stream]
    text = "".join(f"data: {x}\n\n" for x in lines) + "data: [DONE]\n\n"
    assert said(reader().read("llama-guard-3", text if framed else "\n".join(lines))) == {"S10"}


@pytest.mark.parametrize("envelope", ENVELOPES, ids=lambda e: e.name)
def test_an_example_leaves_nothing_unread(envelope: Format) -> None:
    for example in envelope.examples:
        node = Planter().plant(example.output)
        applied = apply(envelope, node)
        assert applied is not None, "not recognised"
        read_on = (*applied.contents, *applied.verdicts, *applied.errors)
        inside = [leaf for c in read_on for leaf in leaves(c)]
        open_ = [
            leaf.path
            for leaf in leaves(node)
            if leaf.use is Use.UNREAD
            and leaf.value not in (None, "")
            and not any(leaf is other for other in inside)
        ]
        assert open_ == []


def test_every_envelope_has_a_source_and_an_example() -> None:
    assert len(ENVELOPES) >= 40
    assert all(envelope.source and envelope.examples for envelope in ENVELOPES)


@pytest.mark.parametrize("envelope", [e for e in ENVELOPES if e.examples], ids=lambda e: e.name)
def test_work_grows_with_the_size_of_the_output(envelope: Format) -> None:
    """Twice the entries take no more than twice the steps, and a little."""
    outputs = [x.output for x in envelope.examples if not isinstance(x.output, str)]

    def steps(size: int) -> int:
        nodes = [Planter().plant(_widened(output, size)) for output in outputs]
        return calls(lambda: [apply(envelope, node) for node in nodes])

    assert steps(600) <= 2.2 * steps(300) + 1000


def _widened(value: object, times: int, depth: int = 0) -> object:
    """The value with its outermost list repeated, and the lists inside twice."""
    if isinstance(value, dict):
        return {key: _widened(inner, times, depth) for key, inner in value.items()}
    if isinstance(value, list):
        inner = [_widened(x, times, depth + 1) for x in value]
        return inner * (times if depth == 0 else 2)
    return value


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "message", "content", "error", "results", "type", "role", "code"]
            )
            | st.text(max_size=8),
            inner,
            max_size=4,
        )
    ),
    max_leaves=30,
)


@given(values)
def test_no_value_is_too_strange(value: object) -> None:
    Declared(None).read(Planter().plant(value))
