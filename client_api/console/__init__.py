"""Builds the console's page: one HTML text, and its security headers.

In: the files of this folder, and whether keys are needed. Out: bytes and headers. Independent of
routes and data of the service, which the page requests itself.

Style and script are in the page and are allowed by their hashes: no other style or script can run,
and access rules need no paths for them.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Template
from typing import Final

# The files of `scripts/` are one script in this order; later ones use declarations of earlier ones.
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
    """html: the whole page; headers: its own and the security headers."""

    html: bytes
    headers: Mapping[str, str]


@cache
def build_page(keys: bool, review: bool) -> Page:
    """The page of a service with or without API keys and a review queue."""
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
        # The page never converts text to elements; the policy enforces it even with a defect.
        more=("require-trusted-types-for 'script'", "trusted-types 'none'"),
    )
    return Page(html.encode(), HEADERS | {"Content-Security-Policy": policy})


#: Headers of every page, besides its policy.
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
    """The Content-Security-Policy of a page that calls only its own host.

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
