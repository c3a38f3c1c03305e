"""`python -m bench.faults.shifted_clock serve`: the service under a wall clock that can be set.

In: the fault file, whose `clock_s` is the shift of the clock in seconds. Limits, stored answers and
retries read `time.time`; deadlines read the monotonic clock, which cannot be set.
"""

import json
import os
import runpy
import threading
import time

_true_time = time.time
_ahead_s = 0.0


def _follow() -> None:
    global _ahead_s
    while True:
        with open(os.environ["STAND_IN_FAULT_FILE"], encoding="utf-8") as file:
            _ahead_s = json.load(file).get("clock_s", 0.0)
        time.sleep(0.05)


time.time = lambda: _true_time() + _ahead_s
threading.Thread(target=_follow, daemon=True).start()
runpy.run_module("client_api", run_name="__main__")
