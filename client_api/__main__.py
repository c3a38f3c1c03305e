"""`python -m client_api serve`: a local Triton and the facade in front of it, until Ctrl-C.

`facade` starts the facade alone, `review` follows the decisions of the review queue, `versions`,
`promote`, `rollback` and `shadow` are about the served model, `keys` manages API keys.
"""

import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import Annotated

import typer
from fastapi import FastAPI
from pydantic import ValidationError

from client_api.app import create_app
from client_api.cli import keys
from client_api.composition import detector_folders, make_review
from client_api.http.server import server_config
from client_api.http.shutdown import GracefulServer
from client_api.http.state import State
from client_api.settings import RepositorySettings, Settings, unknown_names
from client_api.telemetry import logs, tracing
from client_api.telemetry.metrics import Metrics
from client_api.triton import versions
from client_api.triton.first_build import build_when_none
from client_api.triton.install import TritonError, find_installation
from client_api.triton.server import LocalTriton, Ports
from client_api.triton.watchdog import Watchdog
from client_api.upstream.canary import ModelHealth
from pipeline.detector_series import DetectorSeries
from pipeline.tenants import TenantPipelines
from schemas.config.errors import ConfigError

#: In the order in which they are loaded; those before the chosen version load side by side.
MODELS = ("signal_reader", "mapping_guard", "llama_mapper", "mapper")


commands = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help=__doc__,
)
commands.add_typer(keys.app, name="keys", help="Create, rotate, revoke and list API keys.")
# An empty text is what `make` passes for a variable that is not set.
VersionNumber = Annotated[str, typer.Argument(help="its number; default: the one served before")]


@commands.command()
def serve() -> None:
    """Triton and the facade on this machine."""
    raise typer.Exit(_start(_serve))


@commands.command()
def facade() -> None:
    """The facade alone, in front of a Triton elsewhere."""
    raise typer.Exit(_start(_facade))


@commands.command()
def review() -> None:
    """Write the decisions of the review queue where a Triton beside this process reads them."""
    raise typer.Exit(_start(_review))


@commands.command("versions")
def list_versions() -> None:
    """List the versions of the model."""
    raise typer.Exit(_versions("versions"))


@commands.command()
def promote(version: VersionNumber = "") -> None:
    """Serve a version, without a restart."""
    raise typer.Exit(_versions("promote", version))


@commands.command()
def rollback(version: VersionNumber = "") -> None:
    """Serve a version again, without a restart."""
    raise typer.Exit(_versions("rollback", version))


@commands.command()
def shadow(
    version: Annotated[str, typer.Argument(help="its number, or `off`")] = "",
    share: Annotated[float, typer.Option(help="of the items, above 0 and at most 1")] = 0.1,
) -> None:
    """Let a candidate answer a share of the items as well, which callers do not see."""
    raise typer.Exit(_versions("shadow", version, share))


def _versions(command: str, wanted: str = "", share: float = 0.0) -> int:
    return versions.main(command, RepositorySettings().model_repository, wanted or None, share)


def _start(run: Callable[[Settings], int]) -> int:
    """Run a server until a signal ends it; returns the exit status."""
    if wrong := unknown_names(os.environ):
        print(*(f"error: {problem}" for problem in wrong), sep="\n", file=sys.stderr)
        return 1
    try:
        settings = Settings()
    except ValidationError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    logs.configure(settings.log_level)
    tracing.install(settings.otlp_endpoint)
    # uvicorn drains and then lets the signal through: leave by the front door, past `finally`.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        return run(settings)
    except KeyboardInterrupt:
        return 0
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _serve(settings: Settings) -> int:
    ports = Ports(
        settings.triton_http_port, settings.triton_grpc_port, settings.triton_metrics_port
    )
    triton = LocalTriton(
        settings.model_repository,
        MODELS,
        ready_model="mapper",
        ports=ports,
        log_path=settings.triton_log,
        # Triton works elsewhere, so a relative path would not be found.
        extra_env={
            name: str(path.resolve())
            for name, path in (
                ("MAPPER_POLICIES_FILE", settings.policies_file),
                ("MAPPER_DETECTORS_DIR", settings.detectors_dir),
                ("MAPPER_REVIEW_DIR", settings.review_dir),
                ("MAPPER_VIEWS_DIR", settings.views_dir),
            )
            if path
        },
    )
    try:
        find_installation()
    except TritonError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    settings = settings.model_copy(update={"triton_url": triton.grpc_url})
    app = create_app(settings)

    def health() -> ModelHealth | None:
        state: State | None = getattr(app.state, "shared", None)
        return state.canary.health() if state else None

    watchdog = Watchdog(
        triton,
        versions.MODEL,
        health,
        patience_s=settings.watchdog_patience_s,
        start_timeout_s=settings.triton_start_timeout_s,
        prepare=partial(build_when_none, settings.model_repository / versions.MODEL),
    )
    print(f"Triton  http://{triton.http_url}   gRPC {triton.grpc_url}   metrics", end=" ")
    print(f"http://{triton.host}:{ports.metrics}/metrics   log {settings.triton_log}")
    # The rules answer while a first version is built and Triton starts; it stops when the last
    # request is answered.
    with watchdog:
        return _run(app, settings)


def _facade(settings: Settings) -> int:
    return _run(create_app(settings), settings)


def _review(settings: Settings) -> int:
    pipelines = TenantPipelines(detector_folders(settings), views=settings.views_dir)
    desk = make_review(settings, pipelines, Metrics(DetectorSeries(str)))
    if desk is None:
        print("error: MAPPER_REVIEW_DIR is not set", file=sys.stderr)
        return 1
    desk.follow()
    while True:
        signal.pause()


def _run(app: FastAPI, settings: Settings) -> int:
    print(f"Facade  http://{settings.host}:{settings.port}   docs /docs", flush=True)
    config = server_config(app, settings)
    server = GracefulServer(config, app.state.drain, settings.drain_delay_s)
    server.run()
    return 0 if server.started else 1


if __name__ == "__main__":
    commands(prog_name="python -m client_api")
