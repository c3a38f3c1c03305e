"""Labelled lines, and the version that they are asked of."""

from pathlib import Path

import pytest

from engine.versions import Choice, write_choice
from export.data.labelled import DataError, read_labelled
from export.data.rows import Row
from export.evaluation.evaluate import version_directory
from tests.export.evaluation.labelled_files import GOOD, Write

pytestmark = pytest.mark.export


def test_labelled_rows_are_read_in_order_with_further_keys_and_blank_lines(write: Write) -> None:
    [first, second] = read_labelled(
        write(GOOD, "", '{"detector":"x","output":"","gold":["OTHER.Unknown"]}')
    )
    assert first == Row("presidio", "US_SSN", ("PII.Identifier.SSN",))
    assert second.output == ""


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", r":2: \(line\): not JSON"),
        ("[]", r":2: \(line\): a JSON array instead of an object"),
        ('{"detector": "x", "output": "y"}', ":2: gold: is missing"),
        ('{"output": "y", "gold": ["OTHER.Safe"]}', ":2: detector: is missing"),
        (
            '{"detector": " ", "output": "y", "gold": ["OTHER.Safe"]}',
            ":2: detector: ' ' is not a name",
        ),
        ('{"detector": "x", "output": {}, "gold": ["OTHER.Safe"]}', ":2: output: is a JSON object"),
        ('{"detector": "x", "output": "y", "gold": "OTHER.Safe"}', ":2: gold: must be a list"),
        ('{"detector": "x", "output": "y", "gold": []}', ":2: gold: must be a list"),
        (
            '{"detector": "x", "output": "y", "gold": ["OTHER.Safe", "OTHER.Save"]}',
            r":2: gold\[1\]: 'OTHER.Save' is not a label of taxonomy",
        ),
    ],
)
def test_a_bad_line_is_named_with_its_key(write: Write, line: str, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        read_labelled(write(GOOD, line))


def test_many_bad_lines_are_listed_and_then_counted(write: Write) -> None:
    with pytest.raises(DataError, match="and 5 more") as error:
        read_labelled(write(*["{"] * 25))
    assert len(str(error.value).splitlines()) == 21


def test_an_empty_and_a_missing_file_are_refused(write: Write, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is empty"):
        read_labelled(write(""))
    with pytest.raises(DataError, match="cannot be read"):
        read_labelled(tmp_path / "none.jsonl")


def test_a_version_is_the_one_named_else_the_served_one_else_the_newest(tmp_path: Path) -> None:
    folder = tmp_path / "llama_mapper"
    for name in ("2", "10", ".staging-x", "notes", "11"):
        (folder / name).mkdir(parents=True)
        if name != "11":  # a version without a manifest is none
            (folder / name / "manifest.json").touch()
    assert version_directory(folder, None).name == "10"
    assert version_directory(folder, "2").name == "2"
    write_choice(tmp_path, Choice(version=2))
    assert version_directory(folder, None).name == "2"
    write_choice(tmp_path, Choice(version=7))  # its folder is gone
    assert version_directory(folder, None).name == "10"
    with pytest.raises(DataError, match=r"VERSION=3: is not published; there is 2, 10"):
        version_directory(folder, "3")
    with pytest.raises(DataError, match="make export-model"):
        version_directory(folder / "notes", None)
