"""How judges and checks write their answers: in brackets, one a question, under what they deny."""

from typing import Any

import pytest
from said import said

ANSWERS: list[tuple[Any, list[str] | str]] = [
    ("Hate speech? No. Violence? Yes. Self-harm? No.", ["violence"]),
    ("Hate speech? No. Violence? No.", "clean"),
    ("[Answer] safe", "clean"),
    ("[Answer] unsafe", ["unsafe"]),
    ("Rating: [[safe]]", "clean"),
    ("Rating: [[unsafe]]", ["unsafe"]),
    ("[Verdict]: {unsafe}\n[Category]: {weapons}", ["weapons"]),
    ("Thought: nothing is wrong here.\nAnswer: safe", "clean"),
    ("Thought: it is a threat.\nMore of it.\n\nAnswer: unsafe", ["it is a threat"]),
    ("Step 1: read it. It is short.\nStep 2: no rule applies.\nVerdict: SAFE", "clean"),
    ("Reasoning: rude words.\nFinal answer: toxic", ["toxic"]),
    ('Analysis: the user wrote "hate\nAnswer: safe', "unread"),
    ({"thought": "nothing is wrong here", "answer": "safe"}, "clean"),
    ("The reply gives no details. Rating: [[safe]]", "clean"),
    ("The reply is rude. Rating: [[unsafe]]", ["the reply is rude"]),
    ("Rating: [[safe]]\nCategory: [[none]]", "clean"),
    ("User Safe", "unread"),
    ("benign (p=0.99)", "clean"),
    ("Contains mild profanity but nothing else of concern.", ["mild profanity"]),
    ("Hate 97 % · Violence 2 %", ["hate"]),
    ("97% jailbreak / 3% benign", ["jailbreak"]),
    ("User Safety: unsafe\nSafety Categ", ["safety categ"]),
    ("Blocked by the policy because it mentions illegal drugs.", ["illegal drugs"]),
    ("Absent: toxicity, threats, insults", "clean"),
    ("Detected: PII. Not detected: secrets, malware.", ["pii"]),
    ("Contains: hate speech. Does not contain: violence, sexual content", ["hate speech"]),
    ("Not detected: PII, secrets\nDetected: prompt injection", ["prompt injection"]),
    ("SFW (100%), NSFW (0%)", "clean"),
    ("Verdict: SAFE | Category: None | Confidence: 0.99", "clean"),
    ("Verdict: UNSAFE; Category: Violence; Confidence: 0.99", ["violence"]),
    ("Label: toxic | Score: 0.93", ["toxic"]),
    ("NSFW (80%), SFW (20%)", ["nsfw"]),
    ("There is nothing harmful in this message.", "clean"),
    ("- Full name: yes\n- Email: no\n- Passport number: yes", ["full name", "passport number"]),
    ("action=allow category=none score=0.04 user=u12", "clean"),
    ({"phishing": "certain", "malware": "impossible"}, ["phishing"]),
    ({"recommended_action": "keep", "harms": []}, "clean"),
    ({"detail": "Not authenticated"}, "failed"),
]
RECORDS: list[tuple[Any, list[str] | str]] = [
    # flags of the request, and of the run
    ({"blocked": True, "reasons": ["self_harm"], "cached": True, "async": True}, ["self harm"]),
    ({"flagged": True, "categories": {"hate": True}, "was_truncated": True}, ["hate"]),
    ({"toxic": True, "insult": True, "model_loaded": True}, ["insult", "toxic"]),
    # a check that did not run names nothing
    ([{"name": "toxicity", "status": "failed"}, {"name": "pii", "status": "skipped"}],
     ["toxicity"]),
    ([{"name": "hate", "value": False}, {"name": "violence", "value": True}], ["violence"]),
    ({"names": ["PERSON", "EMAIL"], "counts": [0, 2]}, ["email"]),
    ({"is_violation": True, "violated_rules": ["Rule 2: No harassment"]}, ["harassment"]),
    # how sure a tool is says nothing of the whole where something was judged
    ({"jailbreak_success": False, "violation_score": 0, "confidence": 0.99}, "clean"),
    # an explanation, and the reply to what was judged, are quoted
    ({"toxicity": 0.02, "reason": "A greeting."}, "clean"),
    ({"prompt": "hi", "response": "hello there", "toxicity": 0.02}, "clean"),
    ({"input": "hi there", "output": "unsafe", "score": 0.1}, "unread"),
    # a low score of a class that is missing something good clears nothing
    ({"score": 0.03, "label": "hallucinated"}, ["hallucinated"]),
    # something good that is missing is found as what is missing
    ({"grounded": False, "ungrounded_sentences": ["The tower is 5 m high."]}, ["ungrounded"]),
    ({"unsupported_claims": ["The tower is 5 m high."]}, ["unsupported claims"]),
    ({"relevant": False}, ["irrelevant"]),
    # a class of nothing found, and a judgement of all beside it; not one of the class
    ({"label": "safe", "flagged": False}, "clean"),
    ({"label": "safe", "detected": False}, "unread"),
    ({"name": "clean", "verdict": "clean", "severity": 0}, "clean"),
    # `ok` is of the run, where it does not judge a named check
    ({"status": "ok", "entities": [{"type": "EMAIL", "score": 0.99}]}, ["email"]),
    ({"ok": True, "findings": ["email"]}, ["email"]),
    ({"result": "OK", "categories": {"hate": 0.93}}, ["hate"]),
    ({"check": "hate", "status": "ok"}, "clean"),
    ({"hate": {"status": "ok"}, "spam": {"status": "ok"}}, "clean"),
    ({"status": "ok"}, "clean"),
    # what was evaluated is read where it was judged
    ({"rules_evaluated": [{"name": "pii", "result": "fail"}]}, ["pii"]),
    ({"taxonomy": [{"label": "hate", "detected": True}]}, ["hate"]),
    # the end of a scale holds for the scores inside
    ({"risk_score": 7, "max_score": 100, "categories": {"fraud": 5, "violence": 7}}, "clean"),
    ({"risk_score": 87, "max_score": 100, "categories": {"fraud": 87, "violence": 7}}, ["fraud"]),
    # keys with dots are objects in objects
    ({"guard.name": "jailbreak", "guard.passed": False}, ["jailbreak"]),
    ({"a.evaluation.name": "hate", "a.evaluation.score.value": 0.9}, ["hate"]),
    ({"check": "is_free_of_bias", "ok": False}, ["bias"]),
    # a score is of the one category beside it, of which a flag or the good says more
    ({"hate": False, "score": 0.92}, "clean"),
    ({"hate": False, "risk_score": 0.92}, ["risk score"]),
    ({"frobbed": False, "score": 0.92}, ["score"]),
    ({"consistent": True, "score": 0.92}, "clean"),
    ({"consistent": False, "score": 0.12}, ["ungrounded"]),
    # keys that end in an action or tell how sure the tool is
    ({"suggest_action": "reject", "categories": ["hate"]}, ["hate"]),
    ({"final_decision": "OK", "confidence_score_decision": 0.99}, "clean"),
    ({"policy": "no-medical-advice", "effect": "EFFECT_ALLOW"}, "clean"),
    ({"policy": {"name": "Prohibit Medical Advice"}, "outputs": {"action": "BLOCK"}},
     ["medical advice"]),
    # a known pattern that was found
    ({"pattern": "credit_card", "matches": ["4111"], "count": 1}, ["credit card"]),
    ({"pattern": "credit_card", "matches": [], "count": 0}, "clean"),
    # a failure explains a status that failed, and a domain names no finding
    ({"status": "failed", "error": {"type": "ModelTimeout", "message": "late"}}, "failed"),
    ({"type": "com.acme.guard.violation", "data": {"violation": "hate"}}, ["hate"]),
    # an attack that succeeded is a finding; `verdict: false` may be one on the check
    ({"attack": "base64", "success": True, "category": "malware"}, ["malware"]),
    ({"attack": "crescendo", "success": False}, "clean"),
    ({"name": "hate", "verdict": False, "data": {"score": 0.99}}, ["hate"]),
    ({"criterion": "harmlessness", "score": 5, "max_score": 5}, "clean"),
    ({"criterion": "harmlessness", "score": 1, "max_score": 5}, ["unsafe"]),
    # checks of an input are no text; a class `NEGATIVE` is of sentiment
    ({"checks": {"input": [{"name": "hate", "flagged": True}], "output": []}}, ["hate"]),
    ({"label": "NEGATIVE", "score": 0.98}, ["negative"]),
    ({"hate": "negative"}, "clean"),
    # an event, and the object that it is about
    ({"type": "moderation.completed", "data": {"object": {"status": "rejected",
      "labels": ["nudity"]}}}, ["nudity"]),
]  # fmt: skip
_SUITE = '<testsuite name="guardrails" tests="2"><testcase name="toxicity"/>{}</testsuite>'


@pytest.mark.parametrize(("output", "wanted"), [*ANSWERS, *RECORDS])
def test_an_answer_is_read(output: Any, wanted: list[str] | str) -> None:
    assert said(output) == wanted


def test_a_case_of_a_suite_passed_unless_a_failure_is_in_it() -> None:
    failed = '<testcase name="pii"><failure message="2 entities"/></testcase>'
    assert said(_SUITE.format('<testcase name="pii"/>')) == "clean"
    assert said(_SUITE.format(failed)) == ["pii"]


def test_masks_after_a_word_are_findings() -> None:
    assert {"name", "dob", "mrn"} <= set(said("Patient [[NAME]] born [[DOB]], MRN [[MRN]]."))


def test_a_key_is_no_sentence() -> None:
    assert said('The user said "all is well. Rating: safe') != "clean"
