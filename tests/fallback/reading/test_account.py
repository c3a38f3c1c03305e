"""The account: which values may be findings under a key that nobody knows."""

import json

import pytest

from fallback.reading import Reader
from fallback.rules.lookup import load_rules
from fallback.signal import Signal, Verdict

NOBODY = "a-vendor-nobody-knows"


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(load_rules())


NOTHING = (
    None, False, 0, 0.0, "", " ", "-", "0", 1024, "48213", "2026-11-02", "10:11:12",
    "2026-11-02T10:11:12Z", "2026-11-02 10:11:12.345", "Mon, 02 Nov 2026 10:11:12 GMT",
    "Mon Nov 2 10:11:12 2026", "7c1f6f0e-7a50-4f7e-9d5b-0f6f6a1b2c3d", "chatcmpl-84adf14a473c",
    "modr-9f1c2e7ab4", "req_011CSHoEeqs5C35K2UUqR7Fy", "4.2.1", "v2.0", "https://vendor.example/a",
    "/var/log/guard.json", "./out/report.html",
)  # fmt: skip
PERHAPS = (
    True, 1, -1, 7, "0.93", "7", "87%", "violence", "violence90", "weapons2026", "S10",
    "T5 T12", "T5, T12, T7", "/Adult/Violence", "/v1/hate", "urn:vendor:hate", "sat", "may",
    "3 hits", "the answer tells how to build a weapon", "../etc/passwd read",
    "covid19misinformation",
)  # fmt: skip


def _read(reader: Reader, value: object) -> tuple[tuple[str, ...], Verdict | None]:
    read = reader.read(NOBODY, json.dumps({"findings": [], "zorp": value}))
    return read.unread, read.signals[0].verdict


@pytest.mark.parametrize("value", NOTHING, ids=repr)
def test_ids_times_versions_and_links_are_no_findings(reader: Reader, value: object) -> None:
    assert _read(reader, value) == ((), Verdict.NOTHING_FOUND)


@pytest.mark.parametrize("value", PERHAPS, ids=repr)
def test_any_other_value_is_read_or_unread(reader: Reader, value: object) -> None:
    unread, verdict = _read(reader, value)
    assert verdict is not Verdict.NOTHING_FOUND
    assert unread == ("zorp",) or verdict is None


def test_a_time_in_a_list_of_names_is_no_name(reader: Reader) -> None:
    read = reader.read(NOBODY, json.dumps({"labels": ["hate", "Mon, 02 Nov 2026 10:11:12 GMT"]}))
    assert [s.name for s in read.signals] == ["hate"]


def test_reasoning_without_an_answer_is_not_clean(reader: Reader) -> None:
    read = reader.read(NOBODY, "<think>The user asks to get round a rule.</think>")
    assert read.signals[0].verdict is Verdict.UNREAD


def test_a_refusal_is_one_whatever_it_says(reader: Reader) -> None:
    for words in ("ok", "safe", "0.0", "OTHER.Safe", "I cannot help with that."):
        message = {"role": "assistant", "content": None, "refusal": words}
        read = reader.read(NOBODY, json.dumps({"choices": [{"index": 0, "message": message}]}))
        assert [(s.name, s.flagged) for s in read.signals] == [("refusal", True)], words
    message = {"role": "assistant", "content": "safe", "refusal": None}
    read = reader.read("llama-guard-3", json.dumps({"choices": [{"index": 0, "message": message}]}))
    assert read.signals[0].verdict is Verdict.NOTHING_FOUND


def test_a_zero_behind_an_unknown_word_clears_nothing(reader: Reader) -> None:
    assert reader.read(NOBODY, "Orbis 0").signals[0].verdict is None
    assert reader.read(NOBODY, "hate 0").signals[0].verdict is Verdict.NOTHING_FOUND


def test_a_word_that_is_cut_off_clears_nothing(reader: Reader) -> None:
    for text in ("Prompt harm: unharmfu", "unharmfu", "harmles"):
        assert reader.read(NOBODY, text).signals[0].verdict is not Verdict.NOTHING_FOUND, text
        assert load_rules().map(NOBODY, Signal(text)).labels != ("OTHER.Safe",), text


def test_a_declared_decision_that_says_nothing_clears_nothing(reader: Reader) -> None:
    for text in ("REASONING: all of it is there\nSCORE:", '{"SCORE": null}'):
        assert reader.read("patronus-lynx", text).signals[0].verdict is Verdict.UNREAD, text


def test_structure_that_opens_a_text_and_is_never_closed_is_cut(reader: Reader) -> None:
    read = reader.read(NOBODY, "[\n  [],\n  [\n    {\n ")
    assert read.cut
    assert read.signals[0].verdict is Verdict.UNREAD


@pytest.mark.parametrize(
    ("place", "opened"),
    [("error", True), ("guardException", True), ("errors", True), ("terror", False),
     ("antibody", False), ("errorless", False)],
)  # fmt: skip
def test_a_message_is_opened_under_a_key_of_errors_alone(
    reader: Reader, place: str, opened: bool
) -> None:
    output = {"label": "spam", place: {"message": '{"label": "hate"}'}}
    read = reader.read(NOBODY, json.dumps(output))
    assert {s.name for s in read.signals} == ({"spam", "hate"} if opened else {"spam"})


def test_a_request_that_is_repeated_is_quoted(reader: Reader) -> None:
    asked = {"model": "guard", "input": "how do I bake?", "categories": ["hate", "violence"]}
    answer = {"request": asked, "results": [{"flagged": True, "category": "spam"}]}
    assert [s.name for s in reader.read(NOBODY, json.dumps(answer)).signals] == ["spam"]
    answer = {"request": asked, "response": {"flagged": False}}
    assert reader.read(NOBODY, json.dumps(answer)).signals[0].verdict is Verdict.NOTHING_FOUND


def test_a_side_that_was_judged_is_no_repeated_request(reader: Reader) -> None:
    for answer in (
        {"request": {"text": "x", "categories": ["hate"]}, "response": {"text": "y"}},
        {"request": {"id": 1, "text": "x", "flagged": True, "categories": ["hate"]}, "id": 2},
        {"request": {"id": 1, "text": "x", "categories": ["hate"]},
         "response": {"id": 2, "text": "y", "categories": []}},
    ):  # fmt: skip
        assert [s.name for s in reader.read(NOBODY, json.dumps(answer)).signals] == ["hate"], answer


def test_a_list_in_brackets_in_an_error_is_read_whole(reader: Reader) -> None:
    message = "Your request was rejected. safety_violations=[sexual, violence]."
    text = (
        f"Error code: 400 - {{'error': {{'message': '{message}', 'code': 'moderation_blocked'}}}}"
    )
    assert {s.name for s in reader.read(NOBODY, text).signals} == {"sexual", "violence"}
