"""Reports new words to a chat or another service.

In: words that reached the rate. Out: one POST in Slack's form, `{"text": ...}`, per word. A thread
sends them; messages that fail after a few attempts, or find the queue full, are logged and dropped.
"""

import threading
from collections.abc import Callable
from queue import Full, Queue
from typing import Final

import httpx
import structlog

from client_api.review.words import Word

_log = structlog.get_logger()
#: The most messages in the queue.
MAX_WAITING: Final = 100
_ATTEMPTS: Final = 4
_TIMEOUT_S: Final = 5.0
_END: Final = None


class Webhook:
    """One thread, started at once."""

    def __init__(
        self,
        url: str,
        transport: httpx.BaseTransport | None = None,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        """pause: lets seconds pass between two attempts; unless given, until `close`."""
        self._url = url
        self._closing = threading.Event()
        self._pause = pause or self._closing.wait
        self._client = httpx.Client(timeout=_TIMEOUT_S, transport=transport)
        self._waiting: Queue[str | None] = Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._run, name="review-webhook", daemon=True)
        self._thread.start()

    def announce(self, word: Word) -> None:
        """Queue a message about the word; does not block."""
        try:
            self._waiting.put_nowait(message(word))
        except Full:
            _log.error("a message about a new word was dropped: too many are waiting", word=word.id)

    def close(self) -> None:
        """End the pauses, send the queued messages, end the thread."""
        self._closing.set()
        self._waiting.put(_END)
        self._thread.join()
        self._client.close()

    def _run(self) -> None:
        while (text := self._waiting.get()) is not _END:
            for attempt in range(_ATTEMPTS):
                problem = self._send(text)
                if problem is None:
                    break
                if attempt < _ATTEMPTS - 1:
                    self._pause(2.0**attempt)
            else:
                # The address may hold a secret.
                _log.error("a message about a new word was not accepted", problem=problem)

    def _send(self, text: str) -> str | None:
        """The problem; None if the message was accepted."""
        try:
            status = self._client.post(self._url, json={"text": text}).status_code
        except httpx.HTTPError as error:
            return type(error).__name__
        return None if status < 300 else f"status {status}"


def message(word: Word) -> str:
    """The text of a message. Names are untrusted: their characters must not format or mention."""
    name, detector = _escaped(word.word or "(an unread part)"), _escaped(word.detector)
    whose = f" of tenant {_escaped(word.tenant)}" if word.tenant else ""
    return f"New word for review: {name} from {detector}{whose}, seen {word.seen} times so far."


def _escaped(text: str) -> str:
    for sign, escape in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(sign, escape)
    return text
