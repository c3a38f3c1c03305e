"""`python -m bench.harness.worker MODULE OPTIONS`: one contender, called over pipes.

In: one line of JSON per call, a list of asks. Out: one line of JSON: the answers and the seconds,
which are measured here, without the pipe. The first line states whether it is ready.
"""

import dataclasses
import importlib
import json
import os
import sys
import time

from bench.contenders import Ask, UnavailableError


def main(contender: str, options: str) -> None:
    # Output of libraries must not mix with the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def say(**what: object) -> None:
        print(json.dumps(what), file=answers, flush=True)

    try:
        module = importlib.import_module(f"bench.contenders.{contender}")
        engine = module.load(**json.loads(options))
    except (UnavailableError, ImportError) as error:
        say(unavailable=str(error))
        return
    say(ready=True)
    for line in sys.stdin:
        asks = [
            Ask(one["detector"], one["signal"], tuple(one["labels"])) for one in json.loads(line)
        ]
        begun = time.perf_counter()
        told = engine.answer(asks)
        seconds = time.perf_counter() - begun
        say(seconds=seconds, told=[dataclasses.asdict(one) for one in told])


if __name__ == "__main__":
    main(*sys.argv[1:])
