"""The query of a draft for a word, and the evaluation of its answer.

In: a word. Out: the output to map, and the `Opinion` from its decision and the rules.
"""

import json
from typing import Any

from fallback.decision.decision import Decision
from fallback.drafts.entries import Opinion, Word
from fallback.rules.lookup import RuleAnswer
from schemas.contract import Source


def question(word: Word) -> str:
    """An output with the word as its only name, so that the whole word is read; a code comes with
    its legend, as in later queries to the model."""
    return _output(f"{word.text}: {word.legend}" if word.legend else word.text)


def rule_question(word: Word) -> str:
    """The same for the rules, which match phrases: the legend alone."""
    return _output(word.legend or word.text)


def opinion(word: Word, rule: RuleAnswer, decision: Decision) -> Opinion:
    """decision: on `question`, at a threshold of 0, so that the model decides at any confidence."""
    signal: dict[str, Any] = decision.signals[0]
    likely = tuple((tuple(one["labels"]), one["probability"]) for one in signal["likely"])
    by_model = signal["source"] == Source.MODEL
    if not likely:  # a version that writes text has no list of likely answers
        likely = ((tuple(signal["labels"]), signal["confidence"]),)
    return Opinion(word, rule, signal["confidence"] if by_model else likely[0][1], likely)


def _output(name: str) -> str:
    return json.dumps({"label": name}, ensure_ascii=False)
