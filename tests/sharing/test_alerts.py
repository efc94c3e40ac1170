"""Several workers that look for surges and send: one alert, and one of them sends it."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from app.chains.insights import Monitoring
from app.settings import Settings
from app.webhooks import Webhooks
from memory import MemoryStore
from tests.app.test_insights import SECRET, plant
from tests.receiver import Receiver
from tests.sharing.conftest import Two


def test_of_all_that_see_a_surge_one_opens_an_alert_and_one_sends_it(two: Two) -> None:
    """Looking and sending at once, again and again: each receiver has it once."""
    plant(two[0])
    at_once = threading.Barrier(4, timeout=60)
    with Receiver() as receiver:
        hooks = Webhooks(f"{receiver.url}/one,{receiver.url}/other", SECRET)

        def work(store: MemoryStore) -> None:
            mine = Monitoring(store, Settings(), None, hooks)
            for _ in range(3):
                at_once.wait()
                mine.look()
                at_once.wait()
                mine.send()

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, [*two, *two]))
        assert Counter(one.path for one in receiver.got) == {"/one": 1, "/other": 1}
    (alert,) = two[1].alerts.newest("default", 9)
    told = two[1].alerts.deliveries([alert.id])[alert.id]
    assert [one.tries for one in told] == [1, 1]
    assert all(one.told is not None and one.told - one.at < timedelta(minutes=9) for one in told)
