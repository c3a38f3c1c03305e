"""Checks whether an output quotes so much content that an operator may want to refuse it.

Detectors quote the text that they judged. The reader recognises such content and does not use it,
so accepting it is the default. With `MAPPER_RAW_CONTENT=refuse` an item is refused if it exceeds
both limits below.
"""

from typing import Final

from fallback.signal import How, Reading

#: Quoted characters of one output.
MAX_QUOTED: Final = 400
#: Quoted characters as a share of the whole output.
MAX_SHARE: Final = 0.5


def is_raw_content(output: str, reading: Reading) -> bool:
    """Whether quoted content is longer than MAX_QUOTED and more than MAX_SHARE of `output`.

    Running text that matches no format and no structure counts as quoted content.
    """
    quoted = len(output) if reading.how is How.TEXT else reading.quoted
    return quoted > MAX_QUOTED and quoted > MAX_SHARE * len(output)
