"""The review queue of a process: the methods for its routes, and its threads.

In: the settings of the queue and the pipelines. Out: words, decisions, files. Methods block on the
database and raise StoreError: call them outside the event loop, except for `record`.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import structlog

from client_api.mapping.gateway import Item
from client_api.review.decisions import DecisionFiles, labelled, read_files
from client_api.review.drift import DetectorDrift, judge
from client_api.review.recorder import Recorder
from client_api.review.sightings import Names, Tally
from client_api.review.store import Store
from client_api.review.webhook import Webhook
from client_api.review.words import (
    Action,
    Decided,
    Page,
    RefusedError,
    Reviewer,
    Word,
    WordState,
)
from fallback.decision.decision import Decision
from pipeline.tenants import TenantPipelines
from schemas.slo import load_slo

_log = structlog.get_logger()
_IMPORTED_WHY = "imported"


class ReviewDesk:
    """Store, recorder, files and webhook of one process."""

    def __init__(
        self,
        folder: Path,
        url: str,
        pipelines: TenantPipelines,
        *,
        keep_names: bool,
        retention_days: float,
        webhook: str | None = None,
        webhook_rate: int = 1,
        on_dropped: Callable[[int], None] = lambda count: None,
    ) -> None:
        """folder: for the decisions; it must exist. url: of the database.

        Raises ValueError for a URL of another database.
        """
        self._store = Store(url, retention_days=retention_days)
        self._taxonomy = pipelines.of().guard.taxonomy
        self._names = Names(
            lambda tenant, name: getattr(pipelines.of(tenant).rules.resolve(name), "name", None),
            keep=keep_names,
        )
        self._files = DecisionFiles(self._store, folder, pipelines.canonical, self._taxonomy)
        self._webhook = Webhook(webhook) if webhook else None
        self._rate = webhook_rate
        self._recorder = Recorder(self._store, self._names, on_dropped, self._announce)

    def start(self) -> None:
        """Start to count words, and to follow the decisions of other processes."""
        self._recorder.start()
        self._files.start()

    def follow(self) -> None:
        """Only follow the decisions of other processes; do not call `close` afterwards."""
        self._files.start()

    def close(self) -> None:
        """Write the queued counts, end the threads, close the connections."""
        self._files.close()
        self._recorder.close()
        if self._webhook:
            self._webhook.close()
        self._store.close()

    def record(self, item: Item, decision: Decision) -> None:
        """Count the words of an answer that need a review; does not block."""
        self._recorder.record(item, decision)

    @property
    def problem(self) -> str | None:
        """The current problem, as a text that is safe to publish."""
        if self._recorder.out:
            return "the review database does not answer: counts stay in memory; see the log"
        return self._files.problem

    def page(
        self, reviewer: Reviewer, state: WordState, detector: str | None, limit: int, offset: int
    ) -> Page:
        """Words, the most frequent first."""
        words = self._store.list(
            reviewer.tenant, state, detector=detector, limit=limit, offset=offset
        )
        return Page(words, self._store.counts(reviewer.tenant))

    def drift(self, reviewer: Reviewer) -> list[DetectorDrift]:
        """The detectors of the reviewer's items, those that drifted first."""
        rule = load_slo().drift
        today, items = self._store.items(reviewer.tenant, rule)
        return judge(items, rule, today)

    def get(self, reviewer: Reviewer, word_id: int) -> Word:
        """A word with its history. Raises NotFoundError."""
        return self._store.get(reviewer.tenant, word_id)

    def act(
        self,
        reviewer: Reviewer,
        word_id: int,
        version: int,
        action: Action,
        labels: Sequence[str] = (),
        why: str = "",
        *,
        everyone: bool = False,
    ) -> Word:
        """Decide about a word that the reviewer saw in this version; the decision applies to this
        process on return.

        labels: for `correct` only. everyone: the decision applies to all tenants.

        Raises NotFoundError, RefusedError, and StaleError if the word changed in the meantime.
        """
        word = self._store.get(reviewer.tenant, word_id)
        chosen = self._chosen(word, action, labels)
        if everyone and reviewer.tenant is not None:
            raise RefusedError("everyone: this needs a key with the scope admin")
        decided = Decided(action, chosen, everyone, reviewer.name, int(time.time()), why)
        word = self._store.decide(reviewer.tenant, word_id, version, decided)
        self._files.follow()
        return word

    def _chosen(self, word: Word, action: Action, labels: Sequence[str]) -> tuple[str, ...]:
        if action is Action.UNDO and word.holds is None:
            raise RefusedError("action: there is no decision to undo")
        if (action is Action.CORRECT) != bool(labels):
            raise RefusedError("labels: `correct` needs them, any other action refuses them")
        if action not in (Action.ACCEPT, Action.CORRECT):
            return ()
        if not word.word:
            raise RefusedError("action: an unread part is not a word; declare its format")
        if not word.kept:
            raise RefusedError("action: the name was not stored; MAPPER_REVIEW_NAMES stores names")
        if action is Action.ACCEPT and not word.proposal:
            raise RefusedError("action: nothing is proposed; send `correct` with labels")
        return self._taxonomy.combine(labels) if labels else word.proposal

    def export(self, reviewer: Reviewer) -> tuple[dict[str, str], list[dict[str, object]]]:
        """The decisions as detector files by name, and as labelled rows."""
        words = self._store.decided(reviewer.tenant)
        return self._files.render(words), labelled(words)

    def load(self, reviewer: Reviewer, texts: Mapping[str, str]) -> int:
        """Take the decisions of exported files; returns how many are new.

        Raises ConfigError for an invalid file, RefusedError for one of another tenant.
        """
        now, entered = int(time.time()), dict[str, tuple[Tally, Decided]]()
        for own in read_files(texts, self._taxonomy):
            tenants: tuple[str | None, ...] = own.tenants or (None,)
            if reviewer.tenant is not None and set(tenants) != {reviewer.tenant}:
                raise RefusedError("files: one is for another tenant, or for all tenants")
            for tenant in tenants:
                for word, labels in own.maps.items():
                    tally = Tally(tenant, own.name, word, kept=True)
                    tally.labels = labels
                    decided = Decided(
                        Action.CORRECT, labels, False, reviewer.name, now, _IMPORTED_WHY
                    )
                    entered[self._names.key(tenant, own.name, word)] = (tally, decided)
        new = self._store.enter(entered) if entered else 0
        self._files.follow()
        return new

    def _announce(self) -> None:
        if self._webhook:
            for word in self._store.announce(self._rate):
                self._webhook.announce(word)
