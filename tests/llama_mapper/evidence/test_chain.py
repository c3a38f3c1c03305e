"""Records and a seal that show every change."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llama_mapper.evidence import Catalogue, Period, read_answers, verify, write_evidence
from llama_mapper.evidence.chain import Chain, canonical
from tests.llama_mapper.evidence.answers import answer, lines

CHANGES = [
    *("remove", "swap", "repeat", "edit", "forge"),
    *("extra member", "duplicate key", "other text", "subfolder"),
]


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_every_change_of_the_records_is_found(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("evidence") / "folder"
    rows = [answer("PII.Contact.Email", confidence=n / 10) for n in range(5)]
    made = datetime(2026, 11, 29, tzinfo=UTC)
    catalogue = Catalogue("2026.11", (), {})
    write_evidence(
        read_answers(lines(rows)), place, catalogue, period=Period.DAY, made=made, plan="#p"
    )
    assert verify(place) == []
    records = (place / "events.jsonl").read_text().splitlines()
    change = data.draw(st.sampled_from(CHANGES))
    at = data.draw(st.integers(0, 3))
    if change == "remove":
        del records[at + data.draw(st.integers(0, 1))]
    elif change == "swap":
        records[at], records[at + 1] = records[at + 1], records[at]
    elif change == "repeat":
        records.insert(at, records[at])
    elif change == "edit":
        records[at] = records[at].replace("PII.Contact.Email", "OTHER.Safe")
    elif change == "extra member":
        records[at] = json.dumps({**json.loads(records[at]), "reviewed": True})
    elif change == "duplicate key":
        records[at] = '{"event":{"taxonomy":["OTHER.Safe"]},' + records[at][1:]
    elif change == "other text":
        records[at] = records[at].replace(",", ", ", 1)
    elif change == "subfolder":
        place_of = data.draw(st.sampled_from(["more", "more/of/it"]))
        (place / place_of).mkdir(parents=True)
        if data.draw(st.booleans()):
            (place / place_of / "seal.json").write_text("{}")
    else:  # every later hash is made anew
        chain = Chain()
        events = [json.loads(record)["event"] for record in records]
        events[at]["confidence"] = 0.99
        records = [chain.line(canonical(event)).strip() for event in events]
    (place / "events.jsonl").write_text("\n".join(records) + "\n")
    assert verify(place) != []


def test_a_signature_beside_the_seal_is_no_problem(tmp_path: Path) -> None:
    place, made = tmp_path / "evidence", datetime(2026, 11, 29, tzinfo=UTC)
    found = read_answers(lines([answer("PII.Contact.Email")]))
    catalogue = Catalogue("2026.11", (), {})
    write_evidence(found, place, catalogue, period=Period.DAY, made=made, plan="#p")
    (place / "seal.json.sig").write_text("-----BEGIN SSH SIGNATURE-----")
    assert verify(place) == []
    (place / "other.sig").write_text("")
    assert verify(place) == ["other.sig: was not sealed"]
