"""`python -m client_api serve`: a local Triton and the facade in front of it, until Ctrl-C."""

import argparse
import signal
import sys

import uvicorn

from client_api import logs
from client_api.app import create_app
from client_api.settings import Settings
from client_api.triton_server import LocalTriton, Ports, TritonError

_DRAIN_S = 25  # a batch may take 20 s

MODELS = ("signal_reader", "llama_mapper", "mapping_guard", "mapper")


def main() -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m client_api", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="Triton and the facade on this machine")
    commands.add_parser("facade", help="the facade alone, in front of a Triton elsewhere")
    command = parser.parse_args().command
    settings = Settings()
    logs.configure(settings.log_level)
    # uvicorn drains and then lets the signal through: leave by the front door, past `finally`.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        return _serve(settings) if command == "serve" else _facade(settings)
    except KeyboardInterrupt:
        return 0


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
    )
    print(f"Starting Triton; its log is {settings.triton_log} ...", flush=True)
    try:
        triton.start(settings.triton_start_timeout_s)
    except TritonError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    try:
        print(f"Triton  http://{triton.http_url}   gRPC {triton.grpc_url}   metrics", end=" ")
        print(f"http://{triton.host}:{ports.metrics}/metrics")
        return _facade(settings.model_copy(update={"triton_url": triton.grpc_url}))
    finally:
        triton.stop()


def _facade(settings: Settings) -> int:
    print(f"Facade  http://{settings.host}:{settings.port}   docs /docs", flush=True)
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_DRAIN_S,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
