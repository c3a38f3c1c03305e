"""How declared formats are written: mistakes are named, and what is read makes the version."""

import json
import re
from pathlib import Path

import pytest
import yaml

from fallback.reading.check import examine, main
from fallback.reading.formats import Extraction, Format, Outputs
from fallback.rules.catalog import load_detector
from schemas.config.config_file import ConfigModel, read_config
from schemas.config.errors import ConfigError


class File(ConfigModel):
    outputs: Outputs


def form(**keys: object) -> Format:
    return Format.model_validate({"format": "answer", "source": "a vendor", "when": "@", **keys})


class TestFiles:
    def refused(self, tmp_path: Path, text: str) -> str:
        path = tmp_path / "x.yaml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError) as error:
            read_config(path, File)
        return str(error.value)

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            (
                "decison: x",
                "x.yaml:5: outputs[0].decison: is not a known key; did you mean decision?",
            ),
            ("decision: 'a['", "x.yaml:5: outputs[0].decision: is not JMESPath"),
            ("decision: [1]", "must be a JMESPath"),
            ("pattern: 'a'", "exactly one of `when` and `pattern`"),
            (
                "findings: [{each: a, socre: b}]",
                "findings[0].socre: is not a known key; did you mean sco",
            ),
            ("findings: [{score: b}]", "needs `each`"),
            ("findings: [{as: x, name: y}]", "has `as` and `name`"),
            ("findings: [{each: a, threshold: 7}]", "threshold"),
            ("words: {found: [yes]}", "must be a list of texts"),
            ("examples: [{about: x, output: 1, says: fine}]", "says 'fine'"),
            ("examples: [{about: x, says: clean}]", "examples[0].output: is missing"),
            ("content: x", "not a known key"),
            ("repeat: true", "has `repeat` without `pattern`"),
            ("findings: [{each: a, find: 'x'}]", "without a group `name`"),
            ("findings: [{each: a, as: b, find: '(?P<name>x)'}]", "keep one"),
            ("findings: [{each: a, exclusive: true}]", "without `score`"),
        ],
    )
    def test_mistakes_are_named_with_their_place(
        self, tmp_path: Path, line: str, message: str
    ) -> None:
        text = f"outputs:\n  - format: a\n    source: b\n    when: c\n    {line}\n"
        assert message in self.refused(tmp_path, text)

    def test_patterns_and_names(self, tmp_path: Path) -> None:
        first = "outputs:\n  - format: a\n    source: b\n    "
        assert "not an RE2 pattern" in self.refused(tmp_path, first + "pattern: '(?=x)'\n")
        assert "empty text" in self.refused(tmp_path, first + "pattern: 'x*'\n    repeat: true\n")
        two = first + "when: c\n  - format: a\n    source: b\n    when: d\n"
        assert "two formats" in self.refused(tmp_path, two)

    def test_a_shared_format_is_used_with_own_fields(self, tmp_path: Path) -> None:
        path = tmp_path / "x.yaml"
        path.write_text(
            "outputs:\n  - uses: hf-text-classification\n    source: a model card\n",
            encoding="utf-8",
        )
        (own,) = read_config(path, File).outputs
        assert (own.name, own.source) == ("hf-text-classification", "a model card")
        assert own.findings
        unknown = "outputs:\n  - uses: hf-nothing\n"
        assert "x.yaml:2: outputs[0].uses: 'hf-nothing' is not a shared" in self.refused(
            tmp_path, unknown
        )

    def test_the_version_follows_what_is_read_and_not_the_examples(self) -> None:
        example = {"about": "x", "output": {}, "says": "clean"}
        assert form().content == form(examples=[example]).content
        assert form().content != form(decision="flagged").content


PAGE = (Path(__file__).parents[3] / "docs/declaring-formats.md").read_text(encoding="utf-8")
DETECTOR = PAGE.partition("```yaml\n")[2].partition("```")[0]


class TestPage:
    """docs/declaring-formats.md: its file is read as it says, and so is every row of its tables."""

    def test_the_whole_file(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = tmp_path / "house-guard.yaml"
        path.write_text(DETECTOR, encoding="utf-8")
        assert main([str(path)]) == 0
        assert "note" not in capsys.readouterr().out

    def test_what_the_check_finds_wrong(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "house-guard.yaml"
        path.write_text(DETECTOR.replace("says: [weapons]", "says: [arms]"), encoding="utf-8")
        assert main([str(path)]) == 1
        assert "expected ['arms']" in capsys.readouterr().out
        path.write_text(DETECTOR.replace("decision: flagged", "decision: 'a['"), encoding="utf-8")
        assert main([str(path)]) == 1
        assert (
            "house-guard.yaml:11: outputs[0].decision: is not JMESPath" in capsys.readouterr().out
        )
        assert main([]) == 2

    @pytest.mark.parametrize("row", re.findall(r"^\| (`.*`.*) \|$", PAGE, re.MULTILINE))
    def test_a_row(self, row: str, tmp_path: Path) -> None:
        _, _, written, output, says = re.split(r" (?<!\\)\| ", row)
        given = yaml.safe_load(written.strip("`").replace("\\|", "|"))
        form = given if {"when", "pattern", "uses"} & given.keys() else {"when": "@", **given}
        if {"each", "as"} & given.keys():
            form = {"when": "@", "findings": [given]}
        example = {
            "about": "x",
            "output": json.loads(output.strip("`")),
            "says": says if says in ("clean", "failed", "review") else says.split(", "),
        }
        if "uses" not in form:
            form = {"format": "row", "source": "x", **form}
        detector = yaml.safe_load(DETECTOR) | {"outputs": [{**form, "examples": [example]}]}
        path = tmp_path / "house-guard.yaml"
        path.write_text(json.dumps(detector), encoding="utf-8")
        guard = load_detector(path)
        (declared,) = guard.outputs
        outcome = examine(declared, declared.examples[0], guard)
        assert outcome.right, outcome.lines

    def test_every_construct_has_a_row(self) -> None:
        keys = set(re.findall(r"^\| `(\w+)`", PAGE, re.MULTILINE))
        models = {x.alias or n for n, x in Format.model_fields.items() if not x.exclude}
        models |= {x.alias or n for n, x in Extraction.model_fields.items()}
        assert keys == models - {"format", "source", "examples", "findings"} | {"uses"}
