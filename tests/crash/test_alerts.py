"""A service that is killed while it tells somebody of an alert."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import httpx

from app.chains.insights import Monitoring
from app.settings import Settings
from app.webhooks import Webhooks
from memory import MemoryStore, open_store
from memory.alerts import Delivery
from tests.app.test_insights import SECRET, plant
from tests.crash.served import HEADERS, Served
from tests.receiver import Receiver


def delivery(store: MemoryStore) -> Delivery:
    """The only one of the only alert."""
    (alert,) = store.alerts.newest("default", 9)
    (one,) = store.alerts.deliveries([alert.id])[alert.id]
    return one


def test_an_alert_whose_sender_is_killed_is_sent_again_under_its_id(tmp_path: Path) -> None:
    """The receiver has it, and nobody has noted that it has: once its time has come the next
    process tells it again, so that the receiver can drop it, and no more after that.
    """
    url = f"sqlite:///{tmp_path / 'memory.db'}"
    with Receiver() as receiver, open_store(url) as store:
        hooks = {"webhooks": receiver.url, "webhook_secret": SECRET}
        plant(store)
        Monitoring(store, Settings(), None, Webhooks(receiver.url, SECRET)).look()
        assert (delivery(store).tries, receiver.got) == (0, [])
        come, killed = threading.Event(), threading.Event()

        def wait() -> None:
            come.set()
            killed.wait(60)

        receiver.before = wait
        service = Served(tmp_path, database=url, llm="fake:echo", understanding="off", **hooks)
        try:
            service.start()
            assert come.wait(60)
            service.kill()
            killed.set()
            broken = delivery(store)
            assert (broken.tries, broken.told, broken.due is None) == (1, None, False)
            with store.database.write() as connection:  # time goes by
                connection.exec_driver_sql("UPDATE deliveries SET due = 1")
            service.start()
            until = time.monotonic() + 60
            while delivery(store).told is None and time.monotonic() < until:
                time.sleep(0.05)
            told = httpx.get(
                f"{service.address}/v1/insights/alerts", headers=HEADERS, timeout=60
            ).json()
        finally:
            killed.set()
            service.stop()
        (alert,) = told["alerts"]
        (one,) = alert["deliveries"]
        assert (one["tries"], one["due_at"], one["fault"]) == (2, None, None)
        assert [got.headers["webhook-id"] for got in receiver.got] == [one["event"]] * 2
