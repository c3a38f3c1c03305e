"""The inputs for timing engines and layers: labels of detectors without curation.

In: a seed. Out: different signals, one label each, spelled as in the generated traffic.
"""

from bench.contenders import Ask
from bench.load.traffic import Kind, Traffic
from schemas.contract import UNKNOWN

#: A warm-up input before the timed ones, not used elsewhere.
WARM_UP = Ask("custom-guard", "warm-up", (UNKNOWN,))


def unseen(count: int, seed: int) -> list[Ask]:
    """`count` different ones."""
    traffic = Traffic(seed)
    found: dict[tuple[str, str], Ask] = {}
    while len(found) < count:
        drawn = traffic.draw()
        if drawn.kind is Kind.NEW:
            found.setdefault((drawn.detector, drawn.output), Ask(drawn.detector, drawn.output))
    return list(found.values())
