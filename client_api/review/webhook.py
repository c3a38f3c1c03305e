"""Tells a chat or another service of new words.

In: words that passed the rate. Out: a POST of Slack's form, `{"text": ...}`, for each. A thread
sends them; what it cannot send after a few attempts, or has no room for, is logged and dropped.
"""

import threading
from collections.abc import Callable
from queue import Full, Queue
from typing import Final

import httpx
import structlog

from client_api.review.words import Word

_log = structlog.get_logger()
#: Messages that wait at most.
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
        """Send a message about the word; does not wait."""
        try:
            self._waiting.put_nowait(message(word))
        except Full:
            _log.error("a message about a new word was dropped: too many wait", word=word.id)

    def close(self) -> None:
        """Give up pauses, send what waits, end the thread."""
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
                _log.error("a message about a new word was not taken", problem=problem)

    def _send(self, text: str) -> str | None:
        """What went wrong; None where the message was taken."""
        try:
            status = self._client.post(self._url, json={"text": text}).status_code
        except httpx.HTTPError as error:
            return type(error).__name__
        return None if status < 300 else f"status {status}"


def message(word: Word) -> str:
    """The text of a message. Names come from outside: none of their signs may format or mention."""
    name, detector = _escaped(word.word or "(an unread part)"), _escaped(word.detector)
    whose = f" of tenant {_escaped(word.tenant)}" if word.tenant else ""
    return f"New word for review: {name} from {detector}{whose}, seen {word.seen} times so far."


def _escaped(text: str) -> str:
    for sign, escape in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(sign, escape)
    return text
