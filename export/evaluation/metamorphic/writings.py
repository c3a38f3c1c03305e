"""Suite a: one output in another notation, or inside the envelopes of services.

In: the examples. Out: variants that must be read with the same names and flags.
"""

import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import yaml

from export.evaluation.metamorphic.cases import Case, all_cases, as_it_stands
from export.evaluation.metamorphic.suite import EVERYTHING, Sample, Variant
from fallback.reading.declared import Declared, apply
from fallback.reading.formats import Format, load_envelopes
from fallback.reading.tree import Leaf, Planter, plain
from fallback.rules.lookup import load_rules

_STAMP = "2026-11-28T10:00:00.123Z"
Writer = Callable[[str], str]


def variants(sample: Sample = EVERYTHING) -> Iterator[Variant]:
    """Every example in every writing that fits it."""
    for case in all_cases():
        text = case.example.text
        structured = not isinstance(case.example.output, str)
        for kind, write in (_OF_VALUES if structured else {}).items():
            if sample.takes(kind, case.id):
                yield _variant(kind, case, write(case.example.output))
        for kind, wrap in _OF_TEXTS.items():
            if sample.takes(kind, case.id) and (structured or _fits(kind, text)):
                yield _variant(kind, case, wrap(text))
        for kind, wrap in _in_envelopes(structured, bool(case.names)).items():
            if sample.takes(kind, case.id) and not _is_own(case.detector, output := wrap(text)):
                yield _variant(kind, case, output)


def _variant(kind: str, case: Case, output: str) -> Variant:
    text = case.example.text
    expected = as_it_stands(case.detector, text).signals
    return Variant(
        kind,
        case.id,
        case.detector,
        output,
        lambda seen: seen.signals == expected,
        harmful=bool(case.names),
    )


def _fits(kind: str, text: str) -> bool:
    """Whether a text fits a writing of one line."""
    return kind not in _ONE_LINE or "\n" not in text.strip()


@cache
def _own_formats(detector: str) -> Declared:
    return Declared(load_rules().resolve(detector), ())


def _is_own(detector: str, output: str) -> bool:
    """Whether the detector itself answers in this envelope, with the judged text inside."""
    return _own_formats(detector).read(Planter().plant(json.loads(output))) is not None


def _yaml(value: object) -> str:
    return yaml.safe_dump(value, allow_unicode=True, sort_keys=False)


def _dumps(value: object, **options: Any) -> str:
    return json.dumps(value, ensure_ascii=False, **options)


_OF_VALUES: dict[str, Callable[[object], str]] = {
    "object": lambda v: _dumps(v, separators=(",", ":")),
    "pretty": lambda v: _dumps(v, indent=2),
    "keys in order": lambda v: _dumps(v, sort_keys=True),
    "ASCII": json.dumps,
    "repr": repr,
    "YAML": _yaml,
    "fenced YAML": lambda v: f"```yaml\n{_yaml(v)}```",
    "HTTP body, object": lambda v: _dumps({"statusCode": 200, "headers": {}, "body": v}),
}
_ONE_LINE = frozenset({"log line", "log record", "heading"})
_OF_TEXTS: dict[str, Writer] = {
    "fenced": lambda t: f"```json\n{t}\n```" if t[:1] in "{[" else f"```\n{t}\n```",
    "string in string": _dumps,
    "string in string twice": lambda t: _dumps(_dumps(t)),
    "log line": lambda t: f"{_STAMP} INFO [guard] response: {t}",
    "log record": lambda t: _dumps({"ts": _STAMP, "level": "info", "logger": "g", "message": t}),
    "HTTP body": lambda t: _dumps(
        {"status_code": 200, "headers": {"content-type": "application/json"}, "body": t}
    ),
    "HTTP message": lambda t: (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{t}"
    ),
    "stream of events": lambda t: (
        "".join(f"data: {_dumps(_chunk(part))}\n\n" for part in (t[:7], t[7:20], t[20:]))
        + "data: [DONE]\n\n"
    ),
}


def _chunk(part: str) -> object:
    delta = {"role": "assistant", "content": part}
    return {
        "id": "c-1",
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": delta, "finish_reason": None}],
    }


@cache
def _in_envelopes(structured: bool, found: bool) -> dict[str, Writer]:
    """A writer for each envelope whose example holds one text and has no statement of its own.

    structured: the text of an assistant has verdicts only as structure. found: an envelope that
    reports a failure has no clean verdict.
    """
    wrappers: dict[str, Writer] = {}
    for form in load_envelopes():
        for example in form.examples:
            node = Planter().plant(example.output)
            applied = apply(form, node)
            if applied is None or (not found and _reports_failure(form)):
                continue
            if any(f.hit is True for s in applied.scopes for f in (*s.decisions, *s.inside)):
                continue
            holders = [*applied.contents, *(applied.verdicts if structured else ())]
            texts = [n for n in holders if isinstance(n, Leaf) and isinstance(n.value, str)]
            if len(texts) == 1 and len(holders) == 1 and _slot(node, texts[0]):
                wrappers.setdefault(f"in {form.name}", _writer(example.output, texts[0].path))
    return wrappers


def _reports_failure(form: Format) -> bool:
    return any(word in form.name for word in ("error", "failure", "exception", "problem"))


def _slot(node: object, leaf: Leaf) -> bool:
    """Whether the value contains the leaf itself, which was not computed from it."""
    if isinstance(node, dict):
        return any(_slot(inner, leaf) for inner in node.values())
    if isinstance(node, list):
        return any(_slot(inner, leaf) for inner in node)
    return node is leaf


def _writer(output: object, path: str) -> Writer:
    def write(text: str) -> str:
        node = Planter().plant(output)
        return _dumps(plain(_put(node, path, text)))

    return write


def _put(node: Any, path: str, text: str) -> Any:
    if isinstance(node, dict):
        return {key: _put(inner, path, text) for key, inner in node.items()}
    if isinstance(node, list):
        return [_put(inner, path, text) for inner in node]
    return Leaf(text, path) if node.path == path else node
