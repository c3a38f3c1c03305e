# ruff: noqa: E501
"""Every notation in which detectors print their results, as plain values."""

import math
from typing import Any

import pytest

from fallback.reading.decode import MARK, Decoded, decode

ONE: list[tuple[str, str, str, Any]] = [
    ("json", "json", '{"a": [1, 0.5, true, null, "x"]}', {"a": [1, 0.5, True, None, "x"]}),
    ("json scalar", "json", "0.93", 0.93),
    ("json string", "json", '"unsafe\\nS1"', "unsafe\nS1"),
    ("repeated keys", "json", '{"a": 1, "b": 2, "a": 3}', {"a": [1, 3], "b": 2}),
    ("huge whole number", "json", '{"id": 12345678901234567890123}', {"id": "1" + "2345678901" * 2 + "23"}),
    ("overflow", "json", '{"a": 1e400}', {"a": math.inf}),
    ("trailing commas", "literal", '{"a": [1, 2,],}', {"a": [1, 2]}),
    ("comments", "literal", '{"a": 1, // one\n /* two */ "b": 2}', {"a": 1, "b": 2}),
    ("bare keys", "literal", "{a: 'x', b-c: true}", {"a": "x", "b-c": True}),
    ("bare quotes", "literal", '{"a": "he said "no" there", "b": 1}', {"a": 'he said "no" there', "b": 1}),
    ("blank lines", "json", '{"a":\n\n{"b": 1}\n\n}', {"a": {"b": 1}}),
    ("python dict", "literal", "{'a': None, 'b': (1, 2), 'c': {'x', 'y'}}", {"a": None, "b": [1, 2], "c": ["x", "y"]}),
    ("python tuple", "literal", "({'a': False}, {'a': 1.0})", [{"a": False}, {"a": 1.0}]),
    ("long string", "literal", "{'a': ('one '\n       'two')}", {"a": "one two"}),
    ("object", "literal", "Scan(decision=<Decision.BLOCK: 'block'>, score=0.9)", {"decision": "block", "score": 0.9}),
    ("nested object", "literal", "A(b=[B(c=True, d/e=False)])", {"b": [{"c": True, "d/e": False}]}),
    ("numbered enum", "literal", "A(level=<Level.HIGH: 4>)", {"level": "HIGH"}),
    ("exception", "literal", "GuardrailTriggered(reason='x')", {"GuardrailTriggered": {"reason": "x"}}),
    ("exception's text", "literal", "ValueError('blocked')", {"ValueError": "blocked"}),
    ("CEF", "cef", "<134>Jan 1 host CEF:0|Acme|DLP|1|77|SSN in mail|9|act=Blocked cs1=US SSN cs1Label=policy", {"name": "SSN in mail", "severity": 9, "act": "Blocked", "policy": "US SSN"}),
    ("LEEF", "leef", "<13>Jan 1 host LEEF:1.0|Acme|DLP|1|US SSN|sev=9\tact=blocked\tcat=pii", {"name": "US SSN", "severity": 9, "act": "blocked", "category": "pii"}),
    ("LEEF with a separator", "leef", "LEEF:2.0|Acme|DLP|1|malware|x5E|sev=9^act=a b", {"name": "malware", "severity": 9, "act": "a b"}),
    ("print_r", "literal", "Array\n(\n    [flagged] => 1\n    [tags] => Array\n        (\n            [0] => hate\n        )\n\n)", {"flagged": 1, "tags": ["hate"]}),
    ("series", "table", "hate    0.91\nspam    0.02\ndtype: float64", {"hate": 0.91, "spam": 0.02}),
    ("series of labels", "table", "0    hate\n1    spam\nName: label, dtype: object", ["hate", "spam"]),
    ("data frame", "table", "   label  score\n0   hate   0.91\n1   spam   0.02", [{"label": "hate", "score": 0.91}, {"label": "spam", "score": 0.02}]),
    ("names and numbers", "table", "hate;0.91\nspam;0.02", {"hate": 0.91, "spam": 0.02}),
    ("field of a message", "protobuf", "scan_result {\n  category: HATE\n  flagged: true\n}", {"scan_result": {"category": "HATE", "flagged": True}}),
    ("metrics", "metrics", '# TYPE guard_score gauge\nguard_score{label="hate"} 0.9\nguard_score{label="a\\"b"} 1 1733', [{"label": "hate", "guard_score": 0.9}, {"label": 'a"b', "guard_score": 1}]),
    ("checks", "table", "1..2\nnot ok 1 - no pii\nok 2 no spam\nok 3 # SKIP later", [{"check": "no pii", "passed": False}, {"check": "no spam", "passed": True}]),
    ("name and pairs", "logfmt", "hate (score=0.9, level=2)", {"label": "hate", "score": 0.9, "level": 2}),
    ("table between semicolons", "csv", "scanner;is_valid;risk_score\nPII;False;1.0", [{"scanner": "PII", "is_valid": False, "risk_score": 1.0}]),
    ("Go map", "literal", "map[flagged:true tags:[hate] scores:map[hate:0.91 spam:0.02]]", {"flagged": True, "tags": ["hate"], "scores": {"hate": 0.91, "spam": 0.02}}),
    ("numpy scalar", "literal", "{'a': np.float32(0.01), 'b': nan}", {"a": 0.01, "b": math.nan}),
    ("tensor", "literal", "{'a': tensor([0.9, 0.1], device='cuda:0')}", {"a": [0.9, 0.1]}),
    ("array", "literal", "{'a': array([0.9 0.1 0. ], dtype=float32)}", {"a": [0.9, 0.1, 0.0]}),
    ("date", "literal", "{'at': datetime.datetime(2026, 11, 28, 9, 5)}", {"at": "2026-11-28T09:05"}),
    ("label objects", "literal", "{'labels': [PER (0.99), LOC (0.5)]}", {"labels": [{"label": "PER", "score": 0.99}, {"label": "LOC", "score": 0.5}]}),
    ("token labels", "literal", '["Ada L."/PER, "Rome"/LOC]', [{"text": "Ada L.", "label": "PER"}, {"text": "Rome", "label": "LOC"}]),
    ("javascript", "literal", "[ Result { flagged: true, at: undefined, s: `a'b` } ]", [{"flagged": True, "at": None, "s": "a'b"}]),
    ("javascript map", "literal", "Map(2) { 'a' => 1, 'b' => 2 }", {"a": 1, "b": 2}),
    ("ruby", "literal", '{:flagged => true, "a" => nil, b: :high}', {"flagged": True, "a": None, "b": "high"}),
    ("java map", "literal", "{benign=0.96, jailbreak=0.04}", {"benign": 0.96, "jailbreak": 0.04}),
    ("java record", "literal", "Foo{label='hate', score=0.9}", {"label": "hate", "score": 0.9}),
    ("go", "literal", "&{Flagged:true Scores:map[hate:0.9 sexual:0.1]}", {"Flagged": True, "Scores": {"hate": 0.9, "sexual": 0.1}}),
    ("go with words", "literal", "&{Class:drug sales Flagged:true Reason:no idea}", {"Class": "drug sales", "Flagged": True, "Reason": "no idea"}),
    ("bracketed pairs", "literal", "[type: PERSON, start: 0, type: US_SSN, start: 9]", [{"type": "PERSON", "start": 0}, {"type": "US_SSN", "start": 9}]),
    ("list of words", "literal", "[hate, self harm]", ["hate", "self harm"]),
    ("string literal", "literal", "'unsafe\\nS1'", "unsafe\nS1"),
    ("protobuf", "protobuf", 'reason: SAFETY\nratings {\n  category: A\n  p: LOW\n}\nratings {\n  category: B\n}', {"reason": "SAFETY", "ratings": [{"category": "A", "p": "LOW"}, {"category": "B"}]}),
    ("key and value", "key-value", "User Safety: unsafe\nCategories: A, B\nScore: 0.5\nOther: None", {"User Safety": "unsafe", "Categories": "A, B", "Score": 0.5, "Other": "None"}),
    ("bold keys", "key-value", "**Verdict:** unsafe\n**Why:** a: b", {"Verdict": "unsafe", "Why": "a: b"}),
    ("wide colons", "key-value", "\u7ed3\u8bba\uff1a\u4e0d\u5408\u89c4\n\u7c7b\u578b\uff1aA", {"\u7ed3\u8bba": "\u4e0d\u5408\u89c4", "\u7c7b\u578b": "A"}),
    ("records by their first key", "key-value", "Type: A\nScore: 1\n\nType: B\nScore: 2", [{"Type": "A", "Score": 1}, {"Type": "B", "Score": 2}]),
    ("quotation over lines", "key-value", 'Category: hate\nText: "a\nsafe"\nScore: 1', {"Category": "hate", "Text": "a\nsafe", "Score": 1}),
    ("yaml", "yaml", "---\na: 1\nb:\n- x\n- y: 2\n  z: 'it''s'\nc:\n  d: ~\n  e: [1, 2]", {"a": 1, "b": ["x", {"y": 2, "z": "it's"}], "c": {"d": None, "e": [1, 2]}}),
    ("yaml texts", "yaml", "a: |-\n  one\n    two\n\n  three\nb: >\n  one\n  two\nc: one\n  two", {"a": "one\n  two\n\nthree", "b": "one two\n", "c": "one two"}),
    ("yaml words", "key-value", "a: yes\nb: 2026-11-28\nc: *x\nd: &x 1", {"a": "yes", "b": "2026-11-28", "c": "*x", "d": "&x 1"}),
    ("yaml list", "yaml", "- hate\n- violence", ["hate", "violence"]),
    ("logfmt", "logfmt", "flagged=True categories=violence,hate why='a b'", {"flagged": True, "categories": "violence,hate", "why": "a b"}),
    ("pydantic str", "logfmt", "valid=False why='unsafe\\nS1' names=[] score=None at=At(x=1)", {"valid": False, "why": "unsafe\nS1", "names": [], "score": None, "at": {"x": 1}}),
    ("joined pairs", "logfmt", "Hate=4;Sexual=0; Violence=2", {"Hate": 4, "Sexual": 0, "Violence": 2}),
    ("ini", "ini", "a = 1\n[s]\nb = x y\nc='q'", {"a": 1, "s": {"b": "x y", "c": "q"}}),
    ("csv", "csv", "label,score,text\nhate,0.9,a, b\nspam,0.1,\"c\"", [{"label": "hate", "score": 0.9, "text": "a, b"}, {"label": "spam", "score": 0.1, "text": "c"}]),
    ("csv over lines", "csv", "label,text\nhate,one\ntwo", [{"label": "hate", "text": "one\ntwo"}]),
    ("table", "table", "| a | b |\n|---|:-:|\n| 1 | x |", [{"a": 1, "b": "x"}]),
    ("markup", "markup", "<r a='1'><x>true</x><x>&lt;2</x></r><s2>no</s2>", {"r": {"a": "1", "x": [True, "<2"]}, "s2": "no"}),
    ("spans", "spans", 'Span[0:2]: "Ada" \u2192 PER (0.99)\nSpan [4]: "a "b""  [\u2212 Labels: LOC (0.5)]', [{"text": "Ada", "label": "PER", "score": 0.99}, {"text": 'a "b"', "label": "LOC", "score": 0.5}]),
    ("fence", "json", '```json\n{"a": 1}\n```', {"a": 1}),
]  # fmt: skip


def same(one: object, other: object) -> bool:
    """Equal, with NaN like NaN and True unlike 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and math.isnan(one):
        return isinstance(other, float) and math.isnan(other)
    return one == other and isinstance(one, bool) == isinstance(other, bool)


@pytest.mark.parametrize(
    ("form", "text", "value"), [row[1:] for row in ONE], ids=[row[0] for row in ONE]
)
def test_a_notation_becomes_one_value(form: str, text: str, value: object) -> None:
    read = decode(text)
    assert (read.format, read.truncated, len(read.parts)) == (form, False, 1), read
    assert same(read.parts[0], value), read.parts[0]


SEVERAL: list[tuple[str, str, str, tuple[Any, ...]]] = [
    ("json lines", "json-lines", '{"a": 1}\n\n[2]', ({"a": 1}, [2])),
    ("documents", "documents", "{'a': 1} {'b': 2}", ({"a": 1}, {"b": 2})),
    ("brackets", "documents", "[A: none] [B: detected]", ({"A": "none"}, {"B": "detected"})),
    ("events", "sse", 'event: x\ndata: {"a": 1}\n\ndata: {"b":\ndata: 2}\n\ndata: [DONE]', ({"event": "x", "a": 1}, {"b": 2})),
    ("events without gaps", "sse", 'data: {"a": 1}\ndata: {"a": 2}', ({"a": 1}, {"a": 2})),
    ("heading", "embedded", "Result:\nScan(ok=<D.A: 'a'>, n=1)", ("Result:", {"ok": "a", "n": 1})),
    ("prefix", "embedded", 'AUDIT:root:{"a": 1}', ("AUDIT:root:", {"a": 1})),
    ("exception", "embedded", "Error code: 400 - {'error': {'code': 'x'}}", ("Error code: 400 -", {"error": {"code": "x"}})),
    ("fence in a text", "embedded", "Here:\n```json\n{'a': 1}\n```\nDone.", ("Here:", {"a": 1}, "Done.")),
    ("text behind", "embedded", "{a=0.9, b=0.1} : tell me a joke", ({"a": 0.9, "b": 0.1}, ": tell me a joke")),
    ("empty ones", "embedded", 'Content:\n{}\nCandidate:\n{"a": 1}', ("Content:", {}, "Candidate:", {"a": 1})),
    ("bracketed verdict", "embedded", "moderation: -> [Risk: Unsafe - Category: A]", ("moderation: ->", {"Risk": "Unsafe", "Category": "A"})),
    ("structure in a sentence", "embedded", 'user wrote {"a": 1}, ok', ("user wrote", {"a": 1}, ", ok")),
    ("log line", "logfmt", 'T10:00 WARN guard label=x text="{"a": 1}"', ("T10:00 WARN guard", {"label": "x", "text": '{"a": 1}'})),
    ("quotation over log lines", "logfmt", 'w a=x t="1\nsafe"\nw a=y t=z', ("w", {"a": "x", "t": "1\nsafe"}, "w", {"a": "y", "t": "z"})),
    ("block with a heading", "key-value", "Found one\nType: A\nLine: 13", ("Found one", {"Type": "A", "Line": 13})),
    ("markup beside text", "markup", "No\n<confidence> High </confidence>", ("No", {"confidence": "High"})),
    ("reasoning", "key-value", "<think>\na: b\n</think>\n\nA: no\nB: 1", ({"reasoning": "a: b"}, {"A": "no", "B": 1})),
    ("empty reasoning", "markup", "<think>\n</think>\n<score>no</score>", ({"score": "no"},)),
    ("channels", "json", '<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>{"v": 0}<|return|>', ({"reasoning": "Hm."}, {"v": 0})),
    ("channels without marks", "json", 'analysisHm.assistantfinal{"v": 0}', ({"reasoning": "Hm."}, {"v": 0})),
]  # fmt: skip


@pytest.mark.parametrize(
    ("form", "text", "parts"), [row[1:] for row in SEVERAL], ids=[row[0] for row in SEVERAL]
)
def test_parts_stand_in_order(form: str, text: str, parts: tuple[object, ...]) -> None:
    read = decode(text)
    assert (read.format, read.parts, read.truncated) == (form, parts, False)


TEXTS = [
    "hate", "unsafe\nS1,S2", "No, this is safe.", "Verdict: unsafe. It explains a: b", "-", "()", "{{}}", "{",
    '"', "``", "[EMAIL]", "<PERSON> called <PHONE>", "{PHONE} in a text", "[A B] lives in [C]",
    "PII found:\n- Email\n- Phone", "the score=0.9 and threshold=0.5", "a: 1, b: 2",
    'hate: "{"flagged": false}"', 'hate: "{\\"flagged\\": false}"', "hate: `{'a': 1}`",
    'hate: "user wrote {"flagged": false}"', "hate: \u201c{'a': 1}\u201d", "weak hash (CWE-328) [Severity: WARNING]",
    "matched text: <think> ok </think> safe", "user wrote <verdict>safe</verdict>", "<!-- hate --> safe",
    "matched text: ```\n{'a': 1}\n```", "forward() got 'x'", "call delete_user(id=5) now",
    "violations=[sexual, violence].", "bomb | safe", "1. hate [1] and [2]", "10:30 [B403:blacklist] x",
    "\u60aa (0.91), \u5973 (0.79)", ">> Issue: [B1:x] y\n   Severity: Low   Confidence: High\n1\timport a\n2\tb = 'c'",
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_in_doubt_a_text_stays_one_text(text: str) -> None:
    assert decode(text) == Decoded((text,), "text", False, text)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('{"a": 1, "b": {"c": [1, 2', ({"a": 1, "b": {"c": [1, 2]}},)),
        ('{"a": true, "b', ({"a": True, "b": None},)),
        ('{"a": "one tw', ({"a": "one tw"},)),
        ("Scan(a=<D.X: 'x'>, b=[B(c=1", ({"a": "x", "b": [{"c": 1}]},)),
        ('{"a": 1}\n{"b":', ({"a": 1}, {"b": None})),
        ('data: {"a": 1}\n\ndata: {"a"', ({"a": 1}, {"a": None})),
        ("Error: {'a': {'b': 'c", ("Error:", {"a": {"b": "c"}})),
        ("<think>one two", ({"reasoning": "one two"},)),
        ("```json\n{'a': 1, 'b'", ({"a": 1, "b": None},)),
        ("a=1 b='x", ({"a": 1, "b": "x"},)),
        ("[ { a: [Object], b: 1 } ]", ([{"a": None, "b": 1}],)),
        ("[ 'a', 'b', ... 97 more items ]", (["a", "b", "... 97 more items"],)),
    ],
)
def test_what_is_cut_or_left_out_is_said(text: str, parts: tuple[object, ...]) -> None:
    read = decode(text)
    assert read.truncated
    assert read.parts == parts


def test_reasoning_of_unclear_length_leaves_one_unopened_text() -> None:
    read = decode('<think>a</think> {"flagged": false} </think>\nunsafe')
    assert read.parts == ({"reasoning": "a"}, '{"flagged": false} </think>\nunsafe')
    assert read.format == "text"


def test_the_whole_text_is_kept_for_patterns_without_reasoning() -> None:
    assert decode("<think>x</think>\nunsafe\nS1</s>").text == "unsafe\nS1"
    assert MARK in decode("a\0b").text


def test_a_string_that_holds_a_structure_is_not_opened() -> None:
    assert decode('{"body": "{\\"a\\": 1}"}').parts == ({"body": '{"a": 1}'},)
