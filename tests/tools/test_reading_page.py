"""`docs/reading.md`: what needs no measuring is that of the code, and its example is read."""

import re
from pathlib import Path

import yaml

from export.evaluation.pages.reading import constant
from export.evaluation.reading import PAGE
from fallback.reading.reader import Reader
from fallback.rules.catalog import load_detectors
from fallback.rules.lookup import RuleMapper
from schemas.taxonomy import load_taxonomy
from tools.markdown import render

TEXT = PAGE.read_text(encoding="utf-8")
#: What a file of one's own has above `outputs:`.
HEAD = """\
detector: house-guard
vendor: House
family: house
version: "1"
source: the wiki page of the guard
maps: {weapons: HARM.WEAPONS.CBRN}
"""


def test_the_constant_parts_are_up_to_date() -> None:
    assert render(TEXT, constant()) == TEXT, "run `make evaluate-reading`"


def test_every_part_was_measured() -> None:
    for name in ("outputs", "suites", "times"):
        _, found, rest = TEXT.partition(f"<!-- generated: {name} -->\n")
        assert found
        assert rest.startswith("|") or "ms of CPU" in rest[:200]


def test_the_format_of_ones_own_is_ten_lines_and_reads_its_output(tmp_path: Path) -> None:
    [block] = re.findall(r"```yaml\n(outputs:.*?)```", TEXT, flags=re.DOTALL)
    assert len(block.splitlines()) <= 11
    [output] = re.findall(r"`(\{\"verdict\".*?\})`", TEXT)
    (tmp_path / "house-guard.yaml").write_text(HEAD + block, encoding="utf-8")
    rules = RuleMapper(load_detectors(tmp_path), load_taxonomy())
    reader = Reader(rules)
    reading = reader.read("house-guard", output)
    assert reading.format == "answer"
    assert reading.unread == ()
    assert [(s.name, s.score, s.flagged) for s in reading.signals] == [("weapons", 0.91, True)]
    for example in yaml.safe_load(block)["outputs"][0]["examples"]:
        text = yaml.safe_dump(example["output"])
        assert [s.name for s in reader.read("house-guard", text).signals] == example["says"]
