"""The reader as a whole: what a `Reading` holds, and what it never does."""

import json
import random
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fallback.reading import Reader
from fallback.rules.lookup import load_rules
from fallback.signal import MAX_NAME, How, Signal, Verdict
from schemas.requests import Metadata
from tests.support.steps import calls

NOBODY = "a-vendor-nobody-knows"
LIMIT = 65_536


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(load_rules())


def test_a_signal_can_be_stored_whatever_it_is_made_of() -> None:
    signal = Signal("a\x00b\ud800\x1bc\n" + "x" * 2 * MAX_NAME, float("nan"))
    assert signal.name.encode("utf-8").startswith("a\ufffdb\ufffd\ufffdc\n".encode())
    assert len(signal.name) == MAX_NAME
    assert signal.score is None
    assert [Signal("x", s).score for s in (7.0, -1.0, float("inf"), 0.3)] == [1.0, 0.0, None, 0.3]


def test_how_and_format(reader: Reader) -> None:
    assert reader.read(NOBODY, "hate").how is How.TEXT
    read = reader.read(NOBODY, '{"label": "hate"}')
    assert (read.how, read.format) == (How.GENERIC, "json")
    read = reader.read("openai-moderation", '{"flagged": false, "categories": {"hate": false}}')
    assert read.how is How.DECLARED


def test_an_entry_of_the_vocabulary_is_one_signal_as_it_is_written(reader: Reader) -> None:
    for detector in load_rules().detectors.values():
        for word in detector.maps:
            signals = reader.read(detector.name, word).signals
            rules = load_rules()
            assert len(signals) == 1, (detector.name, word)
            read = rules.map(detector.name, signals[0]).labels
            assert set(read) == set(detector.maps[word]), (detector.name, word)


def test_unread_paths_are_named_and_make_it_no_clean_answer(reader: Reader) -> None:
    read = reader.read(NOBODY, json.dumps({"results": [], "extra": {"mood": "gloomy indeed"}}))
    assert read.unread == ("extra.mood",)
    assert read.signals[0].verdict is Verdict.UNREAD


def test_unread_parts_do_not_hide_a_finding(reader: Reader) -> None:
    read = reader.read(NOBODY, json.dumps({"label": "hate", "extra": "gloomy indeed"}))
    assert [s.name for s in read.signals] == ["hate"]
    assert read.unread == ("extra",)


def test_a_text_that_ends_within_its_structure_is_not_clean(reader: Reader) -> None:
    read = reader.read(NOBODY, '{"violations": [], "results": [{"name": "a", "score": 0.')
    assert read.cut
    assert read.signals[0].verdict is not Verdict.NOTHING_FOUND


def test_flagged_means_that_the_output_says_so(reader: Reader) -> None:
    def flagged(output: object) -> bool | None:
        return reader.read(NOBODY, json.dumps(output)).signals[0].flagged

    assert flagged({"label": "hate"}) is None
    assert flagged({"label": "hate", "score": 0.9})
    assert flagged({"hate": True})
    assert flagged({"verdict": "unsafe", "labels": ["hate"]})
    assert flagged({"flagged": False}) is False


def test_hints_give_scores_and_vocabularies(reader: Reader) -> None:
    hints = Metadata(("llama-guard-3",), {"hate": 0.25})
    assert reader.read(NOBODY, "hate", hints).signals[0].score == 0.25
    assert [s.name for s in reader.read(NOBODY, "unsafe\nS1, S2", hints).signals] == ["S1", "S2"]


def test_codes_come_with_the_words_of_their_vendor(reader: Reader) -> None:
    assert reader.read("llama-guard-3", "unsafe\nS10").signals[0].legend


def test_the_same_output_is_read_the_same_whatever_was_read_before(reader: Reader) -> None:
    outputs = [
        "hate",
        '{"label": "hate/threatening"}',
        "unsafe\nS1",
        "no issues found",
        "spam; hate",
    ]
    fresh = [Reader(load_rules()).read(NOBODY, output) for output in outputs]
    shuffled = list(zip(outputs, fresh, strict=True)) * 3
    random.Random(1).shuffle(shuffled)
    assert all(reader.read(NOBODY, output) == expected for output, expected in shuffled)


_scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
    st.sampled_from(["safe", "unsafe", "hate", "high", "no", "<PERSON>", '{"flagged": false}']),
)  # fmt: skip
_keys = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["label", "score", "flagged", "results", "categories", "reason", "error"]),
)  # fmt: skip
_values = st.recursive(
    _scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(_keys, inner, max_size=5)),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(output=_values)
def test_it_never_raises_on_any_value(reader: Reader, output: object) -> None:
    read = reader.read(NOBODY, json.dumps(output))
    assert read.signals
    assert all(s.name.isprintable() or "\n" in s.name or "\t" in s.name for s in read.signals)


@settings(max_examples=300, deadline=None)
@given(output=st.text(alphabet=st.characters(codec=None), max_size=300))
def test_it_never_raises_on_any_text(reader: Reader, output: str) -> None:
    read = reader.read(NOBODY, output)
    assert read.signals
    json.dumps([s.name for s in read.signals], ensure_ascii=False).encode()


_PIECES = [
    "[ab] ", "hate", "violence: 0.9", "safe", "; ", "|", " - ", ": ", "\n", "=", "(", "]", "{", '"',
    "0.93", "87%", "_", "label=", 'text="', "unsafe\n", "S1,", "detected ", "Found ", "no ", "not ",
    "matched text: ", "x" * 40, "{'a':1}", "[1,2]", "<PERSON>", "key: value\n", "- item\n", "**",
    "</",     "Error: ", "1. ", "data: {}\n\n", "[label: x, score: 0.5]\n", " " * 40, "(" * 40,
]  # fmt: skip


def _long_texts() -> list[str]:
    chosen = random.Random(7)
    units = ["".join(chosen.choices(_PIECES, k=chosen.randint(1, 5))) for _ in range(40)]
    texts = [(unit * (LIMIT // len(unit) + 1))[:LIMIT] for unit in units]
    structures: list[object] = [
        {f"category_{i} name": 0.9 for i in range(2200)},
        [{"label": f"lab {i} x", "score": 0.9} for i in range(1500)],
        {"labels": [f"word{i} other{i}" for i in range(3000)]},
        {f"k{i}": {"flagged": True, "severity": "high"} for i in range(1500)},
        [json.dumps({"label": f"x{i}"}) for i in range(2500)],
        [{"entity": f"T_{i}", "start": i, "end": i, "score": 0.7} for i in range(900)],
    ]
    lines = ["\n".join(f"label{i} thing: {i % 2}" for i in range(3000))]
    lines.append("|".join(f"label{i} thing" for i in range(4000)))
    lines.append("\n".join(json.dumps({"label": f"x{i}", "score": 0.9}) for i in range(1800)))
    deep = ['{"flagged":false,"a":' * 2500 + "1" + "}" * 2500, "[" * 30000]
    return texts + [json.dumps(s) for s in structures] + lines + deep


# Steps that reading the longest output may take; the worst of these texts takes 980,000 of them.
STEPS = 1_050_000


@pytest.mark.parametrize("index", range(len(_long_texts())))
def test_a_long_output_is_read_within_bounds(reader: Reader, index: int) -> None:
    text = _long_texts()[index]
    assert reader.read(NOBODY, text).signals
    assert calls(lambda: reader.read(NOBODY, text)) < STEPS


# Numbered entries in every notation and structure: {} stands for the number.
ENTRIES: dict[str, tuple[str, str, str, str]] = {
    "list of names": ('["', "name {}", '", "', '"]'),
    "list of pairs": ("[", '["name {}", 0.9]', ", ", "]"),
    "lists of pairs": ("[", '[["name {}", 0.9]]', ", ", "]"),
    "map to numbers": ("{", '"name {}": 0.9', ", ", "}"),
    "map to texts": ("{", '"name {}": "word {}"', ", ", "}"),
    "map to objects": ("{", '"name {}": {{"score": 0.9}}', ", ", "}"),
    "map to nothing": ("{", '"name {}": null', ", ", "}"),
    "findings": ('{"results": [', '{{"label": "name {}", "flagged": true}}', ", ", "]}"),
    "choices": ('{"choices": [', '{{"message": {{"content": "unsafe S{}"}}}}', ", ", "]}"),
    "texts with structure": ("{", '"name {}": "{{\\"a\\": {}}}"', ", ", "}"),
    "numbers": ("[", "{}", ", ", "]"),
    "JSON lines": ("", '{{"label": "name {}", "score": 0.9}}', "\n", ""),
    "YAML": ("", "- label: name {}\n  score: 0.9", "\n", ""),
    "lines": ("", "name {}: 0.9", "\n", ""),
    "labels": ("", "name {}", "; ", ""),
    "logfmt": ("", "level=info label=name{} score=0.9", "\n", ""),
    "log lines": ("", "2026-11-28T10:00:00Z INFO guard: name {}", "\n", ""),
    "table": ("| label | score |\n|---|---|\n", "| name {} | 0.9 |", "\n", ""),
    "CSV": ("label,score\n", "name {},0.9", "\n", ""),
    "elements": ("<r>", "<label>name {}</label>", "", "</r>"),
    "events": ("", 'data: {{"choices": [{{"delta": {{"content": "a{}"}}}}]}}\n\n', "", ""),
    "repr": ("[", "Hit(name='name {}', score=0.9)", ", ", "]"),
    "sentences": ("", "The text number {} is hateful.", " ", ""),
    "nested": ("", '{{"a{}":', "", "1"),
}


def _filled(kind: str, size: int) -> str:
    before, entry, between, after = ENTRIES[kind]
    entries: list[str] = []
    length = 0
    while length < size:
        number = len(entries)
        entries.append(entry.format(number, number))
        length += len(entries[-1]) + len(between)
    return before + between.join(entries) + after


@pytest.mark.parametrize("kind", ENTRIES)
def test_twice_as_many_entries_take_at_most_twice_the_steps(reader: Reader, kind: str) -> None:
    steps = []
    for size in (LIMIT // 16, LIMIT // 8, LIMIT // 4, LIMIT // 2, LIMIT):
        text = _filled(kind, size)
        reader.read(NOBODY, text)
        steps.append(calls(lambda text=text: reader.read(NOBODY, text)))  # type: ignore[misc]
    assert steps[-1] < STEPS
    assert all(b <= 2.5 * a + 20_000 for a, b in pairwise(steps)), steps


@pytest.mark.parametrize(
    ("before", "unit", "after"),
    [
        ("hate", " ", "x"), ("PASS", " ", ""), ("", "[ab] ", " " * 25_000), ("", "(", "x"),
        ("hate", "{", "x"), ("hate", "a=1 ", "x"), ("", "[", ""), ("", "\t", "1"), ("ok", ".", "x"),
        ("", "[x] ", ""), ("", "::error ", "::"), ("", "1) a? ", ""), ("hate", "- ", "1"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [LIMIT // 4, LIMIT])
def test_runs_of_one_piece_take_no_time_of_note(
    reader: Reader, size: int, before: str, unit: str, after: str
) -> None:
    """Steps are calls, which a regular expression does not make: here the processor's time counts.
    The bound is far above the usual 0.03 s, and far below the seconds of quadratic work."""
    text = (before + unit * (size // len(unit)))[: LIMIT - len(after)] + after
    reader.read(NOBODY, "warm up")
    begun = time.thread_time()
    reader.read(NOBODY, text)
    assert time.thread_time() - begun < 0.8


def test_the_first_output_of_a_detector_takes_little_more_than_the_next(reader: Reader) -> None:
    """The event loop reads it. A detector's names must not be prepared once per envelope."""
    detectors = load_rules().detectors.values()
    most_names = max(detectors, key=lambda detector: len(detector.maps))
    new = Reader(load_rules())
    first = calls(lambda: new.read(most_names.name, "hate"))
    again = calls(lambda: new.read(most_names.name, "hate"))
    assert first - again < 50 * len(most_names.maps)


def test_texts_of_any_pieces_take_steps_in_proportion(reader: Reader) -> None:
    chosen = random.Random(11)
    for _ in range(60):
        unit = "".join(chosen.choices(_PIECES, k=chosen.randint(1, 6)))
        steps = []
        for size in (2_000, 4_000, 8_000):
            text = (unit * (size // len(unit) + 1))[:size]
            reader.read(NOBODY, text)
            steps.append(calls(lambda text=text: reader.read(NOBODY, text)))  # type: ignore[misc]
        assert all(b <= 2.5 * a + 20_000 for a, b in pairwise(steps)), unit


def test_a_series_of_numbers_is_its_least_and_highest(reader: Reader) -> None:
    scores = [0.01] * 3000 + [0.97] + [n / 100_000 for n in range(3000)]
    read = reader.read(NOBODY, json.dumps({"toxicity": scores}))
    assert [(s.name, s.score) for s in read.signals] == [("toxicity", 0.97)]
    assert not read.cut


def test_a_long_stream_is_recognised_by_its_beginning(reader: Reader) -> None:
    pieces = [*"unsafe\nS1"] + [""] * 300
    chunks = [
        {
            "id": "c",
            "object": "chat.completion.chunk",
            "choices": [{"index": 0, "delta": {"content": p}}],
        }
        for p in pieces
    ]
    text = "".join(f"data: {json.dumps(c)}\n\n" for c in chunks)
    assert [s.name for s in reader.read("llama-guard-3", text).signals] == ["S1"]


def test_what_is_beyond_a_bound_is_said(reader: Reader) -> None:
    names = ", ".join(f"invented label {i}" for i in range(3000))
    read = reader.read(NOBODY, names)
    assert read.cut
    assert read.signals[0].verdict is not Verdict.NOTHING_FOUND
