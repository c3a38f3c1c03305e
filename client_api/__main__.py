"""`python -m client_api serve`: a local Triton and the facade in front of it, until Ctrl-C.

`facade` starts the facade alone, `versions`, `promote` and `rollback` are about the served model,
`keys` manages API keys.
"""

import argparse
import signal
import sys
from functools import partial

from fastapi import FastAPI
from pydantic import ValidationError

from client_api.app import create_app
from client_api.cli import keys as keys_cli
from client_api.http.server import server_config
from client_api.http.shutdown import DrainingServer
from client_api.http.state import State
from client_api.settings import RepositorySettings, Settings
from client_api.telemetry import logs, tracing
from client_api.triton import versions
from client_api.triton.first_build import build_when_none
from client_api.triton.install import TritonError, find_installation
from client_api.triton.server import LocalTriton, Ports
from client_api.triton.watchdog import Watchdog
from client_api.upstream.canary import ModelHealth
from schemas.config.errors import ConfigError

MODELS = ("signal_reader", "llama_mapper", "mapping_guard", "mapper")


def main() -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m client_api", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="Triton and the facade on this machine")
    commands.add_parser("facade", help="the facade alone, in front of a Triton elsewhere")
    commands.add_parser("keys", help="make, rotate, revoke and list API keys", add_help=False)
    commands.add_parser("versions", help="which versions of the model there are")
    for name, does in (("promote", "serve a version"), ("rollback", "serve a version again")):
        switch = commands.add_parser(name, help=f"{does}, without a restart")
        switch.add_argument(
            "version", nargs="?", help="its number; left out: the one served before"
        )
    known, rest = parser.parse_known_args()
    if known.command == "keys":
        return keys_cli.main(rest)
    args = parser.parse_args()
    command = args.command
    if command in ("versions", "promote", "rollback"):
        # An empty text is what `make` passes for a variable that is not set.
        wanted = getattr(args, "version", None) or None
        return versions.main(command, RepositorySettings().model_repository, wanted)
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
        return _serve(settings) if command == "serve" else _facade(settings)
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
        extra_env={"MAPPER_POLICIES_FILE": str(settings.policies_file.resolve())}
        if settings.policies_file
        else {},
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


def _run(app: FastAPI, settings: Settings) -> int:
    print(f"Facade  http://{settings.host}:{settings.port}   docs /docs", flush=True)
    config = server_config(app, settings)
    server = DrainingServer(config, app.state.drain, settings.drain_delay_s)
    server.run()
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
