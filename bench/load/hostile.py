"""Generated outputs that attack the service: to stop it, or to get a wrong answer."""

import json
from collections.abc import Iterator
from typing import Any

_LIMIT = 60_000
#: Pieces whose repetition took more than linear time in a reader.
_RUNS = (
    *("[ab] ", "a" * 60 + "(" * 330 + "\n", "a" * 60 + " " * 330 + "\n", "_" * 400 + "\n", "a.b."),
    *("violence" + " " * 150 + "none" + " " * 150 + "no match\n", "detected ", "</", "hate: 0.9, "),
    *(
        "passed; ",
        "check_1: pass\n",
        '"',
        "\\",
        "{",
        "[",
        "(",
        "😀|",
        "1+",
        "no ",
        "not safe ",
        "=>",
    ),
)


def outputs() -> Iterator[tuple[str, Any]]:
    """(kind, output), each within the limits of the REST facade."""
    for run in _RUNS:
        yield "run", (run * (_LIMIT // len(run.encode()) + 1))[: _LIMIT // 4]
        yield "run in a list", {"labels": [(run * 400)[:400]] * 20}
    yield (
        "marks before a long word",
        {
            "flagged": True,
            "reason": "[ab] " * 20 + "a" * 60 + " " * 230 + "x",
        },
    )
    words = ",".join(f"w{i:x}" for i in range(5000))
    for depth in (50, 200, 400):
        nested = '[{"role":"u","content":' * depth + json.dumps(words[:20_000]) + "}]" * depth
        yield "conversation in a string", nested
    yield "many turns", '[{"role":"u","text":' * 450 + '"' + "ab cd," * 7000 + '"' + "}]" * 450
    yield "f-string", "(f'" + "{1}" * 19_000 + "')"
    yield "sum", "(" + "+".join("1" * 20_000) + ")"
    yield "lone surrogate", '{"error": "error: \\ud800 timed out"}'
    yield "surrogate name", '{"\\ud800": true}'
    for number in ("1" + "0" * 400, "1e400", "-1e400", "NaN", "Infinity", "9" * 50_000):
        yield "number", f'{{"hate": {number}}}'
        yield "number as text", {"label": "toxic", "score": number[:400]}
    for bracket in ("[", '{"a":', "("):
        yield "depth", bracket * 5000
    yield "keys", {f"key {n}": n % 2 == 0 for n in range(3000)}
    yield "spans", [{"label": "PERSON", "score": 0.5}] * 1500 + [{"label": "US_SSN", "score": 1.0}]
    yield "one key many times", "{" + ",".join('"hate": true' for _ in range(4000)) + "}"
    yield "controls", "support\x01for\x01terrorism" * 500
    yield "invisible", "ha\u200bte\u2060" * 3000
    yield "base64", "QUJD" * 15_000
    yield "html", "<div class='x'>" * 3000
    yield "markdown table", "| a | b |\n" * 4000
    yield "csv", "label,score\n" + "hate,0.9\n" * 5000
    yield "escapes", "\\u0041" * 8000


def bodies() -> Iterator[tuple[str, dict[str, Any]]]:
    """The outputs as bodies of `/map`, and bodies with hostile hints."""
    for kind, output in outputs():
        yield kind, {"detector": "acme-judge", "output": output}
    names = [f"nobody {n}" for n in range(1500)]
    yield (
        "contributing detectors",
        {
            "detector": "acme-judge",
            "output": ", ".join(f"l{n}" for n in range(400)),
            "metadata": {"contributing_detectors": names + ["llama-guard-3"] * 1500},
        },
    )
    yield (
        "scores of no names",
        {
            "detector": "acme-judge",
            "output": "hate",
            "metadata": {"normalized_scores": {f"n{n}": 0.5 for n in range(3000)}},
        },
    )
