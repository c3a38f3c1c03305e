"""Common parts of all readings of a piece of text: the names, and pairs read as an object.

In: text. Out: findings. The forms of a piece have a module each; `Pieces` tries them in order.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from fallback.reading.finding import Basis, Finding, across
from fallback.reading.generic.record import decision_word
from fallback.reading.generic.roles import Kind, Role, key_role
from fallback.reading.generic.texts import closed, cut
from fallback.reading.generic.texts.trim import tail_of, without_number
from fallback.reading.generic.vocabulary.counting import counts
from fallback.reading.generic.vocabulary.goals import forbidden
from fallback.reading.generic.vocabulary.goods import is_whole
from fallback.reading.generic.vocabulary.names import Names
from fallback.reading.judge import Outcome, as_number, judge_word
from fallback.reading.tree import Leaf, Node, Use
from schemas.text import normalise

ReadNode = Callable[[Node], list[Finding]]


class Base:
    """Reads labels and pairs for one output."""

    def __init__(self, names: Names, read: ReadNode) -> None:
        """read: the findings of an object."""
        self._names = names
        self._read = read

    def piece(self, text: str, depth: int = 0) -> list[Finding] | None:
        """The findings of a piece; None for a sentence."""
        raise NotImplementedError

    def record(self, pairs: Sequence[tuple[str, str]]) -> list[Finding]:
        """Pairs as an object, a new one if a key is repeated."""
        records: list[dict[str, str]] = [{}]
        for key, value in pairs:
            if key in records[-1]:
                records.append({})
            records[-1][key] = value
        # Equal ones once: a text may repeat a pair thousands of times.
        different = {tuple(record.items()): record for record in records}.values()
        read = [self._record(record) for record in different]
        return read[0] if len(read) == 1 else across(read)

    def _record(self, pairs: Mapping[str, str]) -> list[Finding]:
        scope: dict[str, Node] = {}
        for key, value in pairs.items():
            counted = counts(value)
            told = value if counted is None else "found" if counted else "none"
            scope[key] = Leaf(told, key)
        return [*self._read(scope), *_left_over(scope)]

    def is_failure(self, text: str) -> bool:
        """Whether a text is the tool's own failure, and not one of its words for a finding."""
        return closed.is_failure(text) and not self._names.own(text.partition(":")[0])

    def name(self, text: str, path: str = "") -> Finding:
        """A label by itself."""
        name = self._names.resolve(text)
        if self._names.clean(name):
            return Finding(name, False, None, Basis.PRESENCE, path, whole=True)
        return Finding(name, True, None, Basis.PRESENCE, path)

    def _whole(self, text: str) -> list[Finding] | None:
        """A piece that is one word of a closed list or of a vocabulary."""
        if self._names.own(text):
            if self._names.vague(text) and judge_word(text) is not None:
                return [Finding(text, True, None, Basis.DECISION)]
            return [self.name(text)]
        judged = judge_word(text) if len(text) > 1 else None
        if judged is not None and as_number(text) is None:
            if judged.outcome is Outcome.LOW:
                return [Finding(text, False, None, Basis.GRADE, low=True, whole=True)]
            if judged.outcome is Outcome.FAILED:
                return [Finding(text, None, None, Basis.DECISION, failed=True)]
            graded, tail = tail_of(text) if judged.score is not None else ("", "")
            if self._names.own(graded) and not self._names.clean(graded):
                return self.record([(graded, tail)])
            word = decision_word(text, graded or text)
            return [Finding(word, judged.hit, judged.score, Basis.DECISION)]
        last = judge_word(text.rpartition(" ")[2])
        told = last is not None and last.outcome is Outcome.CLEAN and is_whole(text)
        if told or closed.is_clean(text):
            return [Finding(text, False, None, Basis.DECISION)]
        if counts(text) and not self._names.own(without_number(text)):
            return [Finding(text, True, None, Basis.DECISION)]
        if self._names.known(text) and not opens_with_role(text):
            return [self.name(text)]
        if closed.whole(text) and self.is_failure(text):
            return [Finding(text, None, None, Basis.DECISION, failed=True)]
        number = as_number(text)
        if number is None or not 0 <= number <= 1 or text[:1] in "+-":
            return None
        return self._read({"score": Leaf(text, "")})

    def own_number(self, text: str) -> bool:
        """Whether a number is a word of the detector's vocabulary, such as a code."""
        return as_number(text) is not None and self._names.own(text)

    def judged_own(self, word: str, value: str) -> list[Finding]:
        """An own word with its judgement, also one that is a verdict elsewhere: `PASS: HIGH`."""
        if key_role(normalise(word), Kind.TEXT).role is not Role.CLEAR:
            return self.record([(word, value)])
        key = "severity" if as_number(value) is None else "score"
        return self._read({"label": Leaf(word, ""), key: Leaf(value, "")})

    def _is_role(self, key: str) -> bool:
        return key_role(normalise(key[:80]), Kind.TEXT).role is not Role.CATEGORY

    def labels_in(self, text: str) -> list[Finding]:
        """Whole segments of a text that are known names of something bad."""
        segments = [text]
        for sign in (": ", " -> ", " - ", "|", ";", ". ", ", ", '"', "\n"):
            segments = [p for s in segments[:200] for p in s.split(sign)]
        found = []
        for segment in segments[:60]:
            bare = segment.strip(" .,:;'\"!?[]()")
            if not 0 < len(bare) <= 80 or len(bare.split()) > 5 or not self._names.known(bare):
                continue
            if not self._names.clean(bare) and not self._names.general(bare):
                found.append(self.name(bare))
        return found


def _left_over(scope: dict[str, Node]) -> list[Finding]:
    """Numbers beside words that no reading uses: a count of something is not a clean verdict."""
    left = [
        (key, node)
        for key, node in scope.items()
        if isinstance(node, Leaf) and node.use is Use.UNREAD and judge_word(key) is None
    ]
    return [
        Finding(f"{key}: {node.value}", True, None, Basis.PRESENCE)
        for key, node in left
        if (number := as_number(str(node.value))) is not None and number > 0
    ]


def flagged(finding: Finding) -> Finding:
    """A name under a header of findings."""
    if finding.category and finding.basis is Basis.PRESENCE:
        return replace(finding, basis=Basis.FLAG)
    if (
        finding.whole
        and finding.basis is Basis.PRESENCE
        and forbidden(finding.name) != finding.name
    ):
        return Finding(forbidden(finding.name), True, None, Basis.FLAG, finding.path)
    return finding


def opens_with_role(text: str) -> bool:
    """Whether a text is a key with a value: `Category: hate` is not a name by itself."""
    pair = cut.keyed(text)
    if pair is None:
        return False
    if judge_word(pair[1]) is not None:
        return True
    role = key_role(normalise(pair[0]), Kind.TEXT).role
    return role in (Role.NAME, Role.BROAD, Role.NAMES, Role.DECISION, Role.ACTION, Role.SEVERITY)
