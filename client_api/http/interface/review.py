"""The bodies of `/review`: words of the queue, actions on them, exports."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from client_api.http.interface.answers import Closed, Label, LikelyAnswer, NeighbourText, Share
from client_api.review.sightings import Cause
from client_api.review.words import Action, WordState
from schemas.slo import Outcome

#: Files of one import.
MAX_FILES = 1000

Number = Annotated[int, Field(ge=0)]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


def _printable(text: str) -> str:
    if not text.isprintable():
        raise PydanticCustomError("printable", "Input should be printable, on one line")
    return text


class DecisionBody(Closed):
    """A reviewer's action."""

    action: Action
    labels: list[Label]
    everyone: Annotated[bool, Field(description="whether it holds for all tenants")]
    by: Annotated[str, Field(description="who decided: a key's id, a name, or both")]
    at: Time
    why: str
    undone_by: Annotated[str | None, Field(description="who undid it")]


class WordBody(Closed):
    """A detector's word that a person should review."""

    id: Number
    version: Annotated[Number, Field(description="send it with an action")]
    tenant: str | None
    detector: str
    word: Annotated[str, Field(description="empty for a part that could not be read")]
    kept: Annotated[bool, Field(description="false if a digest replaces the name")]
    state: WordState
    seen: Annotated[Number, Field(description="answers with the word")]
    causes: Annotated[dict[Cause, Number], Field(description="reasons why it counts, with numbers")]
    first_seen: Time
    last_seen: Time
    labels: Annotated[list[Label], Field(description="answered last")]
    guess: Annotated[list[Label], Field(description="of the model, if not used")]
    likely: Annotated[list[LikelyAnswer], Field(description="of the model, best first")]
    neighbours: Annotated[list[NeighbourText], Field(description="training texts, nearest first")]
    confidence: Share
    proposal: Annotated[list[Label], Field(description="labels that `accept` gives it")]
    decided: Annotated[list[Label], Field(description="labels of the decision")]
    everyone: Annotated[bool, Field(description="whether the decision holds for all tenants")]
    history: Annotated[list[DecisionBody], Field(description="latest first; empty in a list")]


class PageBody(Closed):
    """Words, the most frequent first."""

    words: list[WordBody]
    counts: Annotated[dict[WordState, Number], Field(description="words in each state")]


class ShareBody(Closed):
    """The share of a detector's items that had an outcome."""

    share: Annotated[Share | None, Field(description="today and yesterday; null without items")]
    reference: Annotated[Share | None, Field(description="in the seven days before")]
    chi_square: Annotated[float, Field(ge=0, description="test of both, with Yates' correction")]
    drifted: Annotated[bool, Field(description="whether its rise meets the alert's limits")]


class DayBody(Closed):
    """A detector's items on a day."""

    day: Annotated[str, Field(json_schema_extra={"format": "date"}, description="UTC")]
    items: Number
    new_words: Annotated[Number, Field(description="words first seen on that day")]
    outcomes: dict[Outcome, Number]


class DetectorDriftBody(Closed):
    """A detector's items today and yesterday, against the seven days before."""

    detector: str
    drifted: Annotated[bool, Field(description="whether a share drifted")]
    items: Number
    reference_items: Number
    new_words: Number
    shares: dict[Outcome, ShareBody]
    days: list[DayBody]


class DriftBody(Closed):
    """Detectors, those that drifted first, then the most frequent."""

    detectors: list[DetectorDriftBody]


class ActionBody(Closed):
    """An action on a word.

    `correct` sets labels; `accept` takes the proposed labels; `undo` reverts the last decision.
    """

    action: Annotated[Action, Field(strict=False)]
    version: Annotated[int, Field(ge=1, description="the version that the reviewer saw")]
    labels: Annotated[list[Annotated[Label, Field(strict=False)]], Field(max_length=20)] = []  # noqa: RUF012 - pydantic copies it
    everyone: Annotated[bool, Field(description="for all tenants; needs admin")] = False
    reviewer: Annotated[
        str,
        AfterValidator(_printable),
        Field(max_length=100, description="a name to be recorded beside the key's id"),
    ] = ""
    why: Annotated[str, AfterValidator(_printable), Field(max_length=500)] = ""


class ExportBody(Closed):
    """The decisions."""

    files: Annotated[dict[str, str], Field(description="detector files (YAML) by name")]
    rows: Annotated[
        list[dict[str, Any]], Field(description="labelled rows: detector, output, gold")
    ]


class ImportBody(Closed):
    """Detector files of an export, as they are now."""

    files: Annotated[dict[str, str], Field(min_length=1, max_length=MAX_FILES)]
    reviewer: Annotated[str, AfterValidator(_printable), Field(max_length=100)] = ""


class ImportedBody(Closed):
    """The changes of an import."""

    new: Annotated[Number, Field(description="decisions that were not in force before")]
