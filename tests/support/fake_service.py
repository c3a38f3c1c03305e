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
        "source": "rules",
        "fallback_reason": "timeout",
        "version_info": {"taxonomy": "2026.11"},
        "notes": "",
    }


def problem(status: int, code: str, *, retryable: bool, retry_after: str | None = None) -> Response:
    body = {"error_code": code, "detail": "no", "retryable": retryable, "status": status}
    headers = {"x-request-id": "r-1"} | ({"retry-after": retry_after} if retry_after else {})
    return JSONResponse(body, status, headers, "application/problem+json")


class FakeService:
    """Answers as the facade would, first with what `failures` holds, and remembers it all.

    flaky: outputs that fail as items, and how often.
    """

    def __init__(
        self,
        failures: Iterable[Response | Exception] = (),
        flaky: dict[str, int] | None = None,
    ) -> None:
        self.failures = list(failures)
        self.flaky = dict(flaky or {})
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
        if request.url.path == "/map":
            return JSONResponse(event(body))
        if request.url.path == "/map/batch":
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
                results.append(event(item))
        return {"results": results, "errors": errors}

    def transport(self) -> httpx.ASGITransport:
        return httpx.ASGITransport(self.app)
