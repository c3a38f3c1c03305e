"""The ports of a service on this machine, and the Triton behind them.

In: the variables of the service's ports. Out: checks. Triton is called by HTTP; its gRPC port is
only tested for being open.
"""

import socket
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import httpx

from llama_mapper.cli.doctor.check import Check, fail, ok, warn

_HOST: Final = "127.0.0.1"
_TIMEOUT_S = 5.0
_HTTP: Final = "MAPPER_TRITON_HTTP_PORT"
_GRPC: Final = "MAPPER_TRITON_GRPC_PORT"
FACADE: Final = ("MAPPER_PORT",)
TRITON: Final = (_HTTP, _GRPC, "MAPPER_TRITON_METRICS_PORT")
USUAL: Final = dict(zip((*FACADE, *TRITON), (8080, 8000, 8001, 8002), strict=True))


def free_ports(environment: Mapping[str, str], names: Iterable[str]) -> Iterator[Check]:
    """Whether the ports of a service to be started here are free. names: keys of `USUAL`."""
    for name in names:
        said = environment.get(name) or str(USUAL[name])
        if not said.isdecimal() or not 1 <= int(said) <= 65535:
            yield fail("port", f"{name}={said}", "set it to a number from 1 to 65535")
        elif _is_free(int(said)):
            yield ok("port", f"{said} is free")
        else:
            advice = f"end the program that listens there, or set {name}"
            yield fail("port", f"{said} is in use by another program", advice)


def triton(environment: Mapping[str, str]) -> Iterator[Check]:
    """Whether Triton and its ensemble are ready, and whether its gRPC port is open."""
    http_port = environment.get(_HTTP) or USUAL[_HTTP]
    local = f"{_HOST}:{environment.get(_GRPC) or USUAL[_GRPC]}"
    grpc = environment.get("MAPPER_TRITON_URL") or local
    host, _, port = grpc.rpartition(":")
    model = environment.get("MAPPER_TRITON_MODEL") or "mapper"
    url = f"http://{host}:{http_port}"
    for path, what in (("/v2/health/ready", "server"), (f"/v2/models/{model}/ready", model)):
        try:
            status = httpx.get(url + path, timeout=_TIMEOUT_S).status_code
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            advice = "make serve starts it; the rules answer without it"
            yield warn("triton", f"{url}: {str(error) or type(error).__name__}", advice)
            break
        if status == 200:
            yield ok("triton", f"{what} is ready at {url}")
        else:
            advice = "wait for its models, else see build/triton.log"
            yield warn("triton", f"{what} is not ready at {url}: {status}", advice)
    if _is_open(host, port):
        yield ok("triton gRPC", f"{grpc} is open")
    else:
        yield warn("triton gRPC", f"{grpc} is not open", "set MAPPER_TRITON_URL, or start Triton")


def _is_free(port: int) -> bool:
    try:
        with socket.create_server((_HOST, port)):
            return True
    except OSError:
        return False


def _is_open(host: str, port: str) -> bool:
    try:
        with socket.create_connection((host.strip("[]"), int(port)), _TIMEOUT_S):
            return True
    except (OSError, ValueError, OverflowError):
        return False
