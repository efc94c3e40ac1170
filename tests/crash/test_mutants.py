"""A service that breaks the contract is found out."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from app.main import create_app
from app.settings import Settings
from tests.app.conftest import serving
from tests.crash.checks import compare, reader
from tests.crash.clients import Client
from tests.crash.mutants import MUTANTS
from tests.crash.served import HEADERS, KEY, take_time


def faults(folder: Path, turns: int) -> dict[str, int]:
    """What is wrong with a service in this process after some turns of three clients."""
    settings = Settings(
        data_dir=folder, api_key=KEY, llm="fake:echo", understanding="off", busy_wait=0.5,
        rate_customer="off",
    )  # fmt: skip
    up = threading.Event()
    up.set()
    with serving(create_app(settings)) as address:
        talking = [Client(f"KX{n}", address, 1, up, 1) for n in range(3)]
        for one in talking:  # nobody waits for the end of a long answer
            turn = replace(one.new(), stream=True, hang_up=True)
            turn.text = turn.ends = f"{turn.text} {'please ' * 200}now"
            one.sent.append(turn)
            one.say(turn)
        threads = [
            threading.Thread(target=one.run, args=(lambda one=one: len(one.sent) > turns,))
            for one in talking
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        sent = [turn for client in talking for turn in client.sent]
        for client in talking:
            for turn in client.sent:
                client.say(turn, again=True)
            client.close()
        with httpx.Client(base_url=address, headers=HEADERS, timeout=60) as http:
            found, _ = compare(reader(http), sent, settled=False)
        found["unexpected"] = sum(len(client.unexpected) for client in talking)
    return dict(+found)


@pytest.mark.parametrize(
    ("mutant", "fault"),
    [
        ("lost", "losses"),
        ("twice", "doubles"),
        ("unordered", "out of order"),
        ("partial", "wrong status"),
    ],
)
def test_a_broken_service_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mutant: str, fault: str
) -> None:
    """One that acknowledges what is not committed, stores a turn twice that is sent again, lets
    turns of a session overlap, or takes a part of an answer for all of it.
    ``python -m tests.crash --mutant NAME`` does it with kills.
    """
    take_time(monkeypatch.setattr)
    MUTANTS[mutant](monkeypatch.setattr)
    assert fault in faults(tmp_path, 3)
