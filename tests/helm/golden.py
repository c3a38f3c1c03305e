"""The golden renders: both profiles whole, each option as its difference to the CPU profile.

`python -m tests.helm.golden` writes them anew; what changed is for the diff of a review.
"""

import difflib
from pathlib import Path

from tests.helm.charts import OPTIONS, PROFILES, Values, render_texts

FOLDER = Path(__file__).parent / "golden"
# Generated elsewhere, and compared there.
_BULKY = ("prometheusrule.yaml", "dashboard-configmap.yaml")


def _lines(values: Values) -> list[str]:
    lines = []
    for path, text in sorted(render_texts(values).items()):
        kept = [line.rstrip() for line in text.splitlines() if line.strip()]
        if path in _BULKY and kept:
            kept = [*kept[:20], "# … and so on"]
        lines += [f"# {path}", *kept] if kept else []
    return lines


def goldens() -> dict[str, str]:
    """Each file by its name."""
    plain = _lines(PROFILES["cpu"])
    files = {f"{name}.yaml": "\n".join(_lines(v)) + "\n" for name, v in PROFILES.items()}
    for name, values in OPTIONS.items():
        difference = difflib.unified_diff(plain, _lines(values), "cpu", name, n=3, lineterm="")
        files[f"{name}.diff"] = "\n".join(difference) + "\n"
    return files


if __name__ == "__main__":
    for old in FOLDER.glob("*"):
        old.unlink()
    for file, text in goldens().items():
        (FOLDER / file).write_text(text, encoding="utf-8")
