"""Tables and blocks of docs/performance.md, docs/bulk.md and docs/evidence.md.

In: the measurements of a section, as cells. Out: Markdown, and the page with a section's block
replaced. Independent of the measurements.
"""

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from engine.runtime.cores import usable_cores
from tools import markdown

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
#: Pages of the sections that are not in the page of performance.
_PAGES = dict.fromkeys(("bulk", "ways", "wide", "engines"), PAGE.with_name("bulk.md"))
_PAGES["evidence"] = PAGE.with_name("evidence.md")
_ISA = ("avx2", "fma", "f16c", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8")
_VERSIONS = (
    *("onnxruntime", "numpy", "tokenizers", "tritonclient", "nvidia-pytriton"),
    *("duckdb", "pyspark", "ray"),
)


@dataclass(frozen=True, slots=True)
class Target:
    """An objective of the project and the distance of the measurement.

    limit: the maximum of `value`, or with `at_least` the minimum; unit: of both.
    """

    text: str
    value: float
    limit: float
    unit: str = ""
    at_least: bool = False

    @property
    def met(self) -> bool:
        """False for NaN: an objective without a measurement is not met."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    @property
    def verdict(self) -> str:
        """Met, or the distance as a share of the limit."""
        if self.met:
            return "met"
        distance = abs(self.value / self.limit - 1)
        return "**missed**" if distance != distance else f"**missed** by {100 * distance:.0f} %"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; every column but the first is aligned to the right."""
    return markdown.table(head, rows, numbers=True).removesuffix("\n")


def targets(all_of: Iterable[Target]) -> str:
    """A Markdown table of objectives."""
    return table(
        ("target", "limit", "measured", ""),
        [
            (
                one.text,
                f"{'≥' if one.at_least else '≤'} {number(one.limit)}{one.unit}",
                "not measured" if one.value != one.value else f"{number(one.value)}{one.unit}",
                one.verdict,
            )
            for one in all_of
        ],
    )


def number(value: float) -> str:
    """Three significant digits, no exponent; a dash for NaN."""
    if value != value:
        return "-"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"


def share(value: float) -> str:
    """A share as per cent."""
    return "-" if value != value else f"{100 * value:.1f} %"


def machine() -> str:
    """The machine and the software of the measurements."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    about = {
        key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)
    }
    flags = set(about["flags"].split())
    cores = usable_cores()
    isa = ", ".join(flag for flag in _ISA if flag in flags)
    installed = {one.name: one.version for one in metadata.distributions()}
    versions = ", ".join(f"{name} {installed[name]}" for name in _VERSIONS if name in installed)
    return (
        f"{about['model name']} (family {about['cpu family']}, model {about['model']}), "
        f"{cores} core{'s' * (cores > 1)}, {isa}; Linux {platform.release()}, "
        f"Python {platform.python_version()}, {versions}; "
        f"load average before {os.getloadavg()[0]:.1f}"
    )


def write(section: str, block: str) -> None:
    """Put the block into its page."""
    page = _PAGES.get(section, PAGE)
    page.write_text(markdown.render(page.read_text("utf-8"), {section: f"{block}\n"}), "utf-8")
