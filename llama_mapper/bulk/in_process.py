"""Maps pairs by the engine in this process, without a server.

The client has no engine. Where the repository of the service is installed, an entry point finds
the one of its served version.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import entry_points
from typing import Any, Final, Protocol

from llama_mapper._types import read_event
from llama_mapper.bulk.asking import Ask, share
from llama_mapper.bulk.pairs import Keeper, Outcome, Pair, readable
from llama_mapper.bulk.streams import UsageError

#: The group of the entry point; its object returns an `Engine` and raises ValueError with the
#: reason why there is none.
GROUP: Final = "llama_mapper.in_process"


class Engine(Protocol):
    """The pipeline of the service, one thread at a time."""

    def map(
        self, items: Sequence[tuple[str, str]], threshold: float | None, tenant_id: str | None
    ) -> list[dict[str, Any]]:
        """An answer, as the facade's JSON with `explain`, for each detector and output."""
        ...


class InProcess:
    """tenant_id: whose detector files and thresholds apply. threshold: as in `MapperClient.map`.

    The constructor loads the model. Raises UsageError if the engine or a model is missing.
    """

    def __init__(self, tenant_id: str | None = None, threshold: float | None = None) -> None:
        self._tenant_id, self._threshold = tenant_id, threshold
        self._engine = _load()

    def ask(self, pairs: Sequence[Pair], answers: Keeper) -> None:
        """See `PairMapper`."""
        share(pairs, answers, [self._opened], concurrency=1)

    def options(self) -> list[Any]:
        """See `PairMapper`. Views are the facade's: the labels are the canonical ones."""
        return [self._threshold, None, self._tenant_id]

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Ask]:
        yield self._map

    async def _map(self, pairs: list[Pair]) -> list[Outcome]:
        """Nothing else waits in this loop while the engine computes."""
        texts, refused = readable(pairs)
        events = self._engine.map(list(texts.values()), self._threshold, self._tenant_id)
        found: dict[int, Outcome] = {**refused}
        found.update(zip(texts, map(read_event, events), strict=True))
        return [found[place] for place in range(len(pairs))]


def _load() -> Engine:
    point = next(iter(entry_points(group=GROUP)), None)
    try:
        if point is None:
            raise ImportError("no package has one")
        engine: Engine = point.load()()
    except ImportError as error:
        raise UsageError(
            f"the engine is not installed here ({error}): it is in the repository of the service, "
            "where `make .venv/.built model` installs it; or give --url or --triton"
        ) from error
    except ValueError as error:
        raise UsageError(str(error)) from error
    return engine
