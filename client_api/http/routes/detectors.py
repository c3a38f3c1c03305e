"""Below `/detectors`: draft, check and add detector files."""

import asyncio
from dataclasses import asdict
from typing import Any

import structlog
from fastapi import APIRouter, Request, Response

from client_api.http.auth import get_caller
from client_api.http.errors import ApiError
from client_api.http.interface.detector_files import (
    AddedAnswer,
    CheckAnswer,
    DraftAnswer,
    DraftBody,
    FileBody,
)
from client_api.http.interface.openapi import GUARDED, problem_docs
from client_api.http.json_route import JsonRoute, json_response
from client_api.http.state import Shared
from client_api.mapping.drafting import DraftRequest, TooManyWords
from client_api.mapping.gateway import ModelError
from client_api.telemetry.logs import exception_facts
from fallback.drafts.entries import Entry, Word
from fallback.drafts.files import Checked, RefusedFile
from fallback.drafts.writing import write
from schemas.config.errors import ConfigError
from schemas.contract import ErrorCode

router = APIRouter(
    prefix="/detectors",
    tags=["detectors"],
    route_class=JsonRoute,
    responses=GUARDED | problem_docs(400, 408, 413, 415, 422),
)
_log = structlog.get_logger()
_LATER = {"Retry-After": "1"}


@router.post("/draft", response_model=DraftAnswer)
async def draft_detector(body: DraftBody, request: Request, state: Shared) -> Response:
    """Draft a detector file from the detector's words, or from its outputs. Writes nothing."""
    caller = get_caller(request)
    tenant = state.admission.tenant(caller, request.headers.getlist("x-tenant-id"))
    await state.limiter.charge(caller, len(body.words or body.outputs))
    if state.drafter.busy:
        raise ApiError(ErrorCode.OVERLOADED, "another draft is being made", headers=_LATER)
    words = tuple(Word(one.word, one.legend or "") for one in body.words)
    asked = DraftRequest(body.detector, words, tuple(body.outputs), tenant)
    try:
        draft = await state.drafter.draft(asked)
    except TooManyWords as error:
        raise ApiError(ErrorCode.PAYLOAD_TOO_LARGE, str(error)) from None
    except ModelError as error:
        _log.warning("a draft was not made", **exception_facts(error))
        detail = "a draft needs the model, which does not answer now; see /health"
        raise ApiError(ErrorCode.OVERLOADED, detail, headers=_LATER) from None
    return json_response(
        {
            "detector": draft.detector,
            "file": await asyncio.to_thread(write, draft),
            "entries": [_entry(entry) for entry in draft.entries],
            "known": draft.known,
            "notes": draft.collected.notes,
        }
    )


@router.post("/check", response_model=CheckAnswer)
async def check_detector(body: FileBody, state: Shared) -> Response:
    """The problems of a detector file, and the changes that it would make. Writes nothing."""
    return json_response(_checked(await asyncio.to_thread(state.files.check, body.file)))


@router.post("/add", response_model=AddedAnswer, responses=problem_docs(409))
async def add_detector(body: FileBody, state: Shared) -> Response:
    """Add a detector file to the folder of own detectors, or replace the one of that name. It
    applies from the next request on. A file with errors is refused; the problem lists them."""
    try:
        checked, path = await asyncio.to_thread(state.files.add, body.file)
    except RefusedFile as refused:
        problems = _checked(refused.checked)["problems"]
        detail = "the file has errors; `problems` lists them"
        raise ApiError(ErrorCode.INVALID_REQUEST, detail, extra={"problems": problems}) from None
    except ConfigError:
        detail = "the service has no folder of own detectors; set MAPPER_DETECTORS_DIR"
        raise ApiError(ErrorCode.INVALID_REQUEST, detail, status=409) from None
    except OSError as error:
        _log.error("a detector file was not written", **exception_facts(error))
        detail = "the service cannot write its folder of own detectors; put the file there yourself"
        raise ApiError(ErrorCode.INVALID_REQUEST, detail, status=409) from None
    await asyncio.to_thread(state.pipelines.current)
    _log.warning("a detector file was added", detector=checked.detector, file=path.name)
    rules = state.pipelines.of().rules.version
    return json_response(_checked(checked) | {"name": path.name, "rules": rules})


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "word": entry.word.text,
        "labels": entry.labels,
        "confidence": entry.confidence,
        "state": entry.state,
        "why": entry.why,
        "likely": [{"labels": a, "probability": p} for a, p in entry.likely],
        "count": entry.word.count,
    }


def _checked(checked: Checked) -> dict[str, Any]:
    return {
        "detector": checked.detector,
        "valid": checked.valid,
        "problems": [asdict(problem) for problem in checked.problems],
        "changes": [asdict(change) for change in checked.changes],
    }
