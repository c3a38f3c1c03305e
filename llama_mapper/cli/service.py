"""The client of a command, made from options and variables.

In: options and the variables MAPPER_URL, MAPPER_TENANT and MAPPER_KEY. Out: a client. The key comes
only from the environment, since other users of a machine see the arguments of a command.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import httpx
import typer

from llama_mapper import DEFAULT_URL, MapperClient, MapperError
from llama_mapper.cli import show

KEY = "MAPPER_KEY"


def check_url(text: str) -> str:
    """A valid URL of the service. Raises BadParameter."""
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, UnicodeError):
        raise typer.BadParameter(f"{text!r} is not a URL") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise typer.BadParameter(f"{text!r} is not a URL such as {DEFAULT_URL}")
    return text


def check_header(text: str | None) -> str | None:
    """A text that a header can hold. Raises BadParameter, which does not quote it."""
    if text is not None and not (text.isascii() and text.isprintable() and text.strip()):
        raise typer.BadParameter("use printable ASCII characters only")
    return text


Json = Annotated[bool, typer.Option("--json", help="write JSON, errors too")]
Url = Annotated[
    str,
    typer.Option("--url", envvar="MAPPER_URL", callback=check_url, help="address of the service"),
]
Tenant = Annotated[
    str | None,
    typer.Option(
        "--tenant", envvar="MAPPER_TENANT", callback=check_header, help="the tenant to act for"
    ),
]


def read_key() -> str | None:
    """The key of the environment; None without one. Raises BadParameter."""
    try:
        return check_header(os.environ.get(KEY) or None)
    except typer.BadParameter as error:
        raise typer.BadParameter(f"{KEY} is not a key: {error.message}") from None


@contextmanager
def connected(url: str, tenant: str | None, *, as_json: bool) -> Iterator[MapperClient]:
    """A client; its errors are printed and end the command with status 1."""
    with MapperClient(url, api_key=read_key(), tenant_id=tenant) as client:
        try:
            yield client
        except MapperError as error:
            show.refusal(error, url, as_json=as_json)
            raise typer.Exit(1) from None
