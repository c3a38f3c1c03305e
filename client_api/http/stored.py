"""Stored answers: their bytes, plain and compressed, and their entity tag.

Also the choice of a body's encoding for a request.
"""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cached_property

from fastapi import Request, Response


@dataclass(frozen=True)
class StoredAnswer:
    """A body, with the headers that let a client cache it.

    media_type: with its charset, if any; gzip_level: 1 (fast) to 9 (small).
    """

    body: bytes
    media_type: str = "application/json"
    gzip_level: int = 6

    @cached_property
    def etag(self) -> str:
        """The entity tag; weak, since plain and compressed bytes share it."""
        return f'W/"{hashlib.sha256(self.body).hexdigest()[:32]}"'

    @cached_property
    def packed(self) -> bytes:
        """The body, compressed by gzip."""
        return gzip.compress(self.body, self.gzip_level, mtime=0)

    def prepare(self) -> "StoredAnswer":
        """This object, after computing tag and compressed body."""
        _ = self.etag, self.packed
        return self

    def respond(self, request: Request) -> Response:
        """The body in an encoding that the request accepts; 304 if the client has it."""
        headers = {
            "ETag": self.etag,
            "Cache-Control": "private, no-cache",
            "Vary": "Accept-Encoding",
        }
        if _is_held(request.headers.get("if-none-match", ""), self.etag):
            return Response(status_code=304, headers=headers)
        if not takes_gzip(request.headers.get("accept-encoding", "")):
            return Response(self.body, headers=headers, media_type=self.media_type)
        headers["Content-Encoding"] = "gzip"
        return Response(self.packed, headers=headers, media_type=self.media_type)


def takes_gzip(accepted: str) -> bool:
    """Whether an `Accept-Encoding` lists gzip, or `*`, without a weight of 0."""
    weights = {}
    for part in accepted.lower().split(","):
        coding, _, weight = part.replace(" ", "").partition(";q=")
        weights[coding] = weight.strip("0.") != "" or weight == ""
    return weights.get("gzip", weights.get("*", False))


def _is_held(tags: str, own: str) -> bool:
    """Whether an `If-None-Match` has the tag; the weak comparison of RFC 9110."""
    held = {tag.strip().removeprefix("W/") for tag in tags.split(",")}
    return "*" in held or own.removeprefix("W/") in held
