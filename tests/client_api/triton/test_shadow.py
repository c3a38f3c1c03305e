"""A candidate is loaded beside the served version, answers live items unseen, and goes again."""

import json
import os
import re
import shutil
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.processes import eventually
from client_api.triton.processes import children
from client_api.triton.server import LocalTriton
from client_api.triton.versions import MODEL
from engine.versions import Choice, read_shadow, write_choice
from tests.client_api.triton.switching import (
    BODY,
    chosen,
    facade,
    publish_ignorant,
    publish_stand_in,
    refused,
    serving,
    succeeds,
)

pytestmark = [pytest.mark.slow, pytest.mark.triton]

CANDIDATE = f"{MODEL}_shadow"
#: A word that no rule knows: the model's answer decides.
NEW_WORD = {"detector": "acme-guard", "output": "zorblish"}


def table(url: str) -> Any:
    return httpx.get(f"{url}/metrics/summary", timeout=60.0).json()["shadow"]


def ask(url: str, body: dict[str, str] = BODY) -> dict[str, Any]:
    headers = {"X-Budget-Ms": "20000"}
    answer = httpx.post(f"{url}/map", json=body, headers=headers, timeout=60.0).json()
    assert answer["version_info"]["model"] == "stand-in-1", answer
    return dict(answer)


def compared(url: str, agreement: str, body: dict[str, str] = BODY) -> int:
    """Items of the shadow with that agreement; asks another live item each time."""
    ask(url, body)
    shadow = table(url)
    return sum(row[agreement] for row in shadow["detectors"]) if shadow else 0


def candidates(triton: LocalTriton) -> list[int]:
    return [version for name, version in triton.control.ready() if name == CANDIDATE]


def answers_counted_by_triton(triton: LocalTriton) -> float:
    page = httpx.get(f"http://{triton.host}:{triton.ports.metrics}/metrics").text
    series = r"^mapper_ensemble_requests_total\{[^}]*openai[^}]*\} (\S+)"
    found = re.findall(series, page, re.MULTILINE)
    return sum(map(float, found))


def test_a_candidate_answers_live_items_and_no_caller_sees_it(
    repository: Path, tmp_path: Path
) -> None:
    write_choice(repository, Choice(1))
    publish_ignorant(repository, 3)
    with serving(repository) as triton, facade(triton, tmp_path) as url:
        assert table(url) is None
        said = succeeds(repository, "shadow", "2", "--share", "1")
        assert said == "version 2 answers 1 of the items too; callers do not get its answers\n"
        eventually(lambda: compared(url, "same") >= 3)
        assert (candidates(triton), triton.control.loaded(MODEL)) == ([2], (1,))
        assert table(url)["version"] == 2
        listed = succeeds(repository, "versions")
        assert "2  candidate for 1 of the items" in listed
        assert "1  served, chosen" in listed
        # It computes while nothing else wants the processor.
        pid = triton.pid
        assert pid is not None
        [stub] = [c.pid for c in children(pid) if f"/{CANDIDATE}/" in " ".join(c.command)]
        threads = map(int, os.listdir(f"/proc/{stub}/task"))
        assert {os.sched_getscheduler(thread) for thread in threads} == {os.SCHED_IDLE}

        # Another one takes its place, and its figures begin anew.
        succeeds(repository, "shadow", "3", "--share", "1")
        eventually(lambda: compared(url, "different", NEW_WORD) >= 1)
        assert (candidates(triton), table(url)["version"]) == ([3], 3)
        assert sum(row["same"] for row in table(url)["detectors"]) == 0

        # Only what callers asked was counted where answers are.
        before = answers_counted_by_triton(triton)
        for _ in range(5):
            ask(url)
        assert answers_counted_by_triton(triton) == before + 5

        assert succeeds(repository, "shadow", "off") == "no candidate gets items\n"
        eventually(lambda: table(url) is None)
        assert candidates(triton) == []


def test_a_shadow_outlives_triton_and_ends_when_its_version_is_served(
    repository: Path, tmp_path: Path
) -> None:
    write_choice(repository, Choice(1))
    with serving(repository) as triton, facade(triton, tmp_path) as url:
        succeeds(repository, "shadow", "2", "--share", "1")
        eventually(lambda: compared(url, "same") >= 1)
        pid = triton.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: triton.pid not in (None, pid) and ready(triton) == [2])
        eventually(lambda: httpx.get(f"{url}/health/model", timeout=60.0).status_code == 200)
        so_far = compared(url, "same")
        eventually(lambda: compared(url, "same") > so_far)

        assert "golden set" in succeeds(repository, "promote", "2")
        assert (chosen(repository), candidates(triton)) == ((2, 1), [])
        eventually(lambda: table(url) is None)
    assert "2  chosen" in succeeds(repository, "versions")


def ready(triton: LocalTriton) -> list[int]:
    try:
        return candidates(triton)
    except RuntimeError:
        return []


def test_a_changed_candidate_is_not_loaded_again(repository: Path) -> None:
    write_choice(repository, Choice(1))
    with serving(repository):
        succeeds(repository, "shadow", "2")
    (repository / MODEL / "2" / "manifest.json").write_text(json.dumps({"model_id": "another"}))
    with serving(repository) as triton:
        eventually(lambda: read_shadow(repository) is None)
        assert (candidates(triton), triton.control.loaded(MODEL)) == ([], (1,))


def test_what_cannot_be_a_candidate_is_refused(repository: Path) -> None:
    write_choice(repository, Choice(1))
    publish_ignorant(repository, 3)
    (repository / MODEL / "3" / "model.onnx").write_bytes(b"cut short")
    publish_stand_in(repository, 4)
    with (repository / MODEL / "4" / "weights").open("wb") as weights:
        weights.truncate(2**42)  # a hole: it takes no room
    assert "no Triton serves" in refused(repository, "shadow", "2")
    with serving(repository) as triton:
        assert "version 1 is served" in refused(repository, "shadow", "1")
        assert "VERSION=9 is not published; published: 1, 2, 3, 4" in refused(
            repository, "shadow", "9"
        )
        assert "give VERSION=n or VERSION=off" in refused(repository, "shadow")
        for share in ("0", "1.5", "nan"):
            assert "is not a share" in refused(repository, "shadow", "2", "--share", share)
        succeeds(repository, "shadow", "2")
        assert "version 4 gets no items: version 4 needs about 6597" in refused(
            repository, "shadow", "4"
        )
        assert candidates(triton) == [2], "what was refused for memory ends no other shadow"
        assert "version 3 gets no items" in refused(repository, "shadow", "3")
        assert (candidates(triton), read_shadow(repository)) == ([], None)
        assert triton.control.loaded(MODEL) == (1,)
    shutil.rmtree(repository / MODEL / "2")
    succeeds(repository, "shadow", "off")
