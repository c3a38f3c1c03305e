"""Puts the console's page together: one HTML text, and the headers that fence it in.

In: the files beside this one, and whether keys are needed. Out: bytes and headers. Knows no routes
and no data of the service; the page asks for those itself.

Style and script stand in the page, allowed by their hashes: no other of either can run, and no
file of ours has a path that access rules would have to know.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Template
from typing import Final

# In this order they are one script; a later one uses what an earlier one declares.
_SCRIPTS: Final = ("dom", "api", "charts", "levels", "traffic", "playground", "operate", "main")


@dataclass(frozen=True, slots=True)
class Page:
    """html: the whole page; headers: its own and the browser's orders."""

    html: bytes
    headers: Mapping[str, str]


@cache
def build_page(keys: bool) -> Page:
    """The page as a service with or without API keys serves it."""
    style = _read("console.css")
    script = "\n".join(_read(f"{name}.js") for name in _SCRIPTS)
    html = Template(_read("index.html")).substitute(
        style=style,
        script=script,
        # `<` is escaped, so that no text can end the element that holds it.
        examples=_read("examples.json").replace("<", "\\u003c"),
        keys="yes" if keys else "no",
    )
    return Page(html.encode(), _HEADERS | {"Content-Security-Policy": _policy(style, script)})


_HEADERS: Final = {
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def _policy(style: str, script: str) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_hash(script)}'",
            f"style-src '{_hash(style)}'",
            "img-src data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            # Text becomes an element nowhere in the page, and no defect can make it one.
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
