"""The embedded model's own port, and what its prompt cache keeps of one customer for another."""

from __future__ import annotations

import random
import socket
import string
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI

from app.llm import Model, open_llm
from tests.leaks.conftest import PROBES, SEED

# Every address that llama.cpp's server knows, in this or another version.
ADDRESSES = """
/ /health /v1/health /metrics /props /models /v1/models /models/load /models/unload /api/tags
/api/show /api/chat /api/generate /completion /completions /v1/completions /chat/completions
/v1/chat/completions /v1/chat/completions/control /v1/responses /responses /v1/messages
/v1/messages/count_tokens /infill /embedding /embeddings /v1/embeddings /rerank /reranking
/v1/rerank /v1/reranking /tokenize /detokenize /apply-template /lora-adapters /slots
/slots/0?action=save /slots/0?action=restore /slots/0?action=erase /v1/audio/transcriptions
/audio/transcriptions /cors-proxy /tools /index.html /bundle.js /favicon.ico /version /v1 /v1/
""".split()
BODY = {
    "messages": [{"role": "user", "content": "hi"}], "prompt": "hi", "content": "hi", "input": "hi",
    "n_predict": 1, "max_tokens": 1, "filename": "slot",
}  # fmt: skip


class Port:
    """The embedded server itself: its address, its secret path and its key."""

    def __init__(self, model: Model) -> None:
        assert isinstance(model.chat, ChatOpenAI)
        url = httpx.URL(model.chat.openai_api_base or "")
        self.host, self.port = url.host, url.port or 0
        self.address = f"http://{url.host}:{url.port}"
        self.path = url.path.removesuffix("/v1")
        secret = model.chat.openai_api_key
        assert hasattr(secret, "get_secret_value")
        self.key: str = secret.get_secret_value()


@pytest.fixture
def port(embedded: Model) -> Port:
    """The port of the embedded model."""
    return Port(embedded)


def test_the_port_answers_nothing_without_its_key(port: Port, probes: Counter[str]) -> None:
    """Whatever is asked for, with whatever method, path and guess at the key: 401 or 404 with no
    word of the model, and to a browser's preflight nothing that lets a page in.
    """
    draw = random.Random(SEED)
    letters = string.ascii_letters + string.digits + "-_"

    def guess() -> dict[str, str]:
        near = [
            "x", port.key[:-1], f"{port.key}x", port.key[::-1], port.key.swapcase(), "none", "null",
            "".join(draw.choices(letters, k=32)), f"{port.key[:31]}*", "Bearer",
        ]  # fmt: skip
        name = draw.choice(["Authorization", "X-Api-Key", "Api-Key", "Cookie"])
        key = draw.choice(near)
        return {name: f"Bearer {key}" if name == "Authorization" else key}

    asked = [
        (method, prefix + address, {})
        for address in ADDRESSES
        for prefix in ("", port.path)
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")
    ]
    some = draw.sample(asked, min(len(asked), PROBES))
    some += [(*draw.choice(asked)[:2], guess()) for _ in range(PROBES - len(some))]
    with httpx.Client(base_url=port.address, trust_env=False, timeout=60) as client:
        for method, path, headers in some:
            body = BODY if method in {"POST", "PUT", "PATCH"} else None
            answer = client.request(method, path, json=body, headers=headers)
            probe = (method, path, answer.status_code, answer.text)
            probes["requests to the model's port without its key"] += 1
            if method == "OPTIONS":
                assert not answer.text, probe
                assert not answer.headers.get("Access-Control-Allow-Origin"), probe
            else:
                assert answer.status_code in {401, 404}, probe
                assert "SmolLM" not in answer.text, probe
                assert "gguf" not in answer.text, probe
        right = {"Authorization": f"Bearer {port.key}"}
        for path in ("/slots", "/metrics", "/props", "/v1/models"):  # with the key, at the root
            assert client.get(path, headers=right).status_code in {401, 404}
        assert client.get(f"{port.path}/v1/models", headers=right).status_code == 200
        for path in ("/slots", "/metrics"):  # what is read now is not even for who has the key
            assert client.get(port.path + path, headers=right).status_code == 501


def test_the_port_is_this_machine_s_alone(port: Port, probes: Counter[str]) -> None:
    """It listens on 127.0.0.1 and on nothing else, and no process shows its key."""
    assert port.host == "127.0.0.1"
    listening = [
        line.split()[1]
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        if line.split()[3] == "0A"
    ]
    ours = [one for one in listening if int(one.rpartition(":")[2], 16) == port.port]
    local = int.from_bytes(socket.inet_aton("127.0.0.1"), "little")
    assert ours == [f"{local:08X}:{port.port:04X}"]
    for process in Path("/proc").glob("[0-9]*"):
        for shown in ("cmdline", "environ"):
            try:
                said = (process / shown).read_bytes()
            except OSError:
                continue
            probes["processes' arguments and environments without the key"] += 1
            assert port.key.encode() not in said, (process, shown)
            assert port.path.encode() not in said, (process, shown)


def _said(secret: str) -> list[BaseMessage]:
    return [
        SystemMessage("You are a support agent of a shop. Be brief."),
        HumanMessage(f"My order is {secret}."),
        AIMessage("Thank you, I have found it."),
        HumanMessage("Which order number did I say?"),
    ]


def test_no_answer_depends_on_whose_prompt_was_there_before(
    monkeypatch: pytest.MonkeyPatch, probes: Counter[str]
) -> None:
    """In one slot, where a prompt takes over what it shares with the one before, every probability
    of an answer is the same to the last bit whichever other customer that was.
    """
    monkeypatch.setattr("app.llm.embedded._CACHE_MIB", 0)  # or its own prompt would come back
    draw = random.Random(SEED)
    # The first digits differ, so all share the same beginning: from there on each is read anew.
    secrets = [f"{first}{draw.randrange(10**5):05}" for first in range(10)]
    model = open_llm("embedded:", temperature=0.0, max_tokens=3, slots=1, timeout=600)
    answers: dict[str, Any] = {}
    try:
        for probe in range(max(4, PROBES // 100)):
            secret = secrets[probe // 2 % len(secrets)]
            before = draw.choice([one for one in secrets if one != secret])
            model.chat.invoke(_said(before))
            reply = model.chat.invoke(_said(secret), logprobs=True, top_logprobs=10)
            assert isinstance(reply, AIMessage)
            assert reply.usage_metadata is not None
            assert reply.usage_metadata["input_token_details"]["cache_read"] > 10
            likely = reply.response_metadata["logprobs"]["content"]
            assert likely == answers.setdefault(secret, likely), (before, secret)
            probes["answers after another customer's prompt in the slot"] += 1
        assert len({str(likely) for likely in answers.values()}) == len(answers), "nothing is told"
    finally:
        model.close()


def test_no_answer_has_what_others_said(embedded: Model, probes: Counter[str]) -> None:
    """With all slots and the prompt cache, several customers at once: nobody is told another's."""
    draw = random.Random(SEED)
    secrets = [f"{draw.randrange(10**6):06}" for _ in range(8)]

    def ask(secret: str) -> tuple[str, str]:
        prompt = _said(secret) if secret else [_said("")[0], _said("")[-1]]
        return secret, str(embedded.chat.invoke(prompt).text)

    asked = draw.choices([*secrets, ""], k=max(6, PROBES // 100))
    with ThreadPoolExecutor(4) as pool:
        for own, answer in pool.map(ask, asked):
            probes["answers beside other customers' chats"] += 1
            assert not any(secret in answer for secret in secrets if secret != own), own
