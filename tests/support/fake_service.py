"""A small application that speaks the contract, and fails when it is told to."""

from collections.abc import Iterable
from typing import Any

import httpx
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


def event(item: dict[str, Any]) -> dict[str, Any]:
    """The answer to an item, with its output as the one label."""
    return {
        "taxonomy": [item["output"]],
        "scores": {item["output"]: 0.5},
        "confidence": 0.5,
        "label_confidence": {item["output"]: 0.5},
        "source": "rules",
        "fallback_reason": "timeout",
        "version_info": {"taxonomy": "2026.11"},
        "notes": "1 signal read",
    }


def problem(status: int, code: str, *, retryable: bool, retry_after: str | None = None) -> Response:
    body = {"error_code": code, "detail": "no", "retryable": retryable, "status": status}
    headers = {"x-request-id": "r-1"} | ({"retry-after": retry_after} if retry_after else {})
    return JSONResponse(body, status, headers, "application/problem+json")


class FakeService:
    """Answers as the facade would, first with what `failures` holds, and remembers it all.

    flaky: outputs that fail as items, and how often. unbearable: outputs for which a whole body is
    refused, with the status. then: failures after the first answer. late: outputs for which the
    rules answer at first, and how often; the model answers all others.
    """

    def __init__(
        self,
        failures: Iterable[Response | Exception] = (),
        flaky: dict[str, int] | None = None,
        unbearable: dict[str, int] | None = None,
        then: Iterable[Response | Exception] = (),
        late: dict[str, int] | None = None,
    ) -> None:
        self.failures, self.then = list(failures), list(then)
        self.unbearable = dict(unbearable or {})
        self.flaky = dict(flaky or {})
        self.late = None if late is None else dict(late)
        self.seen: list[tuple[Request, Any]] = []
        routes = [Route("/{path:path}", self.answer, methods=["GET", "POST", "PUT"])]
        self.app = Starlette(routes=routes)

    async def answer(self, request: Request) -> Response:
        body = orjson.loads(await request.body() or b"null")
        self.seen.append((request, body))
        if self.failures:
            failure = self.failures.pop(0)
            if isinstance(failure, Exception):
                raise failure
            return failure
        self.failures, self.then = self.then, []
        if request.url.path == "/map":
            told = {"signals": [{"name": body["output"]}], "reading": {"how": "generic"}}
            return JSONResponse(event(body) | (told if "explain" in request.query_params else {}))
        if request.url.path == "/map/batch":
            for item in body["requests"]:
                if status := self.unbearable.get(item["output"]):
                    return problem(status, "INVALID_REQUEST", retryable=False)
            return JSONResponse(self.batch(body["requests"]))
        return JSONResponse({"path": request.url.path, "body": body})

    def batch(self, items: list[dict[str, Any]]) -> dict[str, Any]:
        results: list[dict[str, Any] | None] = []
        errors = []
        for index, item in enumerate(items):
            retryable = item["output"] != "never"
            if self.flaky.get(item["output"], 0) > 0:
                self.flaky[item["output"]] -= 1
                results.append(None)
                code = "OVERLOADED" if retryable else "INVALID_REQUEST"
                errors.append(
                    {"index": index, "error_code": code, "message": "no", "retryable": retryable}
                )
            else:
                results.append(event(item) | self.by_whom(item["output"]))
        return {"results": results, "errors": errors}

    def by_whom(self, output: str) -> dict[str, Any]:
        if self.late is None:
            return {}
        if self.late.get(output, 0) > 0:
            self.late[output] -= 1
            return {"source": "rules", "fallback_reason": "overloaded"}
        return {"source": "model", "fallback_reason": None}

    def transport(self) -> httpx.ASGITransport:
        return httpx.ASGITransport(self.app)
