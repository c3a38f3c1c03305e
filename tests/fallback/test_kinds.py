"""What a detector is about: by the caller, its file, its name, in this order."""

from pathlib import Path

import pytest

from pipeline.steps import load_pipeline, queries_of
from pipeline.tenants import TenantPipelines
from schemas.contract import Kind
from schemas.requests import Metadata


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("acme-pii-scanner", Kind.PII),
        ("AcmePIIScanner", Kind.PII),
        ("house_secrets", Kind.SECRETS),
        ("toxicity.v2", Kind.TOXICITY),
        ("fairness audit", Kind.BIAS),
        ("jailbreak/injection", Kind.INJECTION),
        ("groundedness", Kind.GROUNDING),
        ("agentic-watch", Kind.AGENTS),
        ("pii and secrets", None),  # two kinds
        ("piiguard", None),  # no word of its own
        ("acme-guard", None),
    ],
)
def test_a_name_tells_the_kind_by_its_words(name: str, kind: Kind | None) -> None:
    assert load_pipeline().rules.kind(name) is kind


def test_the_file_counts_more_than_the_name_and_the_caller_more_than_both(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("{detector: house-pii, aliases: [house], kind: bias}")
    pipeline = TenantPipelines([tmp_path]).of()
    assert pipeline.read("house", "zxqv").kind is Kind.BIAS
    assert pipeline.read("house-pii", "zxqv").kind is Kind.BIAS
    assert pipeline.read("house", "zxqv", Metadata(kind=Kind.AGENTS)).kind is Kind.AGENTS


def test_the_model_is_told_the_kind_of_words_that_the_detector_has_no_entry_for() -> None:
    hints = Metadata(kind=Kind.PII)
    item = load_pipeline().read("presidio", '["EMAIL_ADDRESS", "gender", "zxqv wlkj"]', hints)
    asked = {query.signal: (query.kind, bool(query.draft)) for query in queries_of(item)}
    assert asked == {
        "EMAIL_ADDRESS": (None, True),
        "gender": (Kind.PII, True),
        "zxqv wlkj": (Kind.PII, False),
    }
