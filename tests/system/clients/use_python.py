"""Uses the client that openapi-python-client generates; arguments: URL and key. Prints JSON."""

import json
import sys
from typing import TypeVar

from generated import AuthenticatedClient
from generated.api.mapping import map_batch, map_one
from generated.models import BatchRequest, BatchResponse, MapRequest, MapResponse, Problem

HATE = MapRequest(detector="openai-moderation", output="hate")
Expected = TypeVar("Expected")


def expect(kind: type[Expected], value: object) -> Expected:
    assert isinstance(value, kind), value
    return value


def labels(event: MapResponse) -> list[str]:
    return [label.value for label in event.taxonomy]


def main(url: str, key: str) -> dict[str, object]:
    client, stranger = (
        AuthenticatedClient(url, token, prefix="", auth_header_name="X-API-Key")
        for token in (key, "unknown")
    )
    first, again = (
        map_one.sync_detailed(client=client, body=HATE, x_budget_ms=100, idempotency_key="one")
        for _ in range(2)
    )
    event = expect(MapResponse, first.parsed)
    large = MapRequest(detector="openai-moderation", output="hate " * 20_000)
    batch = expect(
        BatchResponse,
        map_batch.sync(client=client, body=BatchRequest(requests=[HATE, large])),
    )
    refused = map_one.sync_detailed(client=stranger, body=HATE)
    refusal = expect(Problem, refused.parsed)
    wrong = expect(
        Problem,
        map_one.sync(client=client, body=MapRequest("openai-moderation", "hate", threshold=2.0)),
    )
    return {
        "labels": labels(event),
        "source": event.source.value,
        "confidence": event.confidence,
        "tenant": event.provenance.tenant_id,
        "granted_ms": first.headers["X-Budget-Granted-Ms"],
        "replayed": [x.headers.get("Idempotent-Replayed") for x in (first, again)],
        "batch": [labels(x) if isinstance(x, MapResponse) else None for x in batch.results],
        "errors": [[x.index, x.error_code.value, x.retryable] for x in batch.errors],
        "refused": [refused.status_code.value, refusal.error_code.value, refusal.retryable],
        "request_id": refused.headers["X-Request-ID"] == refusal.request_id,
        "wrong": [wrong.status, wrong.error_code.value],
    }


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
