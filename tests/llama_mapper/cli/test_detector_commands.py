"""`mapper detectors draft`, `lint`, `diff`, `add` and `test`."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from bench.processes import free_ports
from client_api.mapping.gateway import Item
from client_api.settings import Settings
from fallback.decision.decision import Decision
from pipeline.tenants import TenantPipelines
from schemas.candidate import Candidate, CandidateSet
from tests.support.command_line import complaint, mapper
from tests.support.fake_model import FakeGateway, refreshed
from tests.support.serving import running_facade

FILE = "detector: acme-guard\nmaps:\n  bad vibes: HARM.SPEECH.Toxicity\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "own").mkdir()
    return tmp_path / "own"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the commands run in."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def url(folder: Path, tmp_path: Path) -> Iterator[str]:
    """A facade with a folder of own files, over a model that reads the folder as Triton does."""
    pipelines = TenantPipelines([folder])

    def answer(item: Item) -> Decision:
        pipeline = refreshed(pipelines).of(item.tenant)
        read = pipeline.read(item.detector, item.output)
        toxic = ("HARM.SPEECH.Toxicity",)
        made = Candidate('{"taxonomy":["HARM.SPEECH.Toxicity"]}', 0.9, 0.9, likely=((toxic, 0.9),))
        answers = CandidateSet("fake", (made,) * len(read.reading.signals))
        return pipeline.decide(read, answers, threshold=item.threshold)

    settings = Settings(
        port=free_ports(1)[0], detectors_dir=folder, mode_state_file=tmp_path / "mode.json"
    )
    with running_facade(settings, lambda _: FakeGateway(answer)) as served:
        yield served


def test_from_labels_to_answers(url: str, here: Path, folder: Path) -> None:
    Path("labels.txt").write_text("bad vibes\nmean tone\n\nemail address\nK7\tthreats to staff\n")
    drafted = mapper(url, "detectors", "draft", "acme-guard", "--labels", "labels.txt")
    assert drafted.exit_code == 0, drafted.stderr
    assert "acme-guard.yaml: " in drafted.stdout
    written = yaml.safe_load(Path("acme-guard.yaml").read_text())
    assert set(written["maps"]) == {"bad vibes", "mean tone", "email address", "K7"}
    assert written["legend"] == {"K7": "threats to staff"}

    assert mapper(url, "detectors", "lint", "acme-guard.yaml").exit_code == 0
    compared = mapper(url, "detectors", "diff", "acme-guard.yaml")
    assert "bad vibes" in compared.stdout
    assert mapper(url, "detectors", "add", "acme-guard.yaml").exit_code == 0
    assert [path.name for path in folder.iterdir()] == ["acme-guard.yaml"]
    assert "changes nothing" in mapper(url, "detectors", "diff", "acme-guard.yaml").stdout
    assert json.loads(mapper(url, "detectors", "acme-guard", "--json").stdout)["entries"] == 4

    rows = [
        {"detector": "acme-guard", "output": "bad vibes", "gold": ["HARM.SPEECH.Toxicity"]},
        {"detector": "acme-guard", "output": "email address", "gold": ["PII.Contact.Email"]},
    ]
    Path("gold.jsonl").write_text("\n".join(map(json.dumps, rows)))
    told = mapper(url, "detectors", "test", "gold.jsonl")
    assert (told.exit_code, told.stdout) == (0, "2 of 2 right\n")
    Path("gold.jsonl").write_text(json.dumps(rows[0] | {"gold": ["HARM.SPEECH.Threat"]}))
    told = mapper(url, "detectors", "test", "gold.jsonl", "--json")
    assert told.exit_code == 1
    [wrong] = json.loads(told.stdout)["wrong"]
    assert (wrong["line"], wrong["answered"]) == (1, ["HARM.SPEECH.Toxicity"])


def test_from_outputs_to_a_format(url: str, here: Path) -> None:
    lines = [
        {"output": {"flagged": True, "tags": ["bad vibes"]}, "gold": ["HARM.SPEECH.Toxicity"]},
        {"flagged": False, "tags": []},
    ]
    Path("outputs.jsonl").write_text("\n".join(map(json.dumps, lines)))
    done = mapper(url, "detectors", "draft", "acme", "--outputs", "outputs.jsonl", "--json")
    made = json.loads(done.stdout)
    assert [entry["word"] for entry in made["entries"]] == ["bad vibes"]
    assert yaml.safe_load(Path("acme.yaml").read_text())["outputs"][0]["when"] == [
        "flagged",
        "tags",
    ]


def test_a_file_with_errors_is_named_by_line_and_not_added(
    url: str, here: Path, folder: Path
) -> None:
    Path("bad.yaml").write_text(FILE.replace("Toxicity", "Toxicty"))
    for command in ("lint", "diff", "add"):
        done = mapper(url, "detectors", command, "bad.yaml")
        assert done.exit_code == 1
        assert "bad.yaml:3: error: maps.bad vibes" in done.stdout
        assert "did you mean HARM.SPEECH.Toxicity" in done.stdout
    told = mapper(url, "detectors", "add", "bad.yaml", "--json")
    assert json.loads(told.stderr)["error"]["problems"][0]["line"] == 3
    assert list(folder.iterdir()) == []


def test_warnings_let_a_file_pass(url: str, here: Path) -> None:
    done = mapper(url, "detectors", "lint", "-", stdin=FILE + "  hate: OTHER.Safe\n")
    assert done.exit_code == 0
    assert "-:4: warning: maps.hate" in done.stdout
    assert "0 errors, 1 warnings" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("draft", "acme"), "give --labels or --outputs"),
        (("draft", "acme", "--labels", "nowhere.txt"), "cannot be read"),
        (("draft", "here", "--labels", "-"), "exists"),
        (("test", "here.yaml"), "line 1"),
        (("lint", "nowhere.yaml"), "cannot be read"),
    ],
)
def test_wrong_usage_is_status_2(
    url: str, here: Path, arguments: tuple[str, ...], problem: str
) -> None:
    Path("here.yaml").write_text(FILE)
    done = mapper(url, "detectors", *arguments)
    assert done.exit_code == 2
    assert problem in complaint(done)


def test_a_detector_that_is_named_as_a_command_can_be_shown(url: str, here: Path) -> None:
    named = FILE.replace("acme-guard", "draft")
    assert mapper(url, "detectors", "add", "-", stdin=named).exit_code == 0
    shown = mapper(url, "detectors", "--json", "show", "draft")
    assert json.loads(shown.stdout)["detector"] == "draft"
