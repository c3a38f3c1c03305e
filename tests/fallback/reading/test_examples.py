"""Every example of every detector file and envelope is read as it says, and stays so."""

import copy
import re
from collections.abc import Iterator

import pytest

from tests.fallback.reading.examples import Case, agrees, cases, reader, said

CASES = list(cases())
INVENTED = "invented-category-x"
BOOKKEEPING = {
    "request_id": "7c1f6f0e-7a50-4f7e-9d5b-0f6f6a1b2c3d",
    "created_at": "2026-11-02T10:11:12Z",
    "api_version": "2026-11-01",
    "latency_ms": 41,
    "usage": {"input_tokens": 12, "output_tokens": 3},
}


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_example(case: Case) -> None:
    reading = reader().read(case.detector, case.example.text)
    assert agrees(reading, case.example), reading


@pytest.mark.parametrize(
    "case", [c for c in CASES if isinstance(c.example.output, dict)], ids=lambda c: c.id
)
def test_ids_times_usage_and_versions_change_nothing(case: Case) -> None:
    output = case.example.output
    assert isinstance(output, dict)
    more = {**{k: v for k, v in BOOKKEEPING.items() if k not in output}, **output}
    changed = case.example.model_copy(update={"output": more})
    assert agrees(reader().read(case.detector, changed.text), case.example)


def _invented() -> Iterator[tuple[Case, str]]:
    """Examples with a named finding that stands in a map or a list of entries.

    A name that the format itself writes is a key of the format, no category; an invented name has
    not the beginning that a format asks of names.
    """
    for case in CASES:
        if isinstance(case.example.says, tuple) and isinstance(case.example.output, dict | list):
            for name in case.example.says:
                asked = re.findall(r"starts_with\(@, '([^']+)'\)", case.form.content)
                if name in case.form.content or name.startswith(tuple(asked)):
                    continue
                if _add(copy.deepcopy(case.example.output), name):
                    yield case, name
                    break


def _add(value: object, name: str) -> bool:
    """Put an entry of an invented name beside each entry of the name; whether there is one."""
    added = False
    stack = [value]
    while stack:
        top = stack.pop()
        if isinstance(top, dict):
            stack.extend(top.values())
            if name in top:
                top[INVENTED] = copy.deepcopy(top[name])
                added = True
        elif isinstance(top, list):
            stack.extend(top)
            if name in top:
                top.append(INVENTED)
                added = True
            for entry in list(top):
                if isinstance(entry, dict) and name in [
                    x for x in entry.values() if isinstance(x, str)
                ]:
                    top.append(
                        {k: INVENTED if v == name else copy.deepcopy(v) for k, v in entry.items()}
                    )
                    added = True
    return added


@pytest.mark.parametrize(("case", "name"), list(_invented()), ids=lambda x: getattr(x, "id", x))
def test_a_category_that_the_vendor_adds_tomorrow_is_read(case: Case, name: str) -> None:
    output = copy.deepcopy(case.example.output)
    _add(output, name)
    changed = case.example.model_copy(update={"output": output})
    read = said(reader().read(case.detector, changed.text))
    assert read == {*case.example.says, INVENTED}
