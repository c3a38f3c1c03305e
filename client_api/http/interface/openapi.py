"""The OpenAPI document: what FastAPI derives, completed with headers, problems and keys.

In: the application with its routes. Out: the document. Knows no handlers.
"""

from typing import Any, Final

from fastapi import FastAPI

from client_api.http.interface.answers import Problem

MEDIA_TYPE: Final = "application/problem+json"
_PROBLEM: Final = "#/components/schemas/Problem"
_KEYS: Final = {
    "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "Bearer": {"type": "http", "scheme": "bearer"},
}
TAGS: Final = [
    {"name": "mapping", "description": "Detector outputs to canonical events."},
    {"name": "meta", "description": "The vocabularies and versions that are served."},
    {"name": "metrics", "description": "Counts of this process, and its service levels."},
    {"name": "health", "description": "Probes; they need no key and have no rate limit."},
    {"name": "review", "description": "Words to review, and decisions about them."},
    {"name": "detectors", "description": "Files of own detectors: draft, check, add."},
    {"name": "admin", "description": "The kill switch."},
]
#: Tags of the operations that no rate limit counts.
_UNLIMITED: Final = frozenset({"health", "metrics", "admin"})


def _header(kind: str, text: str) -> dict[str, Any]:
    return {"description": text, "schema": {"type": kind}}


_HEADERS: Final = {
    "X-Request-ID": _header("string", "id of the request: the caller's, or a new one"),
    "RateLimit-Limit": _header("integer", "items that the nearest limit allows per window"),
    "RateLimit-Remaining": _header("integer", "items left in the window"),
    "RateLimit-Reset": _header("integer", "seconds until the window ends"),
    "Retry-After": _header("integer", "seconds to wait before the next request"),
    "Idempotent-Replayed": _header("string", "`true` if the answer was stored before"),
    "X-Budget-Granted-Ms": _header("number", "milliseconds that the request may take"),
    "ETag": _header("string", "version of the body, for If-None-Match"),
}
_RATE: Final = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")


def problem_docs(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` argument of a route with these statuses, for the OpenAPI document."""
    return {status: {"model": Problem} for status in statuses}


#: What any operation may answer.
ALWAYS: Final = problem_docs(429, 500, 503)
#: What any operation may answer that wants a key.
GUARDED: Final = problem_docs(401, 403, 421)
#: What an operation may answer whose body is made once.
UNCHANGED: Final[dict[int | str, dict[str, Any]]] = {
    304: {"description": "The body equals the one of If-None-Match"}
}


def document(app: FastAPI, *, keys: bool) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the application's routes.

    keys: whether callers need a key; only then the document has security schemes and status 401.
    """
    schema = app.openapi()
    schema["components"]["headers"] = _HEADERS
    if keys:
        schema["components"]["securitySchemes"] = _KEYS
    for path in schema["paths"].values():
        for operation in path.values():
            if not keys:
                operation["responses"].pop("401", None)
            elif "401" in operation["responses"]:
                operation["security"] = [{name: []} for name in _KEYS]
            limited = _UNLIMITED.isdisjoint(operation["tags"])
            for status, response in operation["responses"].items():
                _complete(status, response, limited, "mapping" in operation["tags"])
                _mark_cached(operation, status, response)
    return schema


def _complete(status: str, response: dict[str, Any], limited: bool, mapping: bool) -> None:
    """Add the headers of a response, and the media type of a problem."""
    content = response.get("content", {})
    for media_type, body in list(content.items()):
        if body.get("schema", {}).get("$ref") == _PROBLEM:
            content[MEDIA_TYPE] = content.pop(media_type)
    names = [
        "X-Request-ID",
        *(_RATE if limited else ()),
        *(["Retry-After"] if status in ("429", "503") else []),
        *(["Idempotent-Replayed", "X-Budget-Granted-Ms"] if mapping and status == "200" else []),
    ]
    response["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _mark_cached(operation: dict[str, Any], status: str, response: dict[str, Any]) -> None:
    if "304" in operation["responses"] and status in ("200", "304"):
        response["headers"]["ETag"] = {"$ref": "#/components/headers/ETag"}
