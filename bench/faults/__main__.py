"""`python -m bench.faults`: run every fault, and write the table of docs/reliability.md.

Names of faults as arguments run only those (by their beginnings) and write nothing.
"""

import sys
import tempfile
from pathlib import Path

from bench.faults import cases, report
from bench.faults.deployment import Deployment


def main(names: tuple[str, ...]) -> None:
    outcomes = []
    with tempfile.TemporaryDirectory() as folder:
        deployment = Deployment(Path(folder))
        deployment.start()
        runs = [(case.name, lambda case=case: cases.run(case, deployment)) for case in cases.CASES]
        runs += [
            ("facade: SIGSTOP", lambda: cases.facade_stops(deployment)),
            ("facade: SIGTERM", lambda: cases.facade_drains(deployment)),
            ("facade: kill -9", lambda: cases.facade_dies(deployment)),
        ]
        try:
            for name, one in runs:
                if not names or name.startswith(names):
                    outcomes.append(one())
                    print(report.table(outcomes[-1:]).splitlines()[-1], flush=True)
        finally:
            deployment.stop()
    if not names:
        report.write(f"{report.table(outcomes)}\n\nMeasured on {report.machine()}.")


main(tuple(sys.argv[1:]))
