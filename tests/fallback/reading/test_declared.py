"""What a declared format says of a value: recognition, decisions, findings, and marked leaves."""

import math

import pytest

from fallback.reading.declared import Applied, apply
from fallback.reading.finding import Basis
from fallback.reading.formats import Format
from fallback.reading.tree import Leaf, Node, Planter, Use, leaves

SOURCE = {"format": "answer", "source": "a vendor's reference, 2026"}


def form(**keys: object) -> Format:
    return Format.model_validate({**SOURCE, "when": "@", **keys})


def applied(output: object, **keys: object) -> tuple[Applied, Node]:
    node = Planter().plant(output)
    result = apply(form(**keys), node)
    assert result is not None
    return result, node


def hits(result: Applied) -> dict[str, bool | None]:
    return {f.name: f.hit for scope in result.scopes for f in scope.inside}


def uses(node: Node) -> dict[str, Use]:
    return {leaf.path: leaf.use for leaf in leaves(node)}


class TestRecognition:
    @pytest.mark.parametrize(
        ("when", "output", "taken"),
        [
            ("results[0].categories", {"results": [{"categories": {"hate": False}}]}, True),
            ("results[0].categories", {"results": []}, False),
            ("flagged", {"flagged": False}, False),
            (["flagged", "score"], {"flagged": False, "score": None}, True),
            (["flagged", "score"], {"flagged": False}, False),
            (["items[]"], {"items": []}, False),
            (["items"], {"items": []}, True),
            ("contains(keys(@), 'flagged')", {"flagged": False}, True),
            ("contains(keys(@), 'flagged')", ["flagged"], False),
            ("a == 'x' && b > `0.5`", {"a": "x", "b": 0.7}, True),
            ("a == `1`", {"a": True}, False),
            ("[?hit].name", [{"name": "x", "hit": False}], False),
            ("[?!hit].name", [{"name": "x", "hit": False}], True),
            ("starts_with(id, 'modr-')", {"id": "modr-1"}, True),
            ("type(detail) == 'string'", {"detail": "x"}, True),
            ("a.b.c", "a text", False),
        ],
    )
    def test_when(self, when: object, output: object, taken: bool) -> None:
        assert (apply(form(when=when), Planter().plant(output)) is not None) is taken

    def test_pattern_matches_whole_texts_only(self) -> None:
        keys = {"pattern": r"(?s)\s*(?P<decision>safe|unsafe)(?:\s+(?P<name>S\d+(?:,S\d+)*))?\s*"}
        verdict = Format.model_validate(
            {**SOURCE, **keys, "decision": "decision", "findings": [{"each": "name", "split": ","}]}
        )
        found = apply(verdict, Leaf("unsafe\nS1,S10", ""))
        assert found is not None
        assert hits(found) == {"S1": True, "S10": True}
        assert [d.name for d in found.scopes[0].decisions] == ["unsafe"]
        assert apply(verdict, Leaf("unsafe\nS1 because it is safe", "")) is None
        assert apply(verdict, Leaf("safe " * 20_000, "")) is None
        assert apply(verdict, Planter().plant({"a": "safe"})) is None

    def test_a_repeated_pattern_reads_every_match_or_the_text_is_another_format(self) -> None:
        keys = {"pattern": r"(?m)^type: (?P<name>\w+), score: (?P<score>[\d.]+)$", "repeat": True}
        findings = [{"each": "@", "name": "name", "score": "score"}]
        console = Format.model_validate({**SOURCE, **keys, "findings": findings})
        leaf = Leaf("2 results\ntype: EMAIL, score: 0.9\n--\ntype: PHONE, score: 0.1", "")
        found = apply(console, leaf)
        assert found is not None
        assert hits(found) == {"EMAIL": True, "PHONE": False}
        assert leaf.use is Use.SIGNAL
        assert apply(console, Leaf("nothing to see: type: EMAIL", "")) is None
        assert apply(console, Leaf("type: A, score: 1\n" * 2_100, "")) is None


class TestDecisions:
    @pytest.mark.parametrize(
        ("keys", "output", "expected"),
        [
            ({"decision": "flagged"}, {"flagged": True}, ("flagged", True)),
            ({"decision": "flagged"}, {"flagged": False}, ("flagged", False)),
            ({"passed": "is_valid"}, {"is_valid": True}, ("not valid", False)),
            ({"passed": "safe"}, {"safe": False}, ("unsafe", True)),
            ({"passed": "verdict"}, {"verdict": "pass"}, ("pass", False)),
            ({"passed": "ok"}, {"ok": "no"}, ("no", True)),
            ({"passed": "pass"}, {"pass": False}, ("check failed", True)),
            ({"passed": "[0]"}, [False], ("check failed", True)),
            ({"decision": "[0]"}, [True], ("flagged", True)),
            ({"decision": "verdict"}, {"verdict": "UNSAFE"}, ("UNSAFE", True)),
            ({"decision": "x", "words": {"found": ["K.O."]}}, {"x": "k.o."}, ("k.o.", True)),
        ],
    )
    def test_verdicts(
        self, keys: dict[str, object], output: object, expected: tuple[str, bool]
    ) -> None:
        result, node = applied(output, **keys)
        (decision,) = result.scopes[0].decisions
        if expected[1]:
            assert decision.name == expected[0]
        assert decision.hit is expected[1]
        assert decision.basis is Basis.DECISION
        assert set(uses(node).values()) == {Use.SIGNAL}

    def test_a_word_that_nobody_knows_stays_unread(self) -> None:
        result, node = applied({"verdict": "perhaps so"}, decision="verdict")
        assert result.scopes[0].decisions == ()
        assert uses(node) == {"verdict": Use.UNREAD}

    def test_a_value_under_failed_is_a_failure(self) -> None:
        result, _ = applied({"error": "no key", "warning": None}, failed=["error", "warning"])
        (failure,) = result.scopes[0].decisions
        assert (failure.name, failure.failed, failure.hit) == ("no key", True, None)

    def test_parts_are_judged_by_themselves(self) -> None:
        output = {"id": "x", "results": [{"flagged": True}, {"flagged": False, "model": "y"}]}
        result, node = applied(output, of="results[]", decision="flagged", ignored=["id", "model"])
        decisions = [[d.hit for d in scope.decisions] for scope in result.scopes]
        assert decisions == [[], [True], [False]]
        assert Use.UNREAD not in uses(node).values()

    def test_a_part_that_is_the_whole_has_the_decision(self) -> None:
        result, _ = applied({"flagged": True}, of="[@][]", decision="flagged")
        assert [[d.hit for d in scope.decisions] for scope in result.scopes] == [[True]]


class TestFindings:
    @pytest.mark.parametrize(
        ("extraction", "output", "expected"),
        [
            # a map: flags, words, scores, grades, objects, lists
            ({"each": "c"}, {"c": {"a": True, "b": False}}, {"a": True, "b": False}),
            (
                {"each": "c"},
                {"c": {"a": "yes", "b": "no", "d": None}},
                {"a": True, "b": False, "d": False},
            ),
            ({"each": "c"}, {"c": {"a": 0.7, "b": 0.2}}, {"a": True, "b": False}),
            ({"each": "c", "threshold": 0.8}, {"c": {"a": 0.7, "b": 0.9}}, {"a": False, "b": True}),
            ({"each": "c", "lower_is_worse": True}, {"c": {"a": 0.2}}, {"a": True}),
            ({"each": "c", "grade": "@"}, {"c": {"a": 4, "b": 0}}, {"a": True, "b": False}),
            ({"each": "c", "score": "@"}, {"c": {"a": 97, "b": 12}}, {"a": True, "b": False}),
            (
                {"each": "c", "flag": "on"},
                {"c": {"a": {"on": True}, "b": {"on": False}}},
                {"a": True, "b": False},
            ),
            (
                {"each": "c", "flag": "on", "score": "p"},
                {"c": {"a": {"on": False, "p": 0.9}}},
                {"a": False},
            ),
            (
                {"each": "c", "passed": "ok"},
                {"c": {"a": {"ok": True}, "b": {"ok": False}}},
                {"a": False, "b": True},
            ),
            ({"each": "c"}, {"c": {"a": ["12-3"], "b": []}}, {"a": True, "b": False}),
            ({"each": "c"}, {"c": {"a": [0.1, 0.9], "b": [0.1, 0.2]}}, {"a": True, "b": False}),
            # a list of objects
            ({"each": "f", "name": "t"}, {"f": [{"t": "x"}, {"t": "y"}]}, {"x": True, "y": True}),
            (
                {"each": "f[]", "name": ["t", "s"]},
                {"f": [{"t": "x", "s": "y"}]},
                {"x": True, "y": True},
            ),
            (
                {"each": "f", "name": "t", "grade": "g"},
                {"f": [{"t": "x", "g": "HIGH"}, {"t": "y", "g": "none"}]},
                {"x": True, "y": False},
            ),
            (
                {"each": "f", "name": "t", "score": "s", "threshold": "min"},
                {"f": [{"t": "x", "s": 0.6, "min": 0.7}]},
                {"x": False},
            ),
            (
                {"name": "t", "score": "s"},
                [{"t": "x", "s": 0.9}, {"t": "safe", "s": 0.1}],
                {"x": True},
            ),
            (
                {"name": "t", "score": "s"},
                [{"t": "x", "s": 0.1}, {"t": "safe", "s": 0.9}],
                {"x": False, "safe": False},
            ),
            # texts
            ({"each": "l"}, {"l": ["x", "y"]}, {"x": True, "y": True}),
            (
                {"each": "l", "score": "s"},
                {"l": ["x", "y"], "s": [0.9, 0.1]},
                {"x": True, "y": False},
            ),
            ({"each": "l", "split": ";"}, {"l": "x; y;"}, {"x": True, "y": True}),
            ({"each": "l"}, {"l": ["None"]}, {"None": False}),
            (
                {"each": "t", "find": "<(?P<name>.)>"},
                {"t": "a <B> b <C> <B>"},
                {"B": True, "C": True},
            ),
            (
                {"each": "t", "find": "PII: (?P<name>.+)", "split": ","},
                {"t": "PII: B,"},
                {"B": True},
            ),
            ({"each": "t", "find": "<(?P<name>.)>"}, {"t": "nothing masked"}, {}),
            # fixed names
            ({"as": "jailbreak", "flag": "u.hit"}, {"u": {"hit": True}}, {"jailbreak": True}),
            ({"as": "jailbreak", "flag": "u.hit"}, {"u": {}}, {}),
            ({"as": "jailbreak", "each": "u.hit"}, {"u": {"hit": False}}, {"jailbreak": False}),
            ({"as": "refusal", "each": "r"}, {"r": "I cannot do that."}, {"refusal": True}),
            ({"as": "refusal", "each": "r"}, {"r": None}, {}),
            ({"as": "url", "each": "urls"}, {"urls": [{"u": "http://x"}]}, {"url": True}),
        ],
    )
    def test_shapes(
        self, extraction: dict[str, object], output: object, expected: dict[str, bool]
    ) -> None:
        result, _ = applied(output, findings=[extraction])
        assert hits(result) == expected

    @pytest.mark.parametrize(
        ("scores", "expected"),
        [
            ([{"x": 0.4, "y": 0.35, "safe": 0.25}], {"x": True, "y": False}),
            ([{"x": 0.3, "safe": 0.4, "y": 0.3}], {"x": False, "y": False, "safe": False}),
            ([{"x": 0.9}, {"safe": 0.9, "y": 0.1}], {"x": True, "y": False, "safe": False}),
            ([{"x": 0.9, "safe": 0.8}], {"x": True, "safe": False}),
            ([{"x": 0.4}], {"x": False}),
        ],
    )
    def test_of_exclusive_classes_the_highest_counts(
        self, scores: list[dict[str, float]], expected: dict[str, bool]
    ) -> None:
        output = [[{"t": name, "s": x} for name, x in text.items()] for text in scores]
        keys = {"each": "@", "name": "t", "score": "s", "exclusive": True}
        result, _ = applied(output, findings=[keys])
        assert hits(result) == expected

    def test_scores_of_a_parallel_map(self) -> None:
        output = {"c": {"a": True, "b": False}, "s": {"a": 0.2, "b": 0.9}}
        result, node = applied(output, findings=[{"each": "c", "score": "s"}])
        assert hits(result) == {"a": True, "b": False}
        assert [f.score for f in result.scopes[0].inside] == [0.2, 0.9]
        assert Use.UNREAD not in uses(node).values()

    def test_what_no_path_takes_stays_unread(self) -> None:
        output = {"c": {"a": {"on": True, "new": 1}}, "text": "x", "id": "y", "other": 3}
        keys = {"findings": [{"each": "c", "flag": "on"}], "quoted": "text", "ignored": ["id"]}
        _, node = applied(output, **keys)
        assert uses(node) == {
            "c.a.on": Use.SIGNAL,
            "c.a.new": Use.UNREAD,
            "text": Use.QUOTED,
            "id": Use.BOOKKEEPING,
            "other": Use.UNREAD,
        }

    def test_a_grade_that_nobody_knows_keeps_the_name(self) -> None:
        output = [{"t": "x", "g": "extraordinary"}]
        result, node = applied(output, findings=[{"name": "t", "grade": "g"}])
        assert hits(result) == {"x": None}
        assert uses(node)["[0].g"] is Use.UNREAD

    def test_a_score_that_is_no_number_is_a_name_without_a_score(self) -> None:
        result, _ = applied([{"t": "x", "s": math.nan}], findings=[{"name": "t", "score": "s"}])
        assert [(f.hit, f.score) for f in result.scopes[0].inside] == [(True, None)]

    def test_contents_and_verdicts_are_left_to_be_read_on(self) -> None:
        output = {"a": ["x", None], "b": {"c": 1}}
        result, node = applied(output, contents=["a[]"], verdicts="b")
        assert [c.value for c in result.contents if isinstance(c, Leaf)] == ["x", None]
        assert result.verdicts == ({"c": Leaf(1, "b.c")},)
        assert set(uses(node).values()) == {Use.UNREAD}
