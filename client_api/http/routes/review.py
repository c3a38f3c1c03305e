"""`/review`: the words that need a review, and the reviewers' decisions about them."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from client_api.access.keys import Scope
from client_api.http.auth import get_caller
from client_api.http.errors import ApiError
from client_api.http.interface.openapi import GUARDED, problem_docs
from client_api.http.interface.review import (
    ActionBody,
    DriftBody,
    ExportBody,
    ImportBody,
    ImportedBody,
    PageBody,
    WordBody,
)
from client_api.http.json_route import JsonRoute, json_response
from client_api.http.state import get_state
from client_api.review.days import DAY_S
from client_api.review.drift import DetectorDrift
from client_api.review.words import (
    Decided,
    NotFoundError,
    RefusedError,
    Reviewer,
    StaleError,
    StoreError,
    Word,
    WordState,
)
from schemas.config.errors import ConfigError
from schemas.contract import ErrorCode

if TYPE_CHECKING:
    from client_api.review.desk import ReviewDesk

_T = TypeVar("_T")
_CHANGED = problem_docs(400, 404, 408, 413, 415, 422)
WordId = Annotated[int, Path(ge=0, le=2**31 - 1, description="id of a listed word")]

router = APIRouter(
    prefix="/review",
    tags=["review"],
    route_class=JsonRoute,
    responses=GUARDED | problem_docs(404),
)


async def _desk(request: Request) -> "ReviewDesk":
    """The queue; raises ApiError without one. Async, because FastAPI runs others in threads."""
    desk = (await get_state(request)).review
    if desk is None:
        detail = "there is no review queue; set MAPPER_REVIEW_DIR"
        raise ApiError(ErrorCode.INVALID_REQUEST, detail, status=404)
    return desk


Desk = Annotated[Any, Depends(_desk)]


@router.get("", response_model=PageBody, responses=problem_docs(422))
async def list_words(
    request: Request,
    desk: Desk,
    state: Annotated[WordState, Query(description="their state")] = WordState.OPEN,
    detector: Annotated[
        Annotated[str, Field(max_length=200)] | SkipJsonSchema[None],
        Query(description="its name as listed"),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="most words to return")] = 50,
    offset: Annotated[int, Query(ge=0, le=1_000_000, description="words to skip")] = 0,
) -> Response:
    """The words of a state, most frequent first: those of the caller's tenant; with `admin` all."""
    page = await _ask(lambda: desk.page(_reviewer(request), state, detector, limit, offset))
    return json_response(
        {
            "words": [_word(word) for word in page.words],
            "counts": {state.value: count for state, count in page.counts.items()},
        }
    )


@router.get("/drift", response_model=DriftBody, responses=problem_docs(422))
async def list_drift(
    request: Request,
    desk: Desk,
    limit: Annotated[int, Query(ge=1, le=1000, description="most detectors to return")] = 200,
) -> Response:
    """The outcomes of each detector's items in the last days, and whether their shares changed."""
    found = await _ask(lambda: desk.drift(_reviewer(request)))
    return json_response({"detectors": [_drift(one) for one in found[:limit]]})


@router.get("/export", response_model=ExportBody)
async def export_decisions(request: Request, desk: Desk) -> Response:
    """Every decision in force: as detector files for Git, and as labelled rows for training."""
    files, rows = await _ask(lambda: desk.export(_reviewer(request)))
    return json_response({"files": files, "rows": rows})


@router.post("/import", response_model=ImportedBody, responses=_CHANGED)
async def import_decisions(body: ImportBody, request: Request, desk: Desk) -> Response:
    """Take the decisions of exported files; entries that a file lacks stay as they are."""
    new = await _ask(lambda: desk.load(_reviewer(request, body.reviewer), body.files))
    return json_response({"new": new})


@router.get("/{word_id}", response_model=WordBody, responses=problem_docs(422))
async def get_word(word_id: WordId, request: Request, desk: Desk) -> Response:
    """A word with its history."""
    return json_response(_word(await _ask(lambda: desk.get(_reviewer(request), word_id))))


@router.post("/{word_id}", response_model=WordBody, responses=_CHANGED | problem_docs(409))
async def act(word_id: WordId, body: ActionBody, request: Request, desk: Desk) -> Response:
    """Decide about a word. The decision is an entry of a detector file: it applies to the next item
    in this process, and within a second in every replica. 409: the word changed in the meantime."""
    labels = [label.value for label in body.labels]
    reviewer = _reviewer(request, body.reviewer)
    word = await _ask(
        lambda: desk.act(
            reviewer,
            word_id,
            body.version,
            body.action,
            labels,
            body.why,
            everyone=body.everyone,
        )
    )
    return json_response(_word(word))


async def _ask(work: Callable[[], _T]) -> _T:
    """Run a call of the queue in a thread; the queue's exceptions become ApiErrors."""
    try:
        return await asyncio.to_thread(work)
    except NotFoundError:
        detail = "there is no such word, or it is another tenant's"
        raise ApiError(ErrorCode.INVALID_REQUEST, detail, status=404) from None
    except StaleError as stale:
        detail = "another decision was stored meanwhile; check `word` and decide again"
        word = {"word": _word(stale.word)}
        raise ApiError(ErrorCode.INVALID_REQUEST, detail, status=409, extra=word) from None
    except RefusedError as refused:
        raise ApiError(ErrorCode.INVALID_REQUEST, str(refused)) from None
    except ConfigError as error:
        line = f", line {error.line}" if error.line else ""
        detail = f"files: one has no decisions{line}; docs/own-detectors.md describes them"
        raise ApiError(ErrorCode.INVALID_REQUEST, detail) from None
    except StoreError:
        detail = "the review queue cannot be read or written now; mapping continues"
        raise ApiError(ErrorCode.OVERLOADED, detail, headers={"Retry-After": "1"}) from None


def _reviewer(request: Request, name: str = "") -> Reviewer:
    principal = get_caller(request).principal
    if principal is None:
        return Reviewer(name or "unnamed")
    tenant = None if Scope.ADMIN in principal.scopes else principal.tenant
    return Reviewer(f"{name} ({principal.key_id})" if name else principal.key_id, tenant)


def _word(word: Word) -> dict[str, Any]:
    return {
        "id": word.id,
        "version": word.version,
        "tenant": word.tenant,
        "detector": word.detector,
        "word": word.word,
        "kept": word.kept,
        "state": word.state,
        "seen": word.seen,
        "causes": {cause.value: count for cause, count in word.causes.items()},
        "first_seen": _time(word.first_seen),
        "last_seen": _time(word.last_seen),
        "labels": word.labels,
        "guess": word.guess,
        "likely": word.likely,
        "neighbours": word.neighbours,
        "confidence": word.confidence,
        "proposal": word.proposal,
        "decided": word.decided,
        "everyone": word.everyone,
        "history": [_decided(one) for one in word.history],
    }


def _drift(one: DetectorDrift) -> dict[str, Any]:
    return {
        "detector": one.detector,
        "drifted": one.drifted,
        "items": one.window.items,
        "reference_items": one.reference.items,
        "new_words": one.window.new_words,
        "shares": {outcome.value: asdict(share) for outcome, share in one.shares.items()},
        "days": [
            {
                "day": _time(day * DAY_S)[:10],
                "items": counts.items,
                "new_words": counts.new_words,
                "outcomes": {one.value: count for one, count in counts.outcomes.items()},
            }
            for day, counts in sorted(one.days.items())
        ],
    }


def _decided(one: Decided) -> dict[str, Any]:
    return {
        "action": one.action,
        "labels": one.labels,
        "everyone": one.everyone,
        "by": one.by,
        "at": _time(one.at),
        "why": one.why,
        "undone_by": one.undone_by,
    }


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
