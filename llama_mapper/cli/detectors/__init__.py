"""`mapper detectors`: the known detectors, and files of your own: draft, lint, diff, add, test."""

from typing import Any

import typer
from typer.core import TyperGroup

from llama_mapper import DEFAULT_URL
from llama_mapper.cli.detectors.catalogue import names, show
from llama_mapper.cli.detectors.drafting import draft
from llama_mapper.cli.detectors.files import add, diff, lint
from llama_mapper.cli.detectors.labelled import compare
from llama_mapper.cli.service import Json, Tenant, Url

__all__ = ["detectors"]


class _OrName(TyperGroup):
    """A word that is not a command is the name of a detector to show."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As in click."""
        return super().resolve_command(ctx, args if args[0] in self.commands else ["show", *args])


detectors = typer.Typer(name="detectors", cls=_OrName, invoke_without_command=True)
for command in (show, draft, lint, diff, add):
    detectors.command()(command)
detectors.command("test")(compare)


@detectors.callback()
def _listed(
    context: typer.Context,
    url: Url = DEFAULT_URL,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """List the detectors with a curated vocabulary, show one, or work on files of your own."""
    if context.invoked_subcommand is None:
        names(url, tenant, as_json=as_json)
        return
    given = {"url": url, "tenant": tenant, "as_json": as_json}
    context.default_map = dict.fromkeys(("show", context.invoked_subcommand), given)
