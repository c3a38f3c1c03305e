"""The curated rules for a detector whose family is unknown.

In: names of families to hide. Out: rules without them.
"""

from collections.abc import Collection

from fallback.rules.catalog import Detectors
from fallback.rules.lookup import RuleMapper, load_rules
from fallback.rules.normalise import detector_key
from schemas.taxonomy import load_taxonomy


def rules_without(families: Collection[str]) -> RuleMapper:
    """The curated rules without these families."""
    known = load_rules().detectors
    kept = {name: d for name, d in known.items() if d.family not in families}
    names = {detector_key(x): name for name, d in kept.items() for x in (name, *d.aliases)}
    return RuleMapper(Detectors(kept, names), load_taxonomy())
