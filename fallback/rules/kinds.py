"""Infers the kind of a detector from its name.

In: a detector's name. Out: its kind. Independent of the vocabularies.
"""

from collections.abc import Mapping

from fallback.rules.normalise import normalise
from schemas.contract import Kind

_WORDS: Mapping[Kind, frozenset[str]] = {
    kind: frozenset(words.split())
    for kind, words in {
        Kind.PII: "pii phi privacy personal anonymizer deid deidentifier deidentification",
        Kind.SECRETS: "secret secrets credential credentials password passwords",
        Kind.TOXICITY: "toxicity toxic hate hateful harassment profanity offensive abuse nsfw",
        Kind.BIAS: "bias biases fairness stereotype stereotypes discrimination",
        Kind.INJECTION: "injection injections jailbreak jailbreaks",
        Kind.GROUNDING: "grounding groundedness grounded hallucination hallucinations faithfulness",
        Kind.AGENTS: "agentic",
    }.items()
}


def kind_of_name(detector_name: str) -> Kind | None:
    """The kind with a word in the name; None for no kind or for several."""
    words = set(normalise(detector_name).split())
    found = [kind for kind, own in _WORDS.items() if own & words]
    return found[0] if len(found) == 1 else None
