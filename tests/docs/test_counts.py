"""What the README counts is what the data has."""

from fallback.rules.catalog import load_detectors
from schemas.frameworks import load_frameworks
from schemas.taxonomy import load_taxonomy
from tools.doc_blocks import ROOT

WORDS = {5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine", 10: "ten"}


def test_the_counts_of_the_readme() -> None:
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"labels of one taxonomy ({len(load_taxonomy())} of them)" in text
    assert f"Curated rules for {len(list(load_detectors()))} detectors" in text
    frameworks = len(load_frameworks().frameworks)
    assert f"the controls of {WORDS[frameworks]} compliance frameworks" in text
