"""How declared formats are written: mistakes are named, and what is read makes the version."""

from pathlib import Path

import pytest

from fallback.reading.formats import Format, read_formats
from schemas.errors import ConfigError
from schemas.yaml_file import read_yaml


def form(**keys: object) -> Format:
    return Format.model_validate({"format": "answer", "source": "a vendor", "when": "@", **keys})


class TestFiles:
    def refused(self, tmp_path: Path, text: str) -> str:
        path = tmp_path / "x.yaml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError) as error:
            read_formats(path, "outputs", read_yaml(path)["outputs"])
        return str(error.value)

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            (
                "decison: x",
                "line 5: outputs[0].decison: is not a known key; did you mean decision?",
            ),
            ("decision: 'a['", "line 5: outputs[0].decision: is no JMESPath"),
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
        assert "no RE2 pattern" in self.refused(tmp_path, first + "pattern: '(?=x)'\n")
        assert "empty text" in self.refused(tmp_path, first + "pattern: 'x*'\n    repeat: true\n")
        two = first + "when: c\n  - format: a\n    source: b\n    when: d\n"
        assert "two formats" in self.refused(tmp_path, two)

    def test_a_shared_format_is_used_with_own_fields(self, tmp_path: Path) -> None:
        path = tmp_path / "x.yaml"
        path.write_text(
            "outputs:\n  - uses: hf-text-classification\n    source: a model card\n",
            encoding="utf-8",
        )
        (own,) = read_formats(path, "outputs", read_yaml(path)["outputs"])
        assert (own.name, own.source) == ("hf-text-classification", "a model card")
        assert own.findings
        unknown = "outputs:\n  - uses: hf-nothing\n"
        assert "line 2: outputs[0].uses: 'hf-nothing' is no shared" in self.refused(
            tmp_path, unknown
        )

    def test_the_version_follows_what_is_read_and_not_the_examples(self) -> None:
        example = {"about": "x", "output": {}, "says": "clean"}
        assert form().content == form(examples=[example]).content
        assert form().content != form(decision="flagged").content
