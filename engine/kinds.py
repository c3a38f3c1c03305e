"""The effect of a detector's kind on an answer.

In: a query with its detector's kind, or a version's training texts. Out: answers with more
probability for those of the kind; the ambiguous words, with another meaning in each kind; and for
these the query whose signal names the kind (`gender` of a PII tool is `PII gender`, of a bias
filter `gender bias`), which is read in the same pass.

The odds are the best on the out-of-fold rows. For other words than the ambiguous ones, naming the
kind made more answers wrong than right there.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from schemas.candidate import Query
from schemas.contract import Kind
from schemas.taxonomy import load_taxonomy

Shares = npt.NDArray[np.float64]

ODDS = 3.0
"""The prior odds of an answer of the kind against any other."""


@dataclass(frozen=True, slots=True)
class _KindWrap:
    """wrap: a signal with the kind, also in normal form; labels: prefixes of the kind's labels."""

    wrap: str
    labels: tuple[str, ...]

    def of(self, signal: str) -> str:
        return self.wrap.replace("{}", signal)


_KIND_WRAPS: Mapping[Kind, _KindWrap] = {
    Kind.PII: _KindWrap("PII {}", ("PII.",)),
    Kind.SECRETS: _KindWrap("{} secret", ("SECRET.",)),
    Kind.TOXICITY: _KindWrap("{} hate", ("HARM.",)),
    Kind.BIAS: _KindWrap("{} bias", ("BIAS.",)),
    Kind.INJECTION: _KindWrap("prompt injection {}", ("PROMPT_INJECTION.", "JAILBREAK.")),
    Kind.GROUNDING: _KindWrap(
        "answer {}", ("OTHER.Hallucination", "OTHER.FactualError", "OTHER.OffTopic")
    ),
    Kind.AGENTS: _KindWrap("agent {}", ("AGENT.",)),
}


def wrapped(query: Query, kind: Kind) -> Query:
    """The query whose signal names the kind."""
    return replace(query, signal=_KIND_WRAPS[kind].of(query.signal), draft=None, kind=None)


def is_of_kind(labels: Sequence[str], kind: Kind) -> bool:
    """Whether the most specific label of an answer belongs to the kind."""
    return labels[0].startswith(_KIND_WRAPS[kind].labels)


def geometric_mean(alone: Shares, with_kind: Shares) -> Shares:
    """The geometric mean of the shares of answers [n] to a signal alone and with its kind, so that
    an answer needs a share in both."""
    return _normalised(np.sqrt(alone * with_kind))


def with_kind_odds(shares: Shares, of_kind: npt.NDArray[np.bool_]) -> Shares:
    """The shares of answers [n], with the odds for those of the kind."""
    return _normalised(shares * np.where(of_kind, ODDS, 1.0))


def _normalised(weights: Shares) -> Shares:
    found: Shares = weights / weights.sum()
    return found


def ambiguous_words(texts: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """Words with a specific answer in two kinds or more: personal data for the word alone, or that
    of another kind if it is named (`gender`, `gender hate`, `gender bias`).

    texts: the training texts in normal form, and their answers.
    """
    general = load_taxonomy().families.keys()
    kinds: defaultdict[str, set[Kind]] = defaultdict(set)
    for text, labels in texts.items():
        kind = next((kind for kind in Kind if is_of_kind(labels, kind)), None)
        if kind is None or labels[0] in general:
            continue
        if kind is Kind.PII:
            kinds[text].add(kind)
        before, after = _KIND_WRAPS[kind].wrap.casefold().split("{}")
        if text.startswith(before) and text.endswith(after):
            kinds[text[len(before) : len(text) - len(after)]].add(kind)
    return frozenset(word for word, found in kinds.items() if word and len(found) > 1)
