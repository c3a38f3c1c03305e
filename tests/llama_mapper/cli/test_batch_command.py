"""`mapper batch`: rows in, answers out as they come, and errors with their lines."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from bench.processes import free_ports
from client_api.settings import Settings
from tests.support.command_line import complaint, mapper, started
from tests.support.fake_model import FakeGateway, KeyFile
from tests.support.serving import running_facade

HATE = {"detector": "openai-moderation", "output": "hate"}


def lines(*rows: Any) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def answers(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_rows_are_answered_in_order_with_what_they_carry(url: str, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(lines(HATE | {"id": 7}, HATE | {"output": {"hate": 0.9}, "threshold": 0.5}))
    done = mapper(url, "batch", str(file))
    assert done.exit_code == 0, done.stderr
    first, second = answers(done.stdout)
    assert (first["line"], first["row"]) == (1, {"id": 7})
    assert first["taxonomy"] == second["taxonomy"] == ["HARM.SPEECH.Hate.Other"]
    assert (second["line"], "row" in second) == (2, False)
    assert done.stderr == "2 rows: 2 mapped, 0 errors\n"


def test_bad_rows_are_errors_with_their_lines(url: str) -> None:
    rows = [
        lines(HATE).encode(),
        b"\n",
        b"{not json\n",
        b"[1]\n",
        b'{"detector": "d"}\n',
        b'{"detector": "d", "output": "o", "treshold": 1}\n',
        b'{"detector": "d", "output": "\xff"}\n',
        b'{"detector": "d", "output": "\\ud800"}\n',
        b'{"detector": "d", "output": NaN}\n',
        b'{"detector": "d", "output": 5}\n',
        b'{"detector": "", "output": "o", "id": "\\ud800"}\n',
        b'{"detector": "d", "output": "' + b"x" * 70_000 + b'"}\n',
        b'{"detector": "d", "output": ' + b"[" * 2000 + b"]" * 2000 + b"}\n",
        lines(HATE).encode().rstrip(),
    ]
    done = mapper(url, "batch", "-", "--json", stdin=b"".join(rows))
    assert done.exit_code == 1
    found = answers(done.stdout)
    assert [one["line"] for one in found] == [1, *range(3, 15)]
    assert [one["line"] for one in found if "error" not in one] == [1, 14]
    told = {one["line"]: one["error"]["message"] for one in found if "error" in one}
    assert "not JSON" in told[3]
    assert "not a JSON object" in told[4]
    assert "'output' is missing" in told[5]
    assert "did you mean 'threshold'" in told[6]
    assert "not UTF-8" in told[7]
    assert found[10]["error"]["error_code"] == "PAYLOAD_TOO_LARGE"
    assert json.loads(done.stderr) == {"rows": 13, "mapped": 2, "errors": 11}


def test_csv_gets_columns_added(url: str, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(
        "\ufeffid,detector,output,metadata,threshold\n"
        'a,openai-moderation,"{""flagged"": true,\n ""categories"": {""hate"": true}}",,0.5\n'
        'b,openai-moderation,hate,"{""kind"": ""toxicity""}",\n'
        "c,openai-moderation\n"
        "d,openai-moderation,hate,{,\n"
        "e,openai-moderation,,,\n"
    )
    done = mapper(url, "batch", str(file))
    assert done.exit_code == 1
    found = list(csv.DictReader(io.StringIO(done.stdout)))
    hate = "HARM.SPEECH.Hate.Other"
    assert [row["taxonomy"] for row in found] == [hate, hate, "", "", "OTHER.Unknown"]
    assert [row["line"] for row in found] == ["2", "4", "5", "6", "7"]
    assert [row["id"] for row in found] == list("abcde")
    assert "2 cells" in found[2]["message"]
    assert "metadata" in found[3]["message"]
    assert {row["source"] for row in found[:2]} == {"model"}
    told = mapper(url, "batch", "-", "--format", "csv", "--json", stdin=file.read_bytes())
    assert [one["row"]["id"] for one in answers(told.stdout)] == list("abcde")


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        ("", "'detector' is missing"),
        ("detector,text", "'output' is missing"),
        ("detector,output,treshold", "did you mean 'threshold'"),
        ("detector,output,output", "is listed twice"),
        ("detector,output,source", "rename it"),
    ],
)
def test_a_header_that_cannot_be_used_is_wrong_usage(url: str, head: str, problem: str) -> None:
    done = mapper(url, "batch", "-", "--format", "csv", stdin=f"{head}\nd,o,x\n")
    assert done.exit_code == 2
    assert problem in complaint(done)


def test_a_file_that_is_not_there_is_wrong_usage(url: str) -> None:
    assert mapper(url, "batch", "/no/such/file").exit_code == 2


def test_many_rows_go_in_groups_and_each_is_answered(url: str) -> None:
    rows = [HATE | {"output": f"hate {i % 150}"} for i in range(1234)]
    done = mapper(url, "batch", "-", stdin=lines(*rows))
    assert [one["line"] for one in answers(done.stdout)] == list(range(1, 1235))
    assert mapper(url, "batch", "-", stdin="").stdout == ""


def test_a_view_names_the_labels_of_all_rows(url: str) -> None:
    done = mapper(url, "batch", "-", "--taxonomy", "2025.09", "--wait-for-model", stdin=lines(HATE))
    assert answers(done.stdout)[0]["version_info"]["view"] == "2025.09"


def test_a_line_is_answered_before_the_next_one_comes(url: str) -> None:
    with started(url, "batch", "-") as process:
        assert process.stdin
        assert process.stdout
        for number in (1, 2, 3):
            process.stdin.write(lines(HATE).encode())
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["line"] == number
        process.stdin.close()
        assert process.wait(60) == 0


def test_a_reader_that_leaves_ends_the_command_quietly(url: str) -> None:
    with started(url, "batch", "-") as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        process.stdin.write(lines(HATE).encode())
        process.stdin.flush()
        assert process.wait(60) == 1
        assert process.stderr.read() == b""


def test_a_refusal_on_the_way_names_the_lines_that_are_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = KeyFile(tmp_path / "keys.json", capsys.readouterr)
    key = file.create("acme", "map:write")["X-API-Key"]
    settings = Settings(port=free_ports(1)[0], keys_file=file.path)
    with (
        running_facade(settings, lambda _: FakeGateway()) as served,
        started(served, "batch", "-", key=key) as process,
    ):
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write(lines(HATE, HATE).encode())
        process.stdin.flush()
        assert [json.loads(process.stdout.readline())["line"] for _ in "12"] == [1, 2]
        file.run("revoke", key.split("_")[1])
        process.stdin.write(lines(HATE, HATE, HATE).encode())
        process.stdin.close()
        told = process.stderr.read().decode()
        assert process.wait(60) == 1
    assert "stopped at lines 3 to 5: 401 UNAUTHORIZED" in told
