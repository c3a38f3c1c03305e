"""The page at `/docs`: Swagger UI of fastapi-offline, under the console's policy.

In: nothing. Out: the page, its headers, and the files that it loads. The page reads
`/openapi.json` of the host that serves it, and nothing from elsewhere.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from client_api.console import HEADERS, Page, content_policy, read, source_of

#: The files that the page loads, with their media types.
ASSETS: Final[Mapping[str, str]] = {
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "favicon.png": "image/png",
}


@cache
def build_reference() -> Page:
    """The page, with its one inline script allowed by its hash.

    Its policy is the console's without Trusted Types, which Swagger UI does not use.
    """
    script = read("reference.js")
    html = read("reference.html").replace("$script", script)
    policy = content_policy(
        scripts=f"'self' {source_of(script)}",
        styles="'self'",
        images="'self' data:",
    )
    return Page(html.encode(), HEADERS | {"Content-Security-Policy": policy})


def read_asset(name: str) -> bytes:
    """A file of `ASSETS`."""
    return files("fastapi_offline").joinpath("static", name).read_bytes()
