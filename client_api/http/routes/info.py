"""What is served: `/taxonomy`, `/detectors`, `/version`."""

from importlib.metadata import version

from fastapi import APIRouter, Response

from client_api.http.json_route import json_response
from client_api.http.openapi import GUARDED
from client_api.http.state import Shared

SERVICE_VERSION = version("llama-mapper")

router = APIRouter(tags=["meta"], responses=GUARDED)


@router.get("/taxonomy")
async def taxonomy(state: Shared) -> Response:
    """Every canonical label."""
    served = state.guard.taxonomy
    labels = [
        {
            "name": label.name,
            "description": label.description,
            "parent": label.parent,
            "aliases": label.aliases,
            "since": label.since,
            "coarsens_to": label.coarsens_to,
        }
        for label in map(served.__getitem__, served.names)
    ]
    return json_response({"version": served.version, "labels": labels})


@router.get("/detectors")
async def detectors(state: Shared) -> Response:
    """The detectors whose vocabularies are curated; others are read by common words."""
    rules = state.guard.rules
    known = [
        {
            "detector": detector.name,
            "aliases": detector.aliases,
            "vendor": detector.vendor,
            "version": detector.version,
            "entries": len(detector.maps),
        }
        for detector in rules.detectors.values()
    ]
    return json_response({"version": rules.version, "detectors": known})


@router.get("/version")
async def served_version(state: Shared) -> Response:
    """The versions in force; `model` is the one that answered the canary last."""
    model = state.canary.health().model
    return json_response({"version": SERVICE_VERSION} | state.guard.versions() | {"model": model})
