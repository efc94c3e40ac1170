"""The service's errors in the language of who asks."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

import app
from app import faults
from app.schemas.chat import Status
from app.translation import LANGUAGES, preferred, translated
from tests.app.conftest import Running, events
from tests.app.walk_texts import numbered, texts
from tests.llm.openai_double import OpenAIDouble

ROOT = Path(app.__file__).parents[1]
CHINESE: dict[str, str] = json.loads((ROOT / "app/texts/zh.json").read_text())
ADA = "/v1/customers/ada"
ZH = {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"}
WORDS = re.compile(r"[A-Za-z]{2,} +[a-z]{2,} +[a-z]{2,}")  # three in a row: English


def test_every_text_has_its_translation() -> None:
    """What the code can say to who asks is in the catalogue: a new error needs its Chinese."""
    said = texts(ROOT)
    assert len(said) > 150, "the texts were not found"
    said |= {numbered(text): "app/faults.py" for text in faults._SAID.values()}
    missing = {text: place for text, place in said.items() if text not in CHINESE}
    assert not missing, f"add them to app/texts/zh.json: {json.dumps(missing, indent=2)}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_has_words_for_every_status_of_a_turn(language: str) -> None:
    """Of a session that waits too, in the operator's list."""
    texts, operator = (ROOT / f"app/web/{name}.js" for name in (language, "operations/view"))
    for status in get_args(Status):
        assert f"  status{status.capitalize()}: " in texts.read_text(), status
        assert status == "complete" or f"{status}: " in operator.read_text(), status


def test_a_translation_puts_in_what_the_text_does() -> None:
    """The same parts, each once, and Chinese around them."""
    for text, said in CHINESE.items():
        fields = Counter(re.findall(r"\{\d+\}", text))
        assert fields == Counter(re.findall(r"\{\d+\}", said)), text
        assert set(fields.values()) <= {1}, text


def test_a_text_is_found_whatever_is_put_into_it() -> None:
    """Each text is taken for itself and for no other that fits too."""
    for text, said in CHINESE.items():
        values = [f"'v{number}'" for number in range(text.count("{"))]
        assert translated(text.format(*values), "zh") == said.format(*values), text


@given(st.text(max_size=60))
def test_what_somebody_said_stays_as_it_is(name: str) -> None:
    """A name that stands in an error is not taken apart."""
    said = translated(f"There is no customer {name!r}.", "zh")
    assert said == f"客户 {name!r} 不存在。"


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("zh", "zh"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("zh-TW", "zh"),
        ("zh-Hant-HK, en;q=0.5", "zh"),
        ("ZH-cn", "zh"),
        ("en-GB,en;q=0.9,zh;q=0.8", "en"),
        ("en;q=0.2, zh;q=0.7", "zh"),
        ("zh;q=0, en", "en"),
        ("zh;q=0", "en"),
        ("fr, de;q=0.5", "en"),
        ("fr, zh;q=0.1", "zh"),
        ("*", "en"),
        ("zhx, english", "en"),
        ("zh;q=9, \xff;;,", "en"),
    ],
)
def test_the_language_that_is_liked_best(accepted: str, language: str) -> None:
    """By weight, any kind of Chinese being Chinese; what cannot be read counts for nothing."""
    assert preferred(accepted, "en") == language


@given(st.text(max_size=80))
def test_no_header_is_too_strange(accepted: str) -> None:
    """Whatever is sent, some language is answered in."""
    assert preferred(accepted, "zh") in LANGUAGES


def asked(service: Running, method: str, path: str, **more: Any) -> dict[str, Any]:
    """A refusal in Chinese; in English it is the same problem."""
    headers = more.pop("headers", {})
    answer = service.client.request(method, path, headers={**headers, **ZH}, **more)
    english = service.client.request(method, path, headers=headers, **more)
    assert answer.is_error, answer.text
    document, other = answer.json(), english.json()
    assert answer.headers["Content-Language"] == "zh"
    assert english.headers["Content-Language"] == "en"
    assert "Accept-Language" in answer.headers["Vary"]
    assert document["type"] == other["type"]
    assert document["status"] == other["status"] == answer.status_code
    for said in (document["title"], document["detail"]):
        assert re.search("[\u4e00-\u9fff]", said), said
        assert not WORDS.search(re.sub("`.*?`", "", said)), said
    assert not re.search("[\u4e00-\u9fff]", other["title"] + other["detail"])
    found: dict[str, Any] = document
    return found


JSON = {"headers": {"Content-Type": "application/json"}}
CHAT = {"customer": "ada", "message": "hi"}
REFUSED: list[tuple[str, str, dict[str, Any], str]] = [
    ("GET", "/nowhere", {}, "/nowhere 不存在"),
    ("PUT", "/v1/chat", {}, "/v1/chat 支持 POST，不支持 PUT。"),
    ("GET", "/v1/customers/nobody/card", {}, "客户 'nobody' 不存在"),
    ("GET", f"{ADA}/sessions/none", {}, "客户 'ada' 没有会话 'none'"),
    ("GET", f"{ADA}/memories/none", {}, "没有记忆 'none'"),
    ("GET", "/v1/knowledge/none", {}, "文章 'none' 不存在"),
    ("POST", "/v1/chat", {"content": b"{", **JSON}, "不是 JSON"),
    ("POST", "/v1/chat", {"content": b"\xff", **JSON}, "无法读取"),
    ("POST", "/v1/chat", {"json": {"customer": "ada"}}, "body.message：缺失，请填写"),
    ("POST", "/v1/chat", {"json": {**CHAT, "mood": 1}}, "body.mood：未知字段"),
    ("POST", "/v1/chat", {"json": {**CHAT, "stream": "yes"}}, "请发送 true 或 false，不加引号"),
    ("POST", "/v1/chat", {"json": {**CHAT, "message": " "}}, "消息为空"),
    ("POST", "/v1/chat", {"json": {**CHAT, "message": "x" * 40_000}}, "消息有 40000 字节"),
    ("POST", "/v1/chat", {"json": {**CHAT, "message": "a\0"}}, "NUL"),
    ("POST", "/v1/chat", {"json": {**CHAT, "customer": "x" * 300}}, "过长：最多 200 个字符|须为"),
    ("POST", "/v1/chat", {"json": {"message": "hi"}}, "只有使用客户自己的令牌时才可省略"),
    ("POST", f"{ADA}/recall", {"json": {"query": "x", "max_tokens": -1}}, "过小：至少为"),
    ("POST", f"{ADA}/memories", {"json": {"text": "x", "slot": "shoe"}}, "没有这个 slot"),
    ("PUT", f"{ADA}/sessions/default/rating", {"json": {"rating": "so"}}, "可用：'good', 'bad'"),
    ("POST", "/v1/admin/models/none/promote", {}, "不能更换适配器"),
    ("POST", "/v1/chat/completions", {"json": {"messages": []}}, "数量过少|过少"),
    (
        "POST",
        "/v1/chat/completions",
        {"json": {"messages": [{"role": "user", "content": "hi"}]}},
        "user：缺失，请指明客户",
    ),
    ("GET", "/v1/key", {"headers": {"Authorization": "Bearer wrong"}}, "密钥错误或已失效"),
]


def test_a_refusal_in_chinese(service: Running) -> None:
    """Title and detail are Chinese, with the places that machines read as they are."""
    service.chat("hello")
    for method, path, more, said in REFUSED:
        detail = asked(service, method, path, **more)["detail"]
        assert re.search(said, detail), (method, path, detail)


def test_what_breaks_off_says_so_in_chinese(scripted: Running, double: OpenAIDouble) -> None:
    """The last event of a stream, and OpenAI's ``error``, are like other refusals."""
    double.mode = "empty"
    body = {"customer": "ada", "message": "hi", "stream": True}
    with scripted.client.stream("POST", "/v1/chat", json=body, headers=ZH) as answer:
        *_, (name, document) = events(answer)
    assert name == "error"
    assert document["title"] == "回答为空"
    assert document["detail"] == "模型 double 没有给出回答。消息已保存，请重新发送。"
    asks = {"user": "ada", "messages": [{"role": "user", "content": "hi"}]}
    found = scripted.client.post("/v1/chat/completions", json=asks, headers=ZH).json()
    assert found["error"]["message"] == found["detail"] == document["detail"]
    assert found["error"]["code"] == "model-silent"


def test_the_setting_is_for_who_asks_for_no_language(run_service: Callable[..., Running]) -> None:
    """Chinese without a header, or with one of languages that are not here; English if asked."""
    client = run_service(language="zh").client
    for accepted, said in (("", "未找到"), ("fr", "未找到"), ("en-GB", "Not found")):
        answer = client.get("/nowhere", headers={"Accept-Language": accepted})
        assert answer.json()["title"] == said
