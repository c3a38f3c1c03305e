"""Findings of a declared format in the words of the detector's own vocabulary.

In: a finding and the detector's names. Out: the finding under its name in the vocabulary.
"""

from dataclasses import replace

from fallback.reading.finding import Finding
from fallback.reading.generic.record import decision_word
from fallback.reading.generic.roles import key_form
from fallback.reading.generic.vocabulary.names import Names
from fallback.reading.tree import Node


def known_part(finding: Finding, names: Names) -> Finding:
    """A finding with the known part of its name."""
    if names.own(finding.name) or not finding.hit:
        return finding
    if finding.general:
        return replace(finding, name=decision_word(finding.name, finding.name))
    return replace(finding, name=names.resolve(finding.name))


def own_pair(decision: Finding, node: Node, names: Names) -> Finding:
    """A decision under the own entry of its key and value: `{"is_safe": false}`."""
    key = decision.path.rpartition(".")[2]
    if not isinstance(node, dict) or key not in node or key_form(key) not in names.pairs:
        return decision
    if not decision.hit or names.own(decision.name):
        return decision
    return replace(decision, name=names.pair(key, node[key]) or decision.name)
