"""A conversation in Chinese: what the model is given, what is remembered, and what comes back."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from app.settings import CHINESE, SYSTEM
from tests.app.conftest import Running
from tests.llm.openai_double import Messages, OpenAIDouble

SAID = [
    "你好，我叫王小明，我的订单号是4417-XZ，台灯还没有收到。",
    "收货地址是上海市浦东新区世纪大道88号。",
    "快递单号是SF1029384756，请帮我查一下到哪里了。",
    "4417-XZ",
    "如果明天还没有到，我想取消订单并退款。",
    "退款会退到原来的支付宝账户吗？需要几天？",
    "另外，我上个月买的水壶漏水了，可以换货吗？",
    "水壶的发票号是FP-20931。",
    "地址改成了北京市朝阳区建国路5号，请寄到新地址。",
    "漏水的水壶可以免费换货吗？运费由谁承担？",
]
ARTICLES = {
    "换货": "漏水的水壶两年内免费换货，运费由商店承担。",
    "配送": "快递在上午九点到下午五点之间送货，会提前打电话。",
    "发票": "电子发票在发货后三天内寄到客户的邮箱。",
}
ANSWER = "好的，已为您登记，我们会在两个工作日内处理并通知您。"
ENGLISH_WORDS = re.compile(r"\b[A-Za-z]{3,}\b")  # two letters or digits are a code's


def texts(messages: Messages) -> str:
    """A prompt's texts, without codes and marks."""
    shown = "\n".join(str(m["content"]) for m in messages)
    return re.sub(r"</?(?:memory|knowledge)>|[A-Za-z-]*\d[\w-]*", "", shown)


def chinese(run_service: Callable[..., Running], double: OpenAIDouble, **more: Any) -> Running:
    """A service whose conversations are folded early."""
    double.reply = ANSWER
    return run_service(llm=double.url, prompt_tokens=1300, rate_customer="off", **more)


def test_a_chinese_customer_is_answered_from_a_chinese_prompt(
    run_service: Callable[..., Running], double: OpenAIDouble
) -> None:
    """System text, summary, memories and articles are introduced in Chinese, none in English, and
    each prompt begins with the one before it but where it was folded.
    """
    service = chinese(run_service, double)
    for title, text in ARTICLES.items():
        article = {"source": title, "title": title, "text": text}
        assert service.client.post("/v1/knowledge", json=article).is_success
    for text in SAID:
        assert service.chat(text, session="earlier").json()["reply"] == ANSWER
        service.settle()
    asked = [request["messages"] for request in double.requests]
    for prompt in asked:
        assert str(prompt[0]["content"]).startswith(CHINESE)
        assert not ENGLISH_WORDS.search(texts(prompt)), texts(prompt)
    cuts = sum(after[1] != before[1] for before, after in pairwise(asked))
    grown = sum(after[: len(before)] == before for before, after in pairwise(asked))
    assert cuts + grown == len(asked) - 1, "it changes where it is folded, and nowhere else"
    assert 1 <= cuts <= 3
    summary = asked[-1][0]["content"]
    assert "到目前为止的对话摘要：\n客户：" in summary
    assert "4417-XZ" in summary
    assert any("帮助文章，引用时注明 [1]：\n[1] 换货" in str(p[-1]["content"]) for p in asked)


def test_another_session_recalls_in_chinese(
    run_service: Callable[..., Running], double: OpenAIDouble
) -> None:
    """What was said before is found by a question in other words and told with its day."""
    service = chinese(run_service, double)
    for text in SAID:
        service.chat(text, session="earlier")
        service.settle()
    added = {"text": "请在上午联系该客户", "slot": "preference", "value": "上午联系"}
    service.client.post("/v1/customers/ada/memories", json=added)
    service.chat("我的订单号是多少？", session="later")
    prompt = double.requests[-1]["messages"]
    assert re.search(
        r"^- 客户于 \d{4}-\d\d-\d\d 说：.*4417-XZ", prompt[-1]["content"], re.MULTILINE
    )
    assert not ENGLISH_WORDS.search(texts(prompt)), texts(prompt)
    service.chat("你们有我的地址吗？应该寄到哪里？", session="later")
    prompt = double.requests[-1]["messages"]
    assert "建国路5号" in str(prompt)
    assert "世纪大道88号" not in str(prompt[-1]["content"]), "it was changed"
    card = service.client.get("/v1/customers/ada/card").json()
    assert {fact["slot"]: fact["value"] for fact in card["facts"]}["name"] == "王小明"
    assert card["last_session"]["summary"].startswith("客户：")


def test_what_is_short_or_quoted_changes_no_language(
    run_service: Callable[..., Running], double: OpenAIDouble
) -> None:
    """A number is in none, and one line of English in a Chinese conversation stays one line."""
    service = chinese(run_service, double)
    heads = []
    for text in ("4417-XZ", SAID[0], "Error 404: the page was not found", "OK", SAID[1]):
        service.chat(text)
        heads.append(double.requests[-1]["messages"][0]["content"])
    assert heads == [SYSTEM, *[CHINESE] * 4]
    for text in ("Can we go on in English please?", "Where is my order?"):
        service.chat(text)
    assert double.requests[-1]["messages"][0]["content"].startswith(SYSTEM)


def test_another_language_is_asked_for(
    run_service: Callable[..., Running], double: OpenAIDouble
) -> None:
    """The words around it are English, with the request to answer as the customer writes."""
    service = chinese(run_service, double)
    service.chat("¿Dónde está mi pedido? Gracias")
    head = double.requests[-1]["messages"][0]["content"]
    assert head == f"{SYSTEM}\n\nAnswer in the customer's language."
    service.chat("Where is my order?", customer="bob")
    assert double.requests[-1]["messages"][0]["content"] == SYSTEM


def test_the_setting_fixes_the_language(
    run_service: Callable[..., Running], double: OpenAIDouble
) -> None:
    """And a system text of one's own stays, with the request for Chinese after it."""
    service = chinese(run_service, double, language="zh")
    service.chat("Where is my order?")
    assert double.requests[-1]["messages"][0]["content"] == CHINESE


def test_ones_own_system_text_stays(
    run_service: Callable[..., Running], double: OpenAIDouble
) -> None:
    """With the request for Chinese after it, in a Chinese conversation."""
    service = chinese(run_service, double, system="You work for Wrenholt.")
    service.chat(SAID[0])
    head = double.requests[-1]["messages"][0]["content"]
    assert head == "You work for Wrenholt.\n\n请用中文回答客户。"
    service.chat("Where is my order?", customer="bob")
    assert double.requests[-1]["messages"][0]["content"] == "You work for Wrenholt."
