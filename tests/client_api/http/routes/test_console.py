"""The console's page as it is served, and what it is fed with; tests/system/browser/ opens it."""

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest

from client_api.mapping.gateway import ModelError
from client_api.telemetry.slo_report import service_levels
from client_api.telemetry.window import Window
from schemas.contract import FallbackReason, Source
from schemas.slo import load_slo
from tests.support.fake_model import HATE, KeyFile, facade, model, raising

_ROOT = Path(__file__).parents[4]


def test_the_page_may_run_and_load_nothing_but_itself() -> None:
    with facade() as client:
        response = client.get("/")
    page = response.text
    policy = dict(
        part.strip().split(" ", 1)
        for part in response.headers["content-security-policy"].split(";")
    )

    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'"
    for name in ("base-uri", "form-action", "frame-ancestors", "trusted-types"):
        assert policy[name] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'"
    for element, directive in (('<script type="module">', "script-src"), ("<style>", "style-src")):
        [text] = re.findall(rf"{element}(.*?)</", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert policy[directive] == f"'sha256-{digest}'"
    # An XML namespace is a name, not an address.
    outside = set(re.findall(r"(?:https?:)?//[a-z0-9][a-z0-9.-]+\.[a-z]{2,}[^\s'\"`]*", page))
    assert {url for url in outside if "www.w3.org/2000/svg" not in url} == set()
    assert re.findall(r"<(?!!)[^>]*\s(?:on[a-z]+|style|src)=", page) == []


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_headers_fence_the_page_in(path: str) -> None:
    with facade() as client:
        headers = client.get(path).headers
        head = client.head(path)

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]
    assert (head.status_code, head.content) == (200, b"")
    policy = headers["content-security-policy"]
    assert head.headers["content-security-policy"] == policy
    assert "default-src 'none'" in policy
    assert "://" not in policy


def test_the_page_is_public_and_knows_whether_its_data_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = KeyFile(tmp_path / "keys.json", capsys.readouterr)
    keys.create("acme", "map:write")
    with facade(keys_file=keys.path) as client:
        guarded = client.get("/")
        assert client.get("/metrics/summary").status_code == 401
    with facade() as client:
        page = client.get("/").text
        assert client.get("/", headers={"Host": "evil.example"}).status_code == 421

    assert guarded.status_code == 200
    assert '<html lang="en" data-keys="yes" data-review="no">' in guarded.text
    assert page == guarded.text.replace('data-keys="yes"', 'data-keys="no"')


def test_its_examples_are_outputs_of_the_labelled_data() -> None:
    examples = json.loads((_ROOT / "client_api/console/examples.json").read_text())
    lines = (_ROOT / "export/data/composites.jsonl").read_text().splitlines()
    labelled = {(row["detector"], row["output"]) for row in map(json.loads, lines)}

    assert len(examples) >= 6
    assert {(e["detector"], e["output"]) for e in examples} <= labelled


def test_the_summary_says_who_answered_and_why() -> None:
    with facade(raising(ModelError("lost"))) as client:
        client.post("/map", json=HATE)
        lost = client.get("/metrics/summary").json()
    with facade(model) as client:
        for detector in (HATE["detector"], HATE["detector"], "a tool of ours"):
            client.post("/map", json=HATE | {"detector": detector})
        summary = client.get("/metrics/summary").json()

    assert lost["sources"] == {"model": 0, "curated": 0, "rules": 1, "mixed": 0, "none": 0}
    assert lost["fallback_reasons"] == {"model_error": 1}
    assert summary["sources"]["model"] == summary["items"] == 3
    assert [(d["detector"], d["items"], d["model"]) for d in summary["detectors"]] == [
        ("openai-moderation", 2, 2),
        ("other", 1, 1),
    ]
    assert sum(summary["history"]["items"]) == 3
    assert len(summary["history"]["items"]) * summary["history"]["step_s"] == summary["window_s"]
    assert (summary["circuit"], summary["mode"]) == ("closed", "hybrid")


def test_a_budget_is_what_the_document_allows_less_what_went_wrong() -> None:
    now = [1000.0]
    window = Window((0.1, 0.25, 1.0), clock=lambda: now[0])

    def add(count: int, seconds: float = 0.05, *, answered: bool = True) -> None:
        for _ in range(count):
            window.add(
                seconds,
                detector="d",
                source=Source.RULES if answered else None,
                valid=True if answered else None,
                reason=FallbackReason.LOW_CONFIDENCE if seconds > 0.25 else None,
            )

    def levels() -> dict[str, tuple[float | None, float]]:
        found = service_levels(window, window.history(), load_slo())
        return {e["indicator"]: (e["value"], e["budget"]["remaining_percent"]) for e in found}

    assert set(levels().values()) == {(None, 100.0)}
    add(989)
    add(10, 0.5)
    add(1, answered=False)
    assert levels() == {
        "latency": (pytest.approx(96.06, abs=0.5), 80.0),  # 10 of the 50 that may be slow
        "schema_valid": (100.0, 100.0),
        "fallback": (1.0, 90.0),  # 10 of 100
        "availability": (99.9, 0.0),  # 1 of 1
    }
    now[0] += 400  # the window forgets, a budget does not
    assert levels()["fallback"] == (None, 90.0)
    add(1, answered=False)
    assert levels()["availability"][1] < 0
