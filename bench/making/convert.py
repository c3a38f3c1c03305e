"""`python -m bench.making.convert FOLDER [MODEL]`: the base as a float32 checkpoint directory.

In: a checkpoint, named as in `MODEL=` of the export; default: the bundled base. Out: the input of
the peers' own converters. Runs in the export environment.
"""

import sys
from pathlib import Path

from transformers import PreTrainedTokenizerFast

from export.checkpoint.base import load_checkpoint


def main(folder: Path, model: str | None = None) -> None:
    """Write the checkpoint."""
    base = load_checkpoint(model)
    base.model.save_pretrained(folder)
    end = base.tokenizer.id_to_token(base.eos)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=base.tokenizer, eos_token=end, bos_token=end
    )
    tokenizer.save_pretrained(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:3])
