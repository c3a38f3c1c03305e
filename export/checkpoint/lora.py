"""A LoRA merged into a weight, without torch and to the same bits on every machine.

In: one module's weight and its LoRA's two factors. Out: the merged weight. Independent of files and
module names.
"""

import numpy as np
import numpy.typing as npt

from export.common.exact import exact_product

Floats = npt.NDArray[np.float32]

_BITS = 24  # of either factor; sums of up to 32 products are exact


def merged_weight(weight: Floats, down: Floats, up: Floats, scaling: float) -> Floats:
    """weight + scaling x up x down, rounded once.

    weight [out, in]; down (lora_A) [rank, in]; up (lora_B) [out, rank].
    """
    change = exact_product(
        up.astype(np.float64), down.astype(np.float64), left_bits=_BITS, right_bits=_BITS
    )
    merged: Floats = (weight + scaling * change).astype(np.float32)
    return merged
