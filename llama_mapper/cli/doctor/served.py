"""The service for a caller: whether it answers, is ready, has the model, accepts the key, and maps.

In: a client. Out: checks, in an order in which a failure explains the following ones. Sends one
mapping, which the service counts like any other.
"""

from collections.abc import Iterator
from importlib.metadata import version

from llama_mapper import AccessError, ApiError, MapperClient, MapperError, Source
from llama_mapper.cli.doctor.check import Check, fail, ok, warn

_LOG = "see its log, and Triton's: build/triton.log after make serve"
#: A word of every version of the rules.
_ASKED = ("presidio", "EMAIL_ADDRESS")


def service(client: MapperClient, url: str) -> Check:
    """Whether this service answers, or another program."""
    try:
        told = client.get("/health/live")
        if told["status"] == "live":
            return ok("service", f"answers at {url}")
    except ApiError as error:
        return fail("service", f"{url}: {error}", "another program answers there: set MAPPER_URL")
    except MapperError as error:
        return fail("service", f"{url}: {error}", "start it with make serve, or set MAPPER_URL")
    except (KeyError, TypeError):
        pass
    return fail("service", f"{url}: another program", "set MAPPER_URL, or its MAPPER_PORT")


def health(client: MapperClient) -> Iterator[Check]:
    """Whether it is ready, and whether the model answers."""
    try:
        told = client.get("/health/ready")
        state = str(told["status"])
        if state == "ready":
            yield ok("ready", state)
        else:
            yield warn("ready", f"{state}: {'; '.join(told['reasons'])}", _LOG)
    except MapperError as error:
        yield fail("ready", str(error), "wait for the start, else " + _LOG)
    except (KeyError, TypeError):
        yield _odd("ready")
    try:
        told = client.get("/health/model")
        yield ok("model served", f"{told['model']}, canary {told['canary_age_s']} s ago")
    except MapperError as error:
        yield warn("model served", f"{error}; the rules answer", _LOG)
    except (KeyError, TypeError):
        yield _odd("model served")


def versions(client: MapperClient, own: str = version("llama-mapper")) -> Check:
    """Whether the key is accepted, and service and client have the same version."""
    try:
        told = client.get("/version")
        served = str(told["version"])
    except AccessError as error:
        return fail("key", str(error), "set MAPPER_KEY to a key of this service")
    except MapperError as error:
        return fail("versions", str(error), _LOG)
    except (KeyError, TypeError):
        return _odd("versions")
    if served != own:
        advice = f"pip install llama-mapper=={served}"
        return warn("versions", f"service {served}, client {own}", advice)
    return ok("versions", f"service and client {own}, taxonomy {told.get('taxonomy')}")


def mapping(client: MapperClient) -> Check:
    """Whether an output is mapped, and the source of the answer."""
    name = "mapping"
    try:
        event = client.map(*_ASKED)
    except AccessError as error:
        return fail(name, str(error), "the key needs the scope map:write, and its own tenant")
    except MapperError as error:
        return fail(name, str(error), _LOG)
    found = f"{' '.join(_ASKED)} is {', '.join(event.taxonomy)}, by {event.source}"
    if event.source in (Source.MODEL, Source.CURATED):
        return ok(name, found)
    reason = event.fallback_reason or "several sources"
    return warn(name, f"{found}: {reason}", "see docs/runbook.md")


def _odd(name: str) -> Check:
    return fail(name, "the answer has an unexpected shape", "set MAPPER_URL to the service itself")
