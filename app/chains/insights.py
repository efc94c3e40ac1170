"""Monitoring: texts that are read and counted, and alerts of surges in them that are told.

Every worker looks and sends; the rows say who does what (``memory.alerts``).
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from anyio.to_thread import run_sync

from app.settings import Settings
from app.webhooks import Webhooks
from memory import MemoryStore, Understanding
from memory.alerts import Alert, Delivery
from memory.clock import now, to_stamp
from memory.complaints import Example
from memory.insights import SOURCES
from memory.labels import read_labels
from memory.posts import Post
from memory.surges import Threshold

LOOK_SECONDS = 60.0  # how often it is looked for surges
SEND_SECONDS = 5.0  # how often it is looked whether something is to be sent
EXAMPLES = 5  # of an alert

_logger = logging.getLogger(__name__)


def look(
    store: MemoryStore, at: datetime, threshold: Threshold, targets: Collection[str] = ()
) -> None:
    """Open and close alerts by what was written in the hour before a time, in every tenant."""
    for tenant in store.insights.tenants():
        opened = store.alerts.open(tenant)
        for source in SOURCES:
            many = store.complaints.lately(tenant, source, at)
            topics = {topic for topic, count in many.items() if count >= threshold.least}
            topics |= {topic for whose, topic in opened if whose == source}
            if topics:
                hours = store.complaints.hours(tenant, source, at, topics)
                store.alerts.note(tenant, source, hours, threshold, targets)


def examples_of(store: MemoryStore, alert: Alert) -> list[Example]:
    """Texts of a surge that are there still."""
    until = alert.closed or now()
    return store.complaints.examples(
        alert.tenant, alert.source, alert.topic, alert.since, until, EXAMPLES
    )


class Monitoring:
    """What is read, watched and told in a service."""

    def __init__(
        self,
        store: MemoryStore,
        settings: Settings,
        understanding: Understanding | None,
        webhooks: Webhooks,
    ) -> None:
        self._store = store
        self._understanding = understanding
        self._webhooks = webhooks
        self._threshold = Threshold(settings.alert_score, settings.alert_customers)

    @property
    def reads(self) -> bool:
        """Whether there is a classifier for documents."""
        return self._understanding is not None

    def put(self, tenant: str, posts: Sequence[Post]) -> list[Post] | None:
        """Read documents and keep them; None, and nothing is kept, if the classifier fails."""
        assert self._understanding is not None
        read = read_labels(self._understanding, [post.text for post in posts])
        if read is None:
            return None
        kept = [post._replace(labels=labels) for post, labels in zip(posts, read, strict=True)]
        self._store.posts.put(tenant, kept)
        return kept

    async def follow(self) -> None:
        """Look for surges, and send what is to be sent, for as long as the service runs."""
        await asyncio.gather(
            _again(self.look, LOOK_SECONDS, "look for surges"),
            _again(self.send, SEND_SECONDS, "send alerts"),
        )

    def look(self) -> None:
        """Look for surges now."""
        look(self._store, now(), self._threshold, self._webhooks.targets)

    def send(self) -> None:
        """Send what is due now, each as it is taken: what waited here would be due for others."""
        while taken := self._store.alerts.take(self._webhooks.targets, 1):
            self._send(taken[0])

    def _send(self, one: Delivery) -> None:
        alert = self._store.alerts.get(one.tenant, one.alert)
        assert alert is not None, "no alert is deleted"
        at = now()
        body = json.dumps(self._told(one, alert), ensure_ascii=False).encode()
        sent = self._webhooks.send(one.target, one.event, body, to_stamp(at) // 1_000_000)
        if sent.fault is None:
            self._store.alerts.told(one, at)
        else:
            _logger.warning("an alert was not received: %s", sent.fault)
            self._store.alerts.failed(one, sent.fault, for_good=sent.for_good)

    def _told(self, one: Delivery, alert: Alert) -> dict[str, Any]:
        """What a receiver gets: ids and no text, which nobody could erase there."""
        return {
            "type": f"alert.{one.what}",
            "timestamp": one.at.isoformat(),
            "data": {
                "alert": alert.id, "tenant": alert.tenant, "source": alert.source,
                "topic": alert.topic, "opened_at": alert.opened.isoformat(),
                "closed_at": None if alert.closed is None else alert.closed.isoformat(),
                "count": alert.many, "usual": round(alert.usual, 1), "score": round(alert.score, 2),
                "examples": [
                    {"customer": each.customer, "session": each.session, "id": each.id}
                    for each in examples_of(self._store, alert)
                ],
            },
        }  # fmt: skip


async def _again(work: Any, seconds: float, what: str) -> None:
    while True:
        try:
            await run_sync(partial(work))
        except Exception:  # the database is away, say: it is tried again
            _logger.warning("could not %s", what, exc_info=True)
        await asyncio.sleep(seconds)
