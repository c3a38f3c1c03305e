"""Shapes of particular tools, rewritten into plain ones that the walker reads.

In: a parsed value. Out: the same or a plainer value. A shape is recognised by its keys alone, so
that other tools which emit it are read too. To add one: a function and a place in `_SHAPES`.
"""

from collections.abc import Callable
from typing import Any

from schemas.text import normalise


def rewrite(value: Any) -> Any:
    """The value in plain form; the value itself when it has no special shape."""
    for shape in _SHAPES:
        if (plain := shape(value)) is not None:
            return plain
    return value


def _validity_pair(value: Any) -> Any:
    """`(text?, {scanner: valid}, {scanner: risk})` (LLM Guard): a scanner is valid without risk."""
    if not isinstance(value, list) or not 2 <= len(value) <= 3:
        return None
    valid, risk = value[-2:]
    if not (
        isinstance(valid, dict) and isinstance(risk, dict) and valid and valid.keys() == risk.keys()
    ):
        return None
    if not all(isinstance(v, bool) for v in valid.values()) or not all(
        map(_is_number, risk.values())
    ):
        return None
    if any(valid[name] and risk[name] > 0.5 for name in valid):
        return None
    return [
        {"name": name, "detected": not ok, "score": max(0.0, float(risk[name]))}
        for name, ok in valid.items()
    ]


def _parallel_lists(value: Any) -> Any:
    """`{labels: [..], scores: [..]}` (zero-shot pipelines)."""
    if not isinstance(value, dict):
        return None
    by_key = {normalise(k): v for k, v in value.items() if isinstance(v, list)}
    for names, scores in (
        ("labels", "scores"),
        ("categories", "scores"),
        ("classes", "scores"),
        ("labels", "probabilities"),
        ("labels", "confidences"),
    ):
        left, right = by_key.get(names), by_key.get(scores)
        if left and right and len(left) == len(right) and all(map(_is_number, right)):
            return [{"label": n, "score": s} for n, s in zip(left, right, strict=True)]
    return None


def _scored_pairs(value: Any) -> Any:
    """`[["hate", 0.93], ["spam", 0.1]]`, or one such pair."""
    if not isinstance(value, list) or not value:
        return None
    if _is_pair(value):
        return {"label": value[0], "score": value[1]}
    if all(_is_pair(item) for item in value):
        return [{"label": name, "score": score} for name, score in value]
    return None


def _policy_odds(value: Any) -> Any:
    """`{policy: "No Hate Speech", p_yes: 0.94}` (ShieldGemma): how surely it is broken."""
    if not isinstance(value, dict):
        return None
    keys = {normalise(k): k for k in value if isinstance(k, str)}
    policy = next((keys[k] for k in ("policy", "principle", "guideline") if k in keys), None)
    odds = next(
        (keys[k] for k in ("p yes", "score", "probability", "p violation") if k in keys), None
    )
    if policy is None or odds is None or not isinstance(value[policy], str):
        return None
    name = value[policy]
    if not name.casefold().startswith("no ") or not _is_number(value[odds]):
        return None
    return {"name": name[3:], "score": value[odds]}


def _passed_of_total(value: Any) -> Any:
    """`{detector, passed, total}` (garak's eval entries): less than all passed is a finding."""
    if not isinstance(value, dict) or not {"passed", "total"} <= value.keys():
        return None
    passed, total = value["passed"], value["total"]
    if isinstance(passed, bool) or not _is_number(passed) or not _is_number(total) or total <= 0:
        return None
    rest = {k: v for k, v in value.items() if k not in ("passed", "total", "probe", "entry_type")}
    return {**rest, "detected": passed < total}


def _nested_name(value: Any) -> Any:
    """`{infoType: {name}}`, `{detector: {name}}` (Cloud DLP, Nightfall): the name moves up."""
    if not isinstance(value, dict):
        return None
    moved = {}
    for key in ("infoType", "info_type", "detector", "category", "type", "rule", "entity"):
        inner = value.get(key)
        if isinstance(inner, dict):
            name = inner.get("name") or inner.get("displayName") or inner.get("label")
            if isinstance(name, str) and name:
                moved[key] = name
    return {**value, **moved} if moved else None


_SHAPES: tuple[Callable[[Any], Any], ...] = (
    _validity_pair, _parallel_lists, _scored_pairs, _policy_odds, _passed_of_total, _nested_name,
)  # fmt: skip


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_pair(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], str)
        and _is_number(value[1])
    )
