"""`python -m bench`: measure, and write the blocks of docs/performance.md, bulk.md and evidence.md.

With `--quick` it measures few inputs and writes nothing: it only checks that everything runs.
"""

import argparse
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from bench import bulk, bulk_ways, layers, levers, peers, report, service_load
from bench.direct import section as direct
from bench.evidence import section as evidence
from bench.harness import assets
from bench.harness.workers import ROOT

_SECTIONS: dict[str, tuple[Callable[[bool], Any], Callable[[Any], str]]] = {
    "peers": (peers.measure, peers.render),
    "levers": (levers.measure, levers.render),
    "layers": (layers.measure, layers.render),
    "direct": (direct.measure, direct.render),
    "load": (service_load.measure, service_load.render),
    "bulk": (bulk.measure, bulk.render),
    "ways": (bulk_ways.measure, bulk_ways.render),
    "wide": (bulk_ways.measure_wide, bulk_ways.render_wide),
    "evidence": (evidence.measure, evidence.render),
}
_PICTURE = ROOT / "docs" / "img" / "latency.png"


def main() -> None:
    """Run the chosen sections."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", choices=_SECTIONS, help="only this section")
    parser.add_argument("--quick", action="store_true", help="a few inputs, nothing is written")
    given = parser.parse_args()
    # An exit, so that the services and engines started here end as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = ROOT / "build" / "bench" / ("quick" if given.quick else "results")
    folder.mkdir(parents=True, exist_ok=True)
    for name in [given.only] if given.only else _SECTIONS:
        measure, render = _SECTIONS[name]
        machine = report.machine()  # first, so that its load average is not that of the measurement
        measured = measure(given.quick)
        command = f"make bench ONLY={name}{' QUICK=1' * given.quick}"
        block = f"`{command}` on {machine}.\n\n{render(measured)}"
        print(f"\n{block}", flush=True)
        (folder / f"{name}.json").write_text(json.dumps(asdict(measured), indent=1), "utf-8")
        if not given.quick:
            report.write(name, block)
    if not given.only or given.only in ("peers", "load"):
        picture = folder / "latency.png" if given.quick else _PICTURE
        draw = [str(assets.PEERS), "-m", "bench.plot", str(folder), str(picture)]
        subprocess.run(draw, cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
