"""What the OpenAPI page says beyond what FastAPI finds out: problems, keys, refusals.

In: the page as FastAPI makes it. Out: the page as the service behaves. Knows no handlers.
"""

from typing import Any, Final

from fastapi import FastAPI

from client_api.http.bodies import Problem

MEDIA_TYPE: Final = "application/problem+json"
_PROBLEM = "#/components/schemas/Problem"
_KEYS: Final = {
    "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "Bearer": {"type": "http", "scheme": "bearer"},
}


def problem_docs(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may answer with these statuses, for its OpenAPI page."""
    return {status: {"model": Problem} for status in statuses}


#: What any path may answer that wants a key.
GUARDED: Final = problem_docs(401, 403, 429)


def document(app: FastAPI) -> None:
    """Complete the page: FastAPI has one media type for all bodies, and knows no middleware."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        schema = generate()
        operations = [op for path in schema["paths"].values() for op in path.values()]
        for response in (r for op in operations for r in op["responses"].values()):
            content = response.get("content", {})
            for media_type, body in list(content.items()):
                if body.get("schema", {}).get("$ref") == _PROBLEM:
                    content[MEDIA_TYPE] = content.pop(media_type)
        schema["components"]["securitySchemes"] = _KEYS
        for operation in operations:
            if "401" in operation["responses"]:
                operation["security"] = [{name: []} for name in _KEYS]
        return schema

    app.openapi = openapi  # type: ignore[method-assign]
