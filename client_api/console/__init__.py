"""Puts the console's page together: one HTML text, and the headers that fence it in.

In: the files of this folder, and whether keys are needed. Out: bytes and headers. Knows no routes
and no data of the service; the page asks for those itself.

Style and script stand in the page, allowed by their hashes: no other of either can run, and no
file of ours has a path that access rules would have to know.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Template
from typing import Final

# In this order the files of `scripts/` are one script; later ones use what earlier ones declare.
_SCRIPTS: Final = (
    "dom",
    "api",
    "charts",
    "levels",
    "traffic",
    "shadow",
    "drift",
    "playground",
    "review",
    "operate",
    "main",
)


@dataclass(frozen=True, slots=True)
class Page:
    """html: the whole page; headers: its own and the browser's orders."""

    html: bytes
    headers: Mapping[str, str]


@cache
def build_page(keys: bool, review: bool) -> Page:
    """The page as a service with or without API keys and a review queue serves it."""
    style = read("console.css")
    script = "\n".join(read(f"scripts/{name}.js") for name in _SCRIPTS)
    html = Template(read("index.html")).substitute(
        style=style,
        script=script,
        # `<` is escaped, so that no text can end the element that holds it.
        examples=read("examples.json").replace("<", "\\u003c"),
        keys="yes" if keys else "no",
        review="yes" if review else "no",
    )
    policy = content_policy(
        scripts=source_of(script),
        styles=source_of(style),
        images="data:",
        # Text becomes an element nowhere in the page, and no defect can make it one.
        more=("require-trusted-types-for 'script'", "trusted-types 'none'"),
    )
    return Page(html.encode(), HEADERS | {"Content-Security-Policy": policy})


#: Of every page, besides its policy.
HEADERS: Final = {
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def content_policy(*, scripts: str, styles: str, images: str, more: Sequence[str] = ()) -> str:
    """The Content-Security-Policy of a page that asks its own host alone.

    scripts, styles, images: their sources. more: further directives.
    """
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {scripts}",
            f"style-src {styles}",
            f"img-src {images}",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            *more,
        )
    )


def source_of(text: str) -> str:
    """The source that allows an inline script or style by its hash."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def read(name: str) -> str:
    """A text file of this folder, by its path."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
