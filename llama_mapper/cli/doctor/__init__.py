"""`mapper doctor`: problems of this machine, of the service and of the caller's key, with remedies.
Needs only the wheel.
"""

import ipaddress
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

import httpx
import typer

from llama_mapper import DEFAULT_URL, NO_RETRY, MapperClient
from llama_mapper.cli import show
from llama_mapper.cli.doctor import files, machine, ports, served
from llama_mapper.cli.doctor.check import Check, State
from llama_mapper.cli.service import Json, Tenant, Url, read_key

_TIMEOUT = httpx.Timeout(10.0, connect=5.0)


def doctor(url: Url = DEFAULT_URL, tenant: Tenant = None, as_json: Json = False) -> None:
    """Check this machine, the service and the key; print remedies.

    Exit status 1 when a check fails. One output is mapped.
    """
    key = read_key()
    with MapperClient(
        url, api_key=key, tenant_id=tenant, retry=NO_RETRY, timeout=_TIMEOUT
    ) as client:
        found = list(_checks(client, url, os.environ))
    if as_json:
        show.data({"checks": [asdict(check) for check in found]})
    else:
        wide = max(len(check.name) for check in found)
        for check in found:
            show.line(f"{check.state:4}  {check.name:{wide}}  {check.found}")
            if check.advice:
                show.line(f"{'':{wide + 8}}{check.advice}")
    if any(check.state is State.FAIL for check in found):
        raise typer.Exit(1)


def _checks(client: MapperClient, url: str, environment: Mapping[str, str]) -> Iterator[Check]:
    here = _is_here(url)
    there = served.service(client, url)
    if here:
        yield from _machine(environment)
    else:
        yield machine.python()
    if file := environment.get("MAPPER_KEYS_FILE"):
        yield files.keys(Path(file), files.now_utc())
    yield there
    if there.state is State.OK:
        yield from served.health(client)
        yield served.versions(client)
        yield served.mapping(client)
    if here or environment.get("MAPPER_TRITON_URL"):
        triton = list(ports.triton(environment))
        yield from triton
        if here:
            unused = [] if there.state is State.OK else list(ports.FACADE)
            unused += [] if triton[0].state is State.OK else ports.TRITON
            yield from ports.free_ports(environment, unused)


def _machine(environment: Mapping[str, str]) -> Iterator[Check]:
    model = files.model(Path(environment.get("MAPPER_MODEL_REPOSITORY") or "model_repository"))
    built = model is not None and model.state is State.OK
    found = (
        machine.cpu(),
        machine.memory(built=built),
        machine.python(),
        machine.disk(Path.cwd(), built=built),
        model,
    )
    yield from (check for check in found if check)


def _is_here(url: str) -> bool:
    """Whether a URL leads to this machine."""
    host = httpx.URL(url).host
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
