"""`make evaluate-reading`: the figures of the reader in `docs/reading.md`.

In: the declared formats and vocabularies, the outputs of `export/data/outputs/`, the published
version. Runs in the environment that serves, without torch. Takes some minutes; uses every core.
"""

import argparse
import multiprocessing
import os
from collections.abc import Mapping, Sequence

from export.common.machine import machine
from export.common.progress import Steps
from export.evaluation import outputs, reading_time
from export.evaluation.evaluate import DOCS, MODEL_FOLDER, ROOT, version_directory
from export.evaluation.metamorphic.suite import Result, Sample, measure
from export.evaluation.metamorphic.suites import SUITES
from export.evaluation.pages import reading as page
from pipeline.local import LocalPipeline
from tools.markdown import render

PAGE = DOCS / "reading.md"
#: Parts of a suite, which run on all cores.
_PARTS = 4


def figures(names: Sequence[str] = tuple(SUITES), every: int = 1) -> dict[str, page.Figures]:
    """The shares of the suites, over one of `every` variants; read on every core."""
    parts = [(name, part, every) for name in names for part in range(_PARTS)]
    found: dict[str, list[page.Figures]] = {name: [] for name in names}
    with multiprocessing.get_context("spawn").Pool(len(os.sched_getaffinity(0))) as pool:
        for (name, _, _), one in zip(parts, pool.imap(_part, parts), strict=True):
            found[name].append(one)
    return {name: _joined(ones) for name, ones in found.items()}


def _part(what: tuple[str, int, int]) -> page.Figures:
    name, part, every = what
    return _figures(measure(SUITES[name].variants(Sample(every * _PARTS, part))))


def _figures(result: Result) -> page.Figures:
    kinds = {kind: (share.held, share.total) for kind, share in result.kinds.items()}
    return page.Figures(result.held, result.total, len(result.cleared), kinds)


def _joined(ones: Sequence[page.Figures]) -> page.Figures:
    kinds: dict[str, tuple[int, int]] = {}
    for one in ones:
        for kind, (held, total) in one.kinds.items():
            before = kinds.get(kind, (0, 0))
            kinds[kind] = before[0] + held, before[1] + total
    return page.Figures(
        sum(o.held for o in ones),
        sum(o.total for o in ones),
        sum(o.cleared for o in ones),
        kinds,
    )


def write(tables: Mapping[str, str]) -> None:
    """Put the tables between their markers."""
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8"), tables), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure everything and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="measure one of so many variants")
    every = parser.parse_args(arguments).every
    steps = Steps(4)
    with steps("time", "timing ordinary and worst outputs"):
        times = page.times(reading_time.measure(), machine())
    with steps("suites", "reading changed outputs"):
        shares = page.shares(figures(every=every))
    with steps("outputs", "answering whole outputs with the published version"):
        version = LocalPipeline(version_directory(MODEL_FOLDER, None))
        found = {name: outputs.score(version, outputs.load(name)) for name in outputs.FILES}
        attacked = outputs.score_hostile(version, outputs.load_hostile())
    with steps("page", f"writing {PAGE.relative_to(ROOT)}"):
        write(
            page.constant()
            | {"suites": shares, "outputs": page.scores(found, attacked), "times": times}
        )


if __name__ == "__main__":
    main()
