"""The quality gate: what it lets pass is the Llama's own doing."""

import pytest

from engine.mapper import MapperEngine
from engine.retrieval.neighbours import PHRASES, write_phrases
from engine.version import read_version
from export.data.folds import gate_rows
from export.publishing.quality_gate import GateResult, judge_version, load_thresholds
from schemas.text import normalise
from tests.support import tiny_llama

pytestmark = pytest.mark.export


@pytest.fixture(scope="module")
def verdict(tmp_path_factory: pytest.TempPathFactory) -> GateResult:
    """On a random network beside a list that has the right answer to nearly everything."""
    rows = gate_rows()
    answers = sorted({row.gold for row in rows})
    version = tiny_llama.publish(tmp_path_factory.mktemp("v") / "1", answers=answers)
    phrases = {normalise(row.output): row.gold for row in rows}
    writes = read_version(version).writes
    write_phrases(version / PHRASES, phrases, writes.answers)  # type: ignore[union-attr]
    tiny_llama.list_anew(version)
    return judge_version(MapperEngine.load(version, threads=1), rows, 1.0, load_thresholds())


def test_a_random_network_is_refused_however_good_its_retrieval(verdict: GateResult) -> None:
    failed = {figure.name for figure in verdict.figures if not figure.passes}
    assert "exact" not in failed
    assert "llama_alone" in failed
    assert not verdict.passes


def test_every_part_of_a_version_is_told_by_itself(verdict: GateResult) -> None:
    told = verdict.to_json(forced=False)
    assert list(told["ways"]) == ["together", "llama", "retrieval", "rules"]
    assert told["ways"]["llama"]["exact"] < 0.2 < told["ways"]["rules"]["exact"]
    assert told["ways"]["retrieval"]["exact"] > 0.9
    assert told["new_rows"] == 0
    assert told["ways"]["rules"]["exact_new"] is None
    assert "rows with a new text" in verdict.table()
