"""The commands under their names."""

import typer

from llama_mapper.cli.batch import batch
from llama_mapper.cli.bulk import bulk
from llama_mapper.cli.catalogue import taxonomy, versions
from llama_mapper.cli.detectors import detectors
from llama_mapper.cli.doctor import doctor
from llama_mapper.cli.evidence import evidence
from llama_mapper.cli.mapping import map_output
from llama_mapper.cli.review import review

app = typer.Typer(
    name="mapper",
    help="Map outputs of AI-safety detectors to one canonical taxonomy. "
    "MAPPER_URL is the address of the service, MAPPER_KEY the key.",
    no_args_is_help=True,
    # A traceback may hold the key.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("map")(map_output)
for command in (batch, bulk, evidence, taxonomy, versions, doctor):
    app.command()(command)
app.add_typer(detectors)
app.add_typer(review)


def main() -> None:
    """Run the command line of this process; ends it with the exit status."""
    app(prog_name="mapper")
