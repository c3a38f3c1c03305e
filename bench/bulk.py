"""`python -m bench.bulk`: how long `mapper bulk` takes, and how much memory.

In: numbers of rows and of different outputs, and the service at MAPPER_URL. Out: a line with
seconds, the CPU time of the command without the service, and its peak of resident memory. The
different outputs are phrases that no vocabulary has, so that each one is a pass of the model,
unless it was asked before (`--seed`).
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_WORDS = (
    *("angry", "quiet", "hidden", "violent", "private", "stolen", "leaked", "mild", "foreign"),
    *("threat", "insult", "address", "passport", "password", "weapon", "rumour", "payment"),
    *("toward", "about", "without", "against", "inside", "after", "a", "their", "our", "any"),
)


def make_rows(file: Path, rows: int, distinct: int, seed: int) -> None:
    """Write JSON Lines."""
    chance = random.Random(seed)
    outputs = set[str]()
    while len(outputs) < distinct:
        outputs.add(" ".join(chance.choices(_WORDS, k=5)))
    texts = [json.dumps(output) for output in sorted(outputs)]
    with file.open("w") as lines:
        for number in range(rows):
            output = texts[number] if number < distinct else chance.choice(texts)
            lines.write(f'{{"id": {number}, "detector": "a-guard", "output": {output}}}\n')


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.bulk", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--distinct", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in.jsonl"), Path(folder, "out.jsonl")
        make_rows(source, asked.rows, asked.distinct, asked.seed)
        began = time.monotonic()
        command = [sys.executable, "-m", "llama_mapper.cli", "bulk", str(source), str(target)]
        done = subprocess.run(command, check=False)
        seconds = time.monotonic() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s, peak_mb = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
    print(
        f"{asked.rows:,} rows, {asked.distinct:,} different: {seconds:.1f} s, "
        f"{cpu_s:.1f} s of CPU in the command, {peak_mb:.0f} MB"
    )
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
