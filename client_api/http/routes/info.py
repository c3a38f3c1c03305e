"""What is served: `/taxonomy`, `/frameworks`, `/detectors`, `/version`."""

from functools import lru_cache
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import Field

from client_api.http.auth import get_caller
from client_api.http.interface.answers import Closed, Label, VersionInfo
from client_api.http.interface.openapi import GUARDED, UNCHANGED
from client_api.http.json_route import json_response, stored_json
from client_api.http.state import Shared
from client_api.http.stored import StoredAnswer
from fallback.decision.decision import MappingGuard
from fallback.rules.lookup import RuleMapper

SERVICE_VERSION: Final = "0.1.0"
"""Of the project. Images copy the folders of the service, which have no metadata."""

router = APIRouter(tags=["meta"], responses=GUARDED)


class LabelInfo(Closed):
    """A canonical label."""

    name: Label
    description: str
    parent: Annotated[str, Field(description="the category that it belongs to")]
    aliases: list[str]
    since: Annotated[str, Field(description="the taxonomy version that introduced it")]
    coarsens_to: Annotated[
        str | None, Field(description="its counterpart in version 2025.09; null if it is the same")
    ]


class TaxonomyInfo(Closed):
    """The taxonomy that is served."""

    version: str
    labels: list[LabelInfo]


class ControlInfo(Closed):
    """A control of a framework."""

    id: str
    title: Annotated[str, Field(description="its subject in short")]
    labels: Annotated[list[Label], Field(description="labels that touch it")]


class FrameworkInfo(Closed):
    """A compliance framework."""

    name: str
    edition: str
    controls: list[ControlInfo]


class FrameworksInfo(Closed):
    """The frameworks that are served."""

    version: str
    frameworks: list[FrameworkInfo]


class DetectorInfo(Closed):
    """A detector whose vocabulary is curated."""

    detector: str
    aliases: list[str]
    vendor: str
    version: str
    entries: Annotated[int, Field(ge=0, description="signals that its vocabulary has")]
    labels: Annotated[list[Label], Field(description="labels that its vocabulary maps to")]


class DetectorsInfo(Closed):
    """The known detectors."""

    version: Annotated[str, Field(description="version of the rules")]
    detectors: list[DetectorInfo]


class ServedVersions(VersionInfo):
    """The versions in force; `model` is the one that answered the canary last."""

    version: Annotated[str, Field(description="version of the service")]


@router.get("/taxonomy", response_model=TaxonomyInfo, responses=UNCHANGED)
async def taxonomy(request: Request, state: Shared) -> Response:
    """Every canonical label."""
    return state.stored["taxonomy"].respond(request)


@router.get("/frameworks", response_model=FrameworksInfo, responses=UNCHANGED)
async def frameworks(request: Request, state: Shared) -> Response:
    """The compliance frameworks, with the title of each control and the labels that touch it."""
    return state.stored["frameworks"].respond(request)


@router.get("/detectors", response_model=DetectorsInfo, responses=UNCHANGED)
async def detectors(request: Request, state: Shared) -> Response:
    """The detectors whose vocabularies are curated; others are read by common words.

    The list includes the operator's own detectors; a tenant also gets those of its own files.
    """
    tenant = state.admission.tenant(get_caller(request), request.headers.getlist("x-tenant-id"))
    return _detectors(state.pipelines.of(tenant).rules).respond(request)


@router.get("/version", response_model=ServedVersions)
async def served_version(state: Shared) -> Response:
    """The versions in force; `model` is the one that answered the canary last."""
    versions = state.pipelines.of().guard.versions() | {"model": state.canary.health().model}
    return json_response({"version": SERVICE_VERSION} | versions)


def stored_answers(guard: MappingGuard) -> dict[str, StoredAnswer]:
    """The stored answers that do not depend on the operator's files, by the name of their path."""
    bodies = {"taxonomy": _taxonomy(guard), "frameworks": _frameworks(guard)}
    return {name: stored_json(body) for name, body in bodies.items()}


def _taxonomy(guard: MappingGuard) -> dict[str, Any]:
    served = guard.taxonomy
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
    return {"version": served.version, "labels": labels}


def _frameworks(guard: MappingGuard) -> dict[str, Any]:
    served = guard.frameworks
    return {
        "version": served.version,
        "frameworks": [
            {
                "name": name,
                "edition": framework.edition,
                "controls": [
                    {"id": control, "title": title, "labels": framework.labels_of(control)}
                    for control, title in framework.controls.items()
                ],
            }
            for name, framework in served.frameworks.items()
        ],
    }


@lru_cache(maxsize=64)
def _detectors(rules: RuleMapper) -> StoredAnswer:
    known = [
        {
            "detector": detector.name,
            "aliases": detector.aliases,
            "vendor": detector.vendor,
            "version": detector.version,
            "entries": len(detector.maps),
            "labels": sorted(rules.labels(detector)),
        }
        for detector in rules.detectors.values()
    ]
    return stored_json({"version": rules.version, "detectors": known})
