"""Caches of one detector's names, shared by all its outputs.

In: the rules and the detector's name. Out: bounded caches of look-ups, and own entries that are a
key with a value.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from fallback.reading.tree import Leaf, Node
from fallback.rules.catalog import Detector
from fallback.rules.lookup import RuleMapper
from schemas.text import normalise

_MAX_REMEMBERED = 4096


class Memory:
    """The caches of one detector's names, shared by all its outputs."""

    def __init__(self, rules: RuleMapper, detector: str, contributing: Sequence[str]) -> None:
        self.rules = rules
        self.name = detector
        self.contributing = tuple(contributing)
        self.detector = rules.resolve(detector)
        self.pairs = _pairs(self.detector)
        self.templates = _templates(self.detector)
        self.labels: dict[str, tuple[str, ...]] = {}
        self.own: dict[str, bool] = {}
        self.resolved: dict[str, str] = {}
        self.clean: dict[str, bool] = {}

    def trim(self) -> None:
        """Clear the caches if they are too large."""
        for memory in (self.labels, self.own, self.resolved, self.clean):
            if len(memory) > _MAX_REMEMBERED:
                memory.clear()


def _pairs(detector: Detector | None) -> frozenset[str]:
    """The keys, in their normal form, of entries that are a key with a value."""
    words = detector.maps if detector else ()
    heads = (word.partition(":")[0] for word in words if ":" in word)
    return frozenset(normalise(head.strip("{\"' ")) for head in heads)


def _templates(detector: Detector | None) -> list[tuple[str, str, Any]]:
    """Entries that are a JSON object with one key: the entry, its key, the value under it."""
    found: list[tuple[str, str, Any]] = []
    for word in detector.maps if detector else ():
        if word.startswith("{"):
            try:
                value = json.loads(word)
            except ValueError:
                continue
            if isinstance(value, dict) and len(value) == 1:
                found.extend((word, key, inner) for key, inner in value.items())
    return found


def fits(template: Any, node: Node) -> bool:
    """Whether a node has everything that a template has, at the same places."""
    if isinstance(template, Mapping):
        return isinstance(node, dict) and all(
            key in node and fits(inner, node[key]) for key, inner in template.items()
        )
    if isinstance(template, list):
        return isinstance(node, list) and all(any(fits(t, n) for n in node) for t in template)
    return isinstance(node, Leaf) and type(template) is type(node.value) and template == node.value
