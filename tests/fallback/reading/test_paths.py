"""JMESPath on nodes: what the library selects in plain values, and never an error."""

import jmespath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jmespath.exceptions import JMESPathError

from fallback.reading.paths import Path
from fallback.reading.tree import Leaf, Planter, leaves, plain

EXPRESSIONS = [
    "a", "a.b", "a[0]", "a[-1].b", "a[1:]",
    "a[]", "a[].b", "a[][]", "*", "a.*", "a.*.b", "@",
    "a[*].b", "a[?b]", "a[?!b].c", "a[?b=='x'].c", "a[?b > `0`]", "a[?b <= c].b",
    "a || b", "a && b", "!a",
    "a == b", "a != `null`", "a == `true`", "a == `1`", "[a, b]", "{x: a, y: b.c}", "a | [0]",
    "[a, b][].c", "a[].[b, c][]", "keys(@)", "values(@)", "length(a)", "type(a)", "not_null(a, b)",
    "contains(keys(@), 'a')", "contains(a, 'x')", "starts_with(a, 'x')", "join(',', a)", "max(a)",
    "to_string(a)", "to_number(a)", "reverse(a)", "sort(a)", "sum(a)", "a[?type(b)=='string'].b",
    "(a || b).c", "a[?b && c]", "a[?contains(b, 'x')]", "to_array(a)", "merge(@, @)",
    "`[1, 2]`", "'x'",
]  # fmt: skip
scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "x", "xy"])
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=12,
)


def same(one: object, two: object) -> bool:
    """Equal without null entries of lists, which a node may have and a projection has not."""
    if isinstance(one, list) and isinstance(two, list):
        one, two = ([x for x in xs if x is not None] for xs in (one, two))
        return len(one) == len(two) and all(map(same, one, two))
    if isinstance(one, dict) and isinstance(two, dict):
        one, two = ({k: v for k, v in x.items() if v is not None} for x in (one, two))
        return one.keys() == two.keys() and all(same(one[k], two[k]) for k in one)
    return type(one) is type(two) and one == two


@pytest.mark.parametrize("expression", EXPRESSIONS)
@settings(max_examples=60, deadline=None)
@given(value=values)
def test_selects_what_the_library_selects(expression: str, value: object) -> None:
    found = Path(expression).find(Planter().plant(value))
    try:
        expected = jmespath.search(expression, value)
    except (JMESPathError, TypeError, KeyError):
        return
    assert same(None if found is None else plain(found), expected)


@pytest.mark.parametrize("expression", EXPRESSIONS)
@settings(max_examples=40, deadline=None)
@given(value=values)
def test_needs_are_needed(expression: str, value: object) -> None:
    path, node = Path(expression), Planter().plant(value)
    if not isinstance(node, Leaf) and path.true(node):
        assert path.may_hold(node)


def test_selected_leaves_have_their_place() -> None:
    node = Planter().plant({"r": [{"c": {"hate": True}}, {"c": {"self-harm": False}}]})
    selected = Path("r[].c").all(node)
    places = [leaf.path for one in selected for leaf in leaves(one)]
    assert places == ["r[0].c.hate", 'r[1].c["self-harm"]']


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("matchState", {"match_state": 1}),
        ("match_state", {"matchState": 1}),
        ("a.matchState", {"a": {"match_state": 1}}),
        ("matchState", {"matchState": 1, "match_state": 2}),
        ("user_id", {"userId": 1}),
    ],
)
def test_a_key_is_found_in_the_style_of_another_language(expression: str, value: object) -> None:
    path, node = Path(expression), Planter().plant(value)
    assert path.may_hold(node)
    assert path.find(node) == Leaf(1, "")


@pytest.mark.parametrize("key", ["Matchstate", "MatchState", "match-state", "matchstate"])
def test_other_keys_are_other_keys(key: str) -> None:
    assert Path("matchState").find(Planter().plant({key: 1})) is None


def test_a_computed_value_has_no_place() -> None:
    node = Planter().plant([{"d": "un"}, {"d": None}, {"d": "safe"}])
    assert Path("join('', [].d | [?@])").find(node) == Leaf("unsafe", "")


def test_one_entry_of_another_type_does_not_end_the_search() -> None:
    node = Planter().plant([{"n": 3}, {"n": "xy"}, {}])
    assert [plain(x) for x in Path("[?starts_with(n, 'x')]").all(node)] == [{"n": "xy"}]
