"""The parameters of a mapping request besides its body: query and headers."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Query
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema


@dataclass(frozen=True, slots=True)
class Parameters:
    """Query and header parameters of a mapping request. All but `explain` are None if absent."""

    explain: bool
    view: str | None
    budget_ms: float | None
    replay: str | None


async def read_parameters(
    explain: Annotated[
        bool, Query(description="adds `signals` and `reading`: each signal and its answer")
    ] = False,
    view: Annotated[
        Annotated[str, Field(min_length=1, max_length=100)] | SkipJsonSchema[None],
        Query(
            alias="taxonomy",
            description="the vocabulary of the answer: 2025.09, or a view of the operator, whose "
            "labels are not canonical",
            examples=["2025.09"],
        ),
    ] = None,
    budget_ms: Annotated[
        Annotated[float, Field(gt=0, allow_inf_nan=False)] | SkipJsonSchema[None],
        Header(
            alias="X-Budget-Ms",
            description="milliseconds to answer in: lowers the budget, or raises it up to the cap",
        ),
    ] = None,
    tenant: Annotated[
        Annotated[str, Field(min_length=1, max_length=200)] | SkipJsonSchema[None],
        Header(
            alias="X-Tenant-ID",
            description="the key's own tenant; without keys, the tenant to act for",
        ),
    ] = None,
    replay: Annotated[
        Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,255}$")] | SkipJsonSchema[None],
        Header(
            alias="Idempotency-Key",
            description="repeated requests with one key get the same answer",
        ),
    ] = None,
) -> Parameters:
    """The parameters, validated. Async, because FastAPI runs other dependencies in threads. The
    tenant headers are read by the route, which needs all of them."""
    return Parameters(explain, view, budget_ms, replay)


Asked = Annotated[Parameters, Depends(read_parameters)]
