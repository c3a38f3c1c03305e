"""`python -m bench.plot FOLDER PICTURE`: the figures as a picture.

In: FOLDER/peers.json and FOLDER/load.json, or one of them. Out: a PNG. Runs in the peers'
environment, which has matplotlib.
"""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot
from matplotlib.axes import Axes

_PANELS = ("peers", "load")


def main(folder: Path, picture: Path) -> None:
    """Draw the measured figures. Raises SystemExit without any."""
    found = {
        name: json.loads(file.read_text("utf-8"))
        for name in _PANELS
        if (file := folder / f"{name}.json").is_file()
    }
    if not found:
        raise SystemExit(f"{folder}: neither peers.json nor load.json; run the bench first")
    figure, axes = pyplot.subplots(1, len(found), figsize=(6.5 * len(found), 4), squeeze=False)
    for axis, (name, measured) in zip(axes[0], found.items(), strict=True):
        {"peers": _peers, "load": _load}[name](axis, measured)
    figure.tight_layout()
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=110)


def _peers(axis: Axes, peers: dict[str, Any]) -> None:
    rows = {n: row["timing"] for n, row in peers["rows"].items() if row["timing"]["count"]}
    names = [name.replace("*", "") for name in rows]
    medians = [row["median"] for row in rows.values()]
    above = [max(0.0, row["p95"] - row["median"]) for row in rows.values()]
    axis.barh(names, medians, xerr=[[0.0] * len(above), above], color="tab:blue", ecolor="0.4")
    axis.invert_yaxis()
    axis.set_xscale("log")
    axis.set_xlabel("one answer, ms (bar: median, line: to p95)")


def _load(axis: Axes, load: dict[str, Any]) -> None:
    rates = [float(rps) for rps in load["rates"]]
    for quantile in ("p50", "p95", "p99"):
        values = [rate[quantile] for rate in load["rates"].values()]
        axis.plot(rates, values, marker="o", label=quantile)
    axis.axhline(250, color="0.5", linestyle="--", label="objective of the p95")
    axis.set_ylim(bottom=0)
    axis.set_xlabel("requests per second, Poisson arrivals")
    axis.set_ylabel("latency through REST, ms")
    axis.legend()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
