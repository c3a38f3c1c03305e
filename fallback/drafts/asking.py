"""What a draft asks of a word, and what the answer says.

In: a word. Out: the output to map, and the `Opinion` that its decision and the rules make.
"""

import json
from typing import Any

from fallback.decision.decision import Decision
from fallback.drafts.entries import Opinion, Word
from fallback.rules.lookup import RuleAnswer
from schemas.contract import Source


def question(word: Word) -> str:
    """An output whose only name is the word, so that it is read whole; a code with its legend, as
    the model is shown it later."""
    return _output(f"{word.text}: {word.legend}" if word.legend else word.text)


def rule_question(word: Word) -> str:
    """The same for the rules, which know phrases: the legend alone."""
    return _output(word.legend or word.text)


def opinion(word: Word, rule: RuleAnswer, decision: Decision) -> Opinion:
    """decision: on `question`, at a threshold of 0, so that it is the model's, however unsure."""
    signal: dict[str, Any] = decision.signals[0]
    likely = tuple((tuple(one["labels"]), one["probability"]) for one in signal["likely"])
    by_model = signal["source"] == Source.MODEL
    if not likely:  # a version that writes text tells its answer alone
        likely = ((tuple(signal["labels"]), signal["confidence"]),)
    return Opinion(word, rule, signal["confidence"] if by_model else likely[0][1], likely)


def _output(name: str) -> str:
    return json.dumps({"label": name}, ensure_ascii=False)
