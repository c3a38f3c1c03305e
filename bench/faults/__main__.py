"""`python -m bench.faults`: run every fault, and write the table of docs/reliability.md.

Names of faults as arguments run only those (by their beginnings) and write nothing.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from bench.faults import report
from bench.faults.cases import CASES, FACADE_CASES, PUBLISHED_CASES, Case, Outcome, run
from bench.faults.deployment import Deployment
from bench.harness.stack import served_alone

Runs = Sequence[tuple[str, Callable[[Deployment], Outcome]]]


def of(cases: Sequence[Case]) -> Runs:
    """Cases as they are run, by name."""
    return [(case.name, partial(run, case)) for case in cases]


def outcomes(runs: Runs, *, published: bool) -> Iterator[Outcome]:
    """In order, over one deployment."""
    if not runs:
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        models = served_alone(folder / "models") if published else None
        deployment = Deployment(folder, repository=models)
        try:
            deployment.start()
            for _, one in runs:
                outcome = one(deployment)
                print(report.table([outcome]).splitlines()[-1], flush=True)
                yield outcome
        finally:
            deployment.stop()


def main(names: tuple[str, ...]) -> None:
    """names: beginnings of those to run; empty for all."""

    def chosen(runs: Runs) -> Runs:
        return [one for one in runs if not names or one[0].startswith(names)]

    found = [
        *outcomes(chosen([*of(CASES), *FACADE_CASES]), published=False),
        *outcomes(chosen(of(PUBLISHED_CASES)), published=True),
    ]
    if not names:
        report.write(f"{report.table(found)}\n\nMeasured on {report.machine()}.")


main(tuple(sys.argv[1:]))
