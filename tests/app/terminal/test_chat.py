"""``memory-service chat``, as a person uses it: with a terminal and without, here and elsewhere."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from app.auth import create_key
from app.chains.digests import Digests
from app.roles import TENANT
from app.settings import Settings
from app.terminal.here import Here
from memory import Scope, open_store
from tests.app.conftest import KEY, Running
from tests.app.terminal.typed import CTRL_C, CTRL_D, TAB, UP, at_terminal
from tests.forked import console
from tests.llm.openai_double import OpenAIDouble

WORDS = " ".join(f"word{n}" for n in range(4_000))
SCRIPT = """My order number is 4417-XZ

/session two
//help me \x1b[31m
/recall which order number
/memories order_number
/modle
/model
/sessions
/forget nope
/memories nonsense
/quit
never said
"""


def environment(data: Path, **more: str) -> dict[str, str]:
    """What a chat is started with."""
    given = {"DATA_DIR": str(data), "LLM": "fake:echo", "UNDERSTANDING": "off", **more}
    return {
        **{name: value for name, value in os.environ.items() if "MEMORY_SERVICE" not in name},
        **{f"MEMORY_SERVICE_{name}": value for name, value in given.items()},
        "TERM": "xterm",
    }


@pytest.mark.parametrize("where", ["here", "there"])
def test_a_script_is_answered_line_by_line(
    where: str, tmp_path: Path, run_service: Callable[..., Running]
) -> None:
    """Commands do what the API does, the same in this process and over the network; what cannot be
    done is a sentence, and the exit code says so.
    """
    args = ["chat", "--customer", "ada"]
    if where == "there":
        args += ["--url", run_service(data_dir=tmp_path / "there").address]
    done = console(*args, environment=environment(tmp_path, API_KEY=KEY), stdin=SCRIPT)
    assert done.returncode == 1
    out = done.stdout
    assert out.startswith("My order number is 4417-XZ\n  two begins with what you say next.\n")
    assert "/help me \ufffd[31m\n" in out  # a terminal would obey it
    assert "\x1b[31m" not in done.stdout
    for who in ("ada", "Assistant"):  # it echoes
        found = (
            rf"^  My order number is 4417-XZ  \({who} · \d{{4}}-\d\d-\d\d · it says “order, number”"
        )
        assert re.search(found, out, re.M), who
    assert re.search(r"^  \w+  Order number: 4417-XZ  \(ada\)$", out, re.M)
    assert "\n  echo answers.\n" in out
    assert re.search(r"^\* two  2 messages, .* UTC\n  terminal  2 messages", out, re.M)
    assert "never said" not in out
    lines = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert len(lines) == 3, done.stderr
    assert lines[0].startswith("There is no command /modle: did you mean /model?")
    assert "no memory 'nope'" in lines[1]
    assert lines[2].startswith("There is no kind of fact 'nonsense': there are ")


def test_it_speaks_the_terminals_language(tmp_path: Path) -> None:
    """Its own lines and what cannot be done, by LANG or the setting; what was said stays as it
    is, also where it looks like one of them.
    """
    script = (
        "2 messages\n/recall messages\n/memories\n/help\n/sessions\n/modle\n/forget nope\n/quit\n"
    )
    args = ["chat", "--customer", "ada"]
    chinese = environment(tmp_path / "zh") | {"LC_ALL": "zh_CN.UTF-8"}
    done = console(*args, environment=chinese, stdin=script)
    assert re.match(
        r"2 messages\n  2 messages  \((ada|助手) · [0-9-]+ · 提到“messages”", done.stdout
    )
    assert re.search(r"^  \w+  2 messages  \(助手\)$", done.stdout, re.M)
    assert "\n  /forget ID        忘记一条记忆\n" in done.stdout
    assert re.search(r"^\* terminal  2 条消息, ", done.stdout, re.M)
    lines = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert lines == [
        "没有命令 /modle：是不是 /model？ 若要当作消息发送，请以两个斜杠开头。",
        "没有记忆 'nope'：全部记忆见 /memories。",
    ]
    english = environment(tmp_path / "en", LANGUAGE="en") | {"LANG": "zh_CN.UTF-8"}
    done = console(*args, environment=english, stdin="/recall x\n/help\n/quit\n")
    assert "There is no customer 'ada'." in done.stderr
    assert "  /forget ID        forget a memory\n" in done.stdout


def test_what_was_said_a_moment_ago_is_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before any digest; a slot's facts too."""
    monkeypatch.setattr(Digests, "later", lambda *_, **__: None)
    settings = Settings(data_dir=tmp_path, llm="fake:echo", understanding="off")
    with closing(Here(settings, "ada", "terminal", TENANT)) as desk:
        list(desk.say("My order number is 4417-XZ"))
        assert [one.value for one in desk.memories("order_number")] == ["4417-XZ"]
        assert "My order number is 4417-XZ" in {one.text for one in desk.memories(None)}


@pytest.mark.parametrize("where", ["here", "there"])
def test_at_a_terminal_an_answer_can_be_stopped(
    where: str, tmp_path: Path, run_service: Callable[..., Running], double: OpenAIDouble
) -> None:
    """Ctrl-C stops the answer, which is kept as ``stopped``, and the chat goes on; Tab completes,
    the arrows find what was typed, Ctrl-D leaves.
    """
    double.reply, double.delay = WORDS, 0.02
    args = ["chat", "--customer", "ada"]
    data = tmp_path
    if where == "there":
        data = tmp_path / "there"
        args += ["--url", run_service(data_dir=data, llm=double.url).address]
    with at_terminal(*args, environment=environment(data, LLM=double.url, API_KEY=KEY)) as typed:
        typed.wait_for("Ctrl-D leaves.")
        typed.wait_for("> ")
        typed.type("Tell me all\n")
        typed.wait_for("word3 ")
        typed.type(CTRL_C)
        typed.wait_for("(stopped; what was said is kept)")
        typed.wait_for("> ")
        assert double.gone.wait(60)  # with no delay it would be done before it sees that
        double.reply, double.delay = "and now this", 0
        typed.type(UP + "\n")
        typed.wait_for("Tell me all")
        typed.wait_for("and now this")
        typed.wait_for("> ")
        typed.type("/sessi" + TAB + TAB + "s\n")
        typed.wait_for("* terminal  4 messages")
        typed.wait_for("> ")
        typed.type("half a line")
        typed.wait_for("half a line")
        typed.interrupt("(Ctrl-D leaves)")
        typed.wait_for("> ")
        typed.type("/he" + TAB + "\n")
        typed.wait_for("Ctrl-C stops an answer")
        typed.wait_for("> ")
        typed.type(CTRL_D)
    with open_store(f"sqlite:///{data / 'memory.db'}") as store:
        said = store.transcript.newest(Scope("ada", "terminal"), 10)
    assert [(one.message.role, one.status) for one in said] == [
        ("human", "stopped"),
        ("ai", "stopped"),
        ("human", "complete"),
        ("ai", "complete"),
    ]
    assert WORDS.startswith(said[1].message.text)


def test_what_is_a_services_is_not_given_with_its_address(tmp_path: Path) -> None:
    """Nor is a chat begun without its key, or with one that fits nobody."""
    started = environment(tmp_path)
    done = console("chat", "--url", "http://127.0.0.1:9", "--llm", "x", environment=started)
    assert (done.returncode, "leave out" in done.stderr) == (1, True)
    done = console("chat", "--url", "http://127.0.0.1:9", environment=started)
    assert (done.returncode, "MEMORY_SERVICE_API_KEY is missing" in done.stderr) == (1, True)
    for option in ("--customer", "--session"):
        for more in ((), ("--url", "http://127.0.0.1:9")):
            started = environment(tmp_path, API_KEY=KEY)
            done = console("chat", option, "", *more, environment=started, stdin="hello\n")
            assert (done.returncode, "this one has 0" in done.stderr) == (1, True), done.stderr
    assert not (tmp_path / "memory.db").exists()


def test_who_may_not_is_told_so_in_a_sentence(
    tmp_path: Path, run_service: Callable[..., Running]
) -> None:
    """A service's program may chat and recall, but not read memories; the chat goes on."""
    service = run_service()
    key, _ = create_key(service.app.state.store, "service")
    done = console(
        "chat", "--url", service.address, environment=environment(tmp_path, API_KEY=key),
        stdin="hello\n/memories\n/model\n/sessions\n",
    )  # fmt: skip
    assert done.returncode == 1
    assert "may not" in done.stderr
    assert done.stdout.startswith("hello\n  echo answers.\n* terminal  2 messages")
    done = console(
        "chat", "--url", service.address, environment=environment(tmp_path, API_KEY="wrong" * 5)
    )
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "key" in done.stderr
