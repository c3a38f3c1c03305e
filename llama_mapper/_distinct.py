"""The different items of a call: equal items are sent once, and share one answer.

In: requests, read as they are needed. Out: batches without repetition, and the answers in the
order of the requests. Sends nothing.
"""

import json
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

from llama_mapper._types import BATCH_ITEMS, BatchResult, ItemError, MappedEvent, MapRequest
from llama_mapper.contract import ErrorCode

Outcome = MappedEvent | ItemError


class Distinct:
    """Numbers the different requests in the order of their first appearance.

    Two requests are equal if their JSON is equal, order of keys included. Memory grows with the
    different requests, and by one number per given request.
    """

    def __init__(self, requests: Iterable[MapRequest]) -> None:
        self._requests = requests
        self._numbers: dict[str, int] = {}
        self._items: list[int | ItemError] = []
        self._per_chunk: Counter[int] = Counter()

    def chunks(self) -> Iterator[list[MapRequest]]:
        """Different requests in batches of the service's size.

        A full batch is yielded with the next different request, so the last batch comes after
        everything was read.
        """
        chunk: list[MapRequest] = []
        for request in self._requests:
            try:
                key = _as_json(request)
            except (TypeError, ValueError, RecursionError) as error:
                detail = f"the item cannot be written as JSON: {error}"
                at = len(self._items)
                self._items.append(ItemError(at, ErrorCode.INVALID_REQUEST, detail, False))
                continue
            number = self._numbers.get(key)
            if number is None:
                number = self._numbers[key] = len(self._numbers)
                if len(chunk) == BATCH_ITEMS:
                    yield chunk
                    chunk = []
                chunk.append(request)
            self._items.append(number)
            self._per_chunk[number // BATCH_ITEMS] += 1
        if chunk:
            yield chunk

    def done(self, chunks: Container[int]) -> int:
        """The number of read items that the batches with these numbers answer."""
        wrong = len(self._items) - self._per_chunk.total()
        return wrong + sum(n for chunk, n in self._per_chunk.items() if chunk in chunks)

    def result(self, outcomes: Mapping[int, Sequence[Outcome]]) -> BatchResult:
        """The outcomes of all batches, by number of the batch, for all items that were given."""
        results: list[MappedEvent | None] = []
        errors: list[ItemError] = []
        for index, item in enumerate(self._items):
            if isinstance(item, int):
                chunk, place = divmod(item, BATCH_ITEMS)
                found = outcomes[chunk][place]
            else:
                found = item
            if isinstance(found, ItemError):
                errors.append(ItemError(index, found.error_code, found.message, found.retryable))
                results.append(None)
            else:
                results.append(found)
        return BatchResult(tuple(results), tuple(errors), len(self._numbers))


def _as_json(request: MapRequest) -> str:
    """The JSON of a request as sent. Raises TypeError, ValueError or RecursionError."""
    text = json.dumps(request.body(), ensure_ascii=False, allow_nan=False)
    text.encode()  # a lone surrogate
    return text
