"""Raw outputs become signals: real shapes of real tools, variants of them, and anything at all."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fallback.rules.lookup import load_rules
from fallback.signal import Signal, Verdict
from fallback.signals import SignalReader
from fallback.signals.finding import MAX_NAME, MAX_SIGNALS
from schemas.requests import Metadata
from schemas.taxonomy import load_taxonomy

COMPOSITES = Path(__file__).parents[2] / "export" / "data" / "composites.jsonl"
ROWS = [json.loads(line) for line in COMPOSITES.read_text(encoding="utf-8").splitlines()]
RULES = load_rules()
READER = SignalReader(RULES)
TAXONOMY = load_taxonomy()
UNKNOWN = "some detector nobody curated"
NOTHING = (Signal("safe", flagged=False, verdict=Verdict.NOTHING_FOUND),)
SIZE = 64 * 1024


def read(output: str, detector: str = UNKNOWN, **hints: object) -> tuple[Signal, ...]:
    return READER.read(detector, output, Metadata(**hints))  # type: ignore[arg-type]


def labels(output: str, detector: str = UNKNOWN) -> set[str]:
    """What the rules alone make of an output."""
    found = [x for s in read(output, detector) for x in RULES.map(detector, s).labels]
    return set(TAXONOMY.combine(found))


def names(output: str, detector: str = UNKNOWN) -> set[str]:
    return {signal.name for signal in read(output, detector)}


def check(signals: tuple[Signal, ...]) -> None:
    """What holds for the signals of every output."""
    assert 1 <= len(signals) <= MAX_SIGNALS
    assert len({s.name for s in signals}) == len(signals)
    order = [(s.flagged is not True, -(s.score or 0)) for s in signals]
    assert order == sorted(order)
    for signal in signals:
        assert len(signal.name) <= MAX_NAME
        signal.name.encode("utf-8")
        assert signal.score is None or 0 <= signal.score <= 1
        assert signal.flagged is not False or signal.verdict is Verdict.NOTHING_FOUND
        if signal.verdict is not None:
            assert len(signals) == 1


# --- real outputs ---------------------------------------------------------------------------


def test_rules_alone_read_the_real_composites() -> None:
    wrong = [r for r in ROWS if labels(r["output"], r["detector"]) != set(r["gold"])]
    # The rest is prose and words that only the model knows.
    assert len(wrong) <= 0.08 * len(ROWS), [(r["detector"], r["output"]) for r in wrong]


def test_every_curated_word_is_one_signal_that_maps_as_curated() -> None:
    for detector in RULES.detectors.values():
        for word, gold in detector.maps.items():
            signals = read(word, detector.name)
            assert len(signals) == 1, (detector.name, word)
            assert RULES.map(detector.name, signals[0]).labels == gold, (detector.name, word)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["detector"])
def test_signals_of_real_outputs_are_well_formed(row: dict[str, str]) -> None:
    check(read(row["output"], row["detector"]))


def test_reads_an_openai_moderation_result_with_its_scores() -> None:
    result = {
        "flagged": True,
        "categories": {"hate": True, "hate/threatening": True, "violence": False},
        "category_scores": {"hate": 0.9, "hate/threatening": 0.95, "violence": 0.8},
    }
    signals = read(json.dumps({"id": "modr-1", "results": [result]}), "openai-moderation")
    assert signals == (Signal("hate/threatening", 0.95, True), Signal("hate", 0.9, True))


def test_severities_are_flagged_above_zero_and_normalised() -> None:
    output = {
        "blocklistsMatch": [],
        "categoriesAnalysis": [
            {"category": "Hate", "severity": 2},
            {"category": "Violence", "severity": 0},
        ],
    }
    (signal,) = read(json.dumps(output), "azure-content-safety")
    assert (signal.name, signal.flagged) == ("Hate", True)
    assert signal.score == pytest.approx(2 / 7)


def test_labels_after_an_unsafe_verdict_are_flagged() -> None:
    signals = read("<|start|>assistant<|end|>\n\nunsafe\nS1,S2", "llama-guard-3")
    assert signals == (
        Signal("S1", flagged=True, legend="Violent Crimes"),
        Signal("S2", flagged=True, legend="Non-Violent Crimes"),
    )


def test_a_curated_output_is_one_signal_judged_by_what_it_says() -> None:
    assert read("unsafe\nS10", "llama-guard-3") == (
        Signal("unsafe\nS10", flagged=True, legend="Hate"),
    )
    (signal,) = read('{"category": "Hate", "severity": 4}', "azure-content-safety")
    assert (signal.name, signal.flagged) == ('{"category": "Hate", "severity": 4}', True)


def test_a_quality_metric_is_a_finding_when_it_is_low() -> None:
    (signal,) = read('{"faithfulness": 0.2, "answer_relevancy": 0.9}', "ragas")
    assert (signal.name, signal.flagged, signal.score) == ("faithfulness", True, 0.8)


# --- shapes of any tool ---------------------------------------------------------------------

TOXIC, HATE, THREAT = "HARM.SPEECH.Toxicity", "HARM.SPEECH.Hate.Other", "HARM.SPEECH.Threat"
INSULT, VIOLENCE = "HARM.SPEECH.Insult", "HARM.VIOLENCE.Physical"
EMAIL, PHONE, SSN = "PII.Contact.Email", "PII.Contact.Phone", "PII.Identifier.SSN"
NAME, INJECTION, JAILBREAK = "PII.Person.Name", "PROMPT_INJECTION.Other", "JAILBREAK.Attempt"


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        # joins
        ("hate|threat", {HATE, THREAT}),
        ("toxic,severe_toxic,insult", {TOXIC, INSULT}),
        ("hate speech; threat", {HATE, THREAT}),
        ("hate and violence", {HATE, VIOLENCE}),
        ("- hate speech\n* threats\n1. insult", {HATE, THREAT, INSULT}),
        ("hate speech\nthreat", {HATE, THREAT}),
        # names with scores and grades
        ("hate: 0.93\nviolence: 0.10", {HATE}),
        ("hate: 93%, violence: 10%", {HATE}),
        ("hate=0.91; violence=0.2", {HATE}),
        ("hate 0.9 violence 0.1", {HATE}),
        ("toxic -> 0.98", {TOXIC}),
        ("score 0.93 toxic", {TOXIC}),
        ("EMAIL_ADDRESS(0.99), PERSON(0.85), URL(0.1)", {EMAIL, NAME}),
        ("Toxicity: High; Insult: Low; Threat: None", {TOXIC, INSULT}),
        ("hate: medium (4)", {HATE}),
        ("Hate (4/7), Violence (0/7)", {HATE}),
        ("EMAIL_ADDRESS: 2, PHONE_NUMBER: 0", {EMAIL}),
        ("hate=yes, violence=no", {HATE}),
        # headers, records, logs, tables
        ("Categories: hate, violence\nSeverity: high", {HATE, VIOLENCE}),
        ("Detected: prompt injection (0.97), jailbreak (0.12)", {INJECTION}),
        ("WARNING:root:PII found: ['EMAIL', 'PHONE']", {EMAIL, PHONE}),
        ("UNSAFE: violence, hate", {VIOLENCE, HATE}),
        ("Safety: Unsafe\nCategories: Violence, Hate\nRefusal: No", {VIOLENCE, HATE}),
        ("category: hate\nconfidence: 0.93", {HATE}),
        ("hate:\n  score: 0.93\nviolence:\n  score: 0.02", {HATE}),
        ("2025-01-01T00:00:00Z WARN guard category=hate score=0.93 took=12ms", {HATE}),
        ("ALERT prompt_injection severity=high src=1.2.3.4", {INJECTION}),
        ("[WARN] guard: toxic content detected (score=0.91)", {TOXIC}),
        ("label,score\nhate,0.93\nviolence,0.1", {HATE}),
        ("| Category | Score |\n|---|---|\n| Hate | 0.93 |\n| Violence | 0.1 |", {HATE}),
        ("<category>hate</category><score>0.91</score>", {HATE}),
        # sentences around known names
        ("Flagged for hate speech and threats", {HATE, THREAT}),
        ("The input was classified as jailbreak with confidence 0.97", {JAILBREAK}),
        ("My mail is <EMAIL_ADDRESS>, call [PHONE_NUMBER_1]", {EMAIL, PHONE}),
        ("not hate speech; contains threats", {THREAT}),
        # JSON and what looks like it
        ('["toxicity", "insult"]', {TOXIC, INSULT}),
        ('{"flagged": true, "category": "hate"}', {HATE}),
        ('{"verdict": "unsafe", "reasons": ["hate speech", "threat"]}', {HATE, THREAT}),
        ('{"hate": true, "violence": false}', {HATE}),
        ('{"hate": 0.9, "violence": 0.1}', {HATE}),
        ('{"hate": 91.2, "violence": 3.1}', {HATE}),
        ('{"hate": "HIGH", "violence": "none"}', {HATE}),
        ('{"is_toxic": true, "contains_pii": false}', {TOXIC}),
        ('{"toxicity_score": 0.91, "insult_score": 0.2}', {TOXIC}),
        ('{"nsfw": true, "nsfw_score": 0.98}', {"HARM.SEXUAL.Explicit"}),
        ('{"labels": ["toxicity", "insult"], "scores": [0.9, 0.1]}', {TOXIC}),
        ("[('hate', 0.93), ('violence', 0.1)]", {HATE}),
        ("{'hate': True, 'violence': False}", {HATE}),
        ('{"label": "hate", "score": 0.9}\n{"label": "insult", "score": 0.2}', {HATE}),
        ('```json\n{"hate": true}\n```', {HATE}),
        ('"{\\"hate\\": true}"', {HATE}),
        ('\ufeff{"hate": true}\x00', {HATE}),
        ('{"hate": true, "violence": fal', {HATE}),
        ('{"pii": {"detected": true, "types": ["email", "ssn"]}}', {EMAIL, SSN}),
        ('{"detections": {"EMAIL": 2, "US_SSN": 1, "PERSON": 0}}', {EMAIL, SSN}),
        ('{"entities": [{"type": "EMAIL", "value": "hate@x.org"}]}', {EMAIL}),
        ('[{"entity_type": "PHONE_NUMBER", "start": 1, "end": 9, "score": 0.4}]', {PHONE}),
        ('{"violation_type": "hate_speech.general", "risk_score": 0.9}', {HATE}),
        (
            '{"checks": {"jailbreak": {"verdict": "FAIL"}, "hate": {"verdict": "PASS"}}}',
            {JAILBREAK},
        ),
        ('{"rating": "Unsafe", "category": "O3: Threat", "rationale": "..."}', {THREAT}),
        ('{"action": "block", "reason": "hate speech"}', {HATE}),
        ('{"name": "Toxicity", "score": 0.9, "threshold": 0.95}', {"OTHER.Safe"}),
    ],
)
def test_reads_the_shapes_that_tools_emit(output: str, expected: set[str]) -> None:
    assert labels(output) == expected


def test_an_own_word_with_separators_is_not_split() -> None:
    assert names("hate/threatening", "openai-moderation") == {"hate/threatening"}
    assert names("Toxic, Death, Harm & Tragedy", "google-nl-moderate-text") == {
        "Toxic",
        "Death, Harm & Tragedy",
    }


def test_a_narrower_phrase_is_not_cut_down_to_a_known_broader_one() -> None:
    assert names("Sexual (aliens)") == {"Sexual (aliens)"}


def test_free_prose_is_one_signal() -> None:
    sentence = "The message demeans women and uses a sexist slur."
    assert read(sentence) == (Signal(sentence),)


def test_the_reason_beside_a_mere_action_is_the_signal() -> None:
    sentence = "It belittles people who live in that town."
    assert read(json.dumps({"action": "block", "reason": sentence})) == (
        Signal(sentence, flagged=True),
    )


def test_judged_text_is_never_a_signal() -> None:
    output = {"flagged": True, "category": "hate", "text": "violence", "prompt": "jailbreak"}
    assert names(json.dumps(output)) == {"hate"}


# --- codes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["LABEL_93", "category 7", "class_58", "rule 4471", "topic 11"])
def test_a_code_keeps_its_number(code: str) -> None:
    assert read(code) == (Signal(code),)


# --- nothing found, nothing said, failures --------------------------------------------------


@pytest.mark.parametrize(
    "output",
    [
        "[]",
        "{}",
        "false",
        "0",
        "none",
        "not harmful",
        "No issues found.",
        "Nothing suspicious was found.",
        "no PII, no toxicity, no injection",
        "No, the response does not violate the policy.",
        "The text contains no PII and is safe.",
        "hate: 0",
        "hate: 0.03",
        "PII: none; Toxicity: 0.01; Injection: false",
        "category: hate\nconfidence: 0.13",
        "Safety: Safe\nCategories: None",
        '{"flagged": false}',
        '{"flagged": false, "category": "hate"}',
        '{"flagged": false, "category_scores": {"hate": 0.6}}',
        '{"severity": 0}',
        '{"category": "hate", "severity": 0}',
        '{"hate": {"filtered": false, "severity": "safe"}}',
        '{"decision": "ALLOW", "categories": []}',
        '{"categories": ["none"]}',
        '{"is_safe": true, "unsafe_categories": []}',
        '{"matches": []}',
        '[{"label": "hate", "score": 0.1}]',
        '{"flagged": false, "categories": ["hate"]}',
        '{"name": "pii", "detected": false, "types": ["email"]}',
        '{"tripwire_triggered": false, "info": {"guardrail_name": "Jailbreak"}}',
    ],
)
def test_nothing_found(output: str) -> None:
    assert read(output) == NOTHING


@pytest.mark.parametrize(
    "output",
    ["non-toxic", "not toxic", "safe", '{"label": "nothate", "score": 0.9}', '{"safe": 0.99}'],
)
def test_names_of_what_is_good_never_become_harm(output: str) -> None:
    (signal,) = read(output)
    assert signal.flagged is not True
    assert labels(output) == {"OTHER.Safe"}


@pytest.mark.parametrize(
    "output",
    [
        "It claims that drinking bleach is safe.",
        "No one should trust those people.",
        "The answer was not found in the context.",
        "The prompt is not safe.",
        "Not safe for work",
        "No harm was meant, but it is a threat.",
        "Yes, the response contains no refusal.",
    ],
)
def test_sentences_that_only_sound_like_all_clear_are_not(output: str) -> None:
    assert all(s.verdict is None for s in read(output))


@pytest.mark.parametrize("output", ["", " \n\t", "null", "None", '""', '" "', "\ufeff", "\x00"])
def test_nothing_said(output: str) -> None:
    assert read(output) == (Signal("", verdict=Verdict.EMPTY),)


@pytest.mark.parametrize(
    "output",
    [
        "Error: timeout",
        "503 Service Unavailable",
        "HTTP 429 Too Many Requests",
        "Request timed out after 30s",
        'Traceback (most recent call last):\n  File "x.py", line 1\nValueError: bad',
        "CUDA out of memory",
        '{"error": "rate limit exceeded"}',
        '{"error": {"message": "The server had an error", "type": "server_error"}}',
        '{"status": "error", "message": "model overloaded"}',
        '{"statusCode": 429, "message": "Rate limit is exceeded."}',
        '{"executionState": "EXECUTION_SKIPPED"}',
    ],
)
def test_failures_of_the_detector(output: str) -> None:
    (signal,) = read(output)
    assert signal.verdict is Verdict.FAILURE


def test_an_error_that_carries_a_finding_is_no_failure() -> None:
    inner = {"content_filter_result": {"hate": {"filtered": True, "severity": "high"}}}
    output = {"error": {"code": "content_filter", "message": "was filtered", "innererror": inner}}
    assert labels(json.dumps(output)) == {HATE}


def test_an_object_in_which_nothing_is_understood_is_not_called_safe() -> None:
    for output in ('{"detail": "Not Found"}', '{"lang": "fr", "lang_allowed": false}'):
        assert read(output) == (Signal(output),)


@pytest.mark.parametrize("output", ["<b>hate</b>", "<P>hate</P>", "<strong>hate</strong><br/>"])
def test_markup_of_the_page_is_not_part_of_a_name(output: str) -> None:
    assert names(output) == {"hate"}


@pytest.mark.parametrize("output", ["<img src=x onerror=alert(1)>", "<p></p>", "<x>?</x>"])
def test_markup_without_a_finding_is_not_called_safe(output: str) -> None:
    assert read(output) != NOTHING
    assert labels(output) != {"OTHER.Safe"}


def test_sure_classes_win_and_unsure_ones_leave_the_top() -> None:
    assert read('{"hate": 0.4, "insult": 0.35, "nothate": 0.25}') == (Signal("hate", 0.4),)


# --- hints ----------------------------------------------------------------------------------


def test_contributing_vocabularies_count_as_known() -> None:
    signals = read("unsafe S2", contributing_detectors=("llama-guard-3",))
    assert signals == (Signal("S2", flagged=True),)


def test_normalised_scores_stand_in_for_the_outputs_own() -> None:
    signals = read("hate|threat", normalized_scores={"Threat": 0.7, "hate": 0.2})
    assert signals == (Signal("threat", 0.7), Signal("hate", 0.2))


def test_duplicates_are_one_signal_with_the_highest_score() -> None:
    assert read("hate: 0.7\nHATE: 0.9\nhate: 0.8") == (Signal("hate", 0.9, True),)


def test_many_names_are_capped_and_the_highest_stay() -> None:
    many = {f"label {i}": 0.5 + i / 2000 for i in range(900)}
    signals = read(json.dumps(many))
    assert len(signals) == MAX_SIGNALS
    assert signals[0].name == "label 899"


# --- anything -------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        *'[](){}<>"\'\\|,;:=%/#*-_.\n\t ',
        "hate", "S10", "0.93", "4", "true", "null", "no ", "not ", "unsafe", "safe", ": ", '":',
        '{"label":', '"score":0.9}', "<think>", "</think>", "<PERSON>", "Error: ", "label=", "é",
        "\ud800", "\x00", "\ufeff", "```", "<|x|>", "f(a=", "<X.Y: 'z'>", "PII detected: ", "\\u",
    ]
)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=300), st.lists(PIECES, max_size=60).map("".join))
DETECTORS = st.sampled_from([UNKNOWN, "llama-guard-3", "azure-content-safety", "ragas", ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.sampled_from(["label", "score", "hate", "flagged", "x", ""]), inner)
    ),
    max_leaves=20,
)
ANYTHING = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@ANYTHING
@given(DETECTORS, TEXTS)
def test_any_text_has_signals(detector: str, output: str) -> None:
    signals = read(output, detector)
    check(signals)
    assert read(output, detector) == signals


@ANYTHING
@given(DETECTORS, VALUES)
def test_any_value_has_signals(detector: str, value: object) -> None:
    check(read(json.dumps(value), detector))
    check(read(repr(value), detector))


@ANYTHING
@given(st.lists(st.sampled_from(["hate", "threat", "insult", "SSN"]), min_size=1))
def test_joining_twice_says_nothing_new(words: list[str]) -> None:
    once = read("|".join(words))
    assert {s.name for s in once} == set(words)
    assert read("|".join(words * 2)) == once


@pytest.mark.parametrize(
    "unit",
    [
        "[", "(", "{", '{"a":', "{'a':", '"', "'", "\\'", "a|", "a,", "9", ": ", "=", 'a="', "<",
        "</", "<a></a>", "<think></think>", "<|", "[A", "<PERSON>", " ", "\n", "a\n", "hate: 1, ",
        "x(", "f(a=", "<x.Y: '", "\x00", "\ud800", "no ", "aA", "S1,", "a (1), ", "[BLOCK] ", '"\\',
    ],
)  # fmt: skip
@pytest.mark.parametrize("detector", [UNKNOWN, "azure-content-safety"])
def test_64_kb_of_anything_are_read(unit: str, detector: str) -> None:
    check(read((unit * SIZE)[:SIZE], detector))


def test_deep_and_wide_values_are_read() -> None:
    check(read("[" * 30_000 + "]" * 30_000))
    check(read('{"a":' * 10_000 + "1" + "}" * 10_000))
    check(read(json.dumps({"categories": [f"a, b {i}" for i in range(4_000)]})))
    check(read(json.dumps([{"label": f"l{i}", "score": 0.9} for i in range(1_600)])))
