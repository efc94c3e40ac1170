"""Monitoring over HTTP: what is written about and how, alerts, who is told of them, documents."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

import app.chains.insights
import memory.alerts
from app.chains.insights import Monitoring
from app.webhooks import Sent, Webhooks
from memory import InvalidInput, MemoryStore
from memory.clock import now
from tests.app.conftest import Running
from tests.app.test_operations import as_key
from tests.doubles import WordReader
from tests.receiver import Receiver
from tests.traffic import Said, write

PATH = "/v1/insights"
KEY = bytes(range(32))
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"
NEWS = {"id": "n1", "text": "Customers are furious: refunds take months.", "product": "Lamp"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Who is told."""
    with Receiver() as one:
        yield one


def plant(store: MemoryStore) -> None:
    """A surge of negative messages about orders in the last half hour, beside quiet days."""
    at = now()
    quiet = [Said("c", at - timedelta(days=n, minutes=9), "order", "negative") for n in range(1, 9)]
    angry = [Said(f"a{n}", at - timedelta(minutes=1 + n), "order", "negative") for n in range(20)]
    write(store, quiet + angry)


def told(service: Running, path: str = "", **asked: Any) -> dict[str, Any]:
    """What the service answers."""
    found: dict[str, Any] = (
        service.client.get(f"{PATH}{path}", params=asked).raise_for_status().json()
    )  # fmt: skip
    return found


def monitoring(service: Running) -> Monitoring:
    """Its own."""
    found: Monitoring = service.app.state.monitoring
    return found


def test_what_is_said_and_filed_is_read_and_counted(run_service: Callable[..., Running]) -> None:
    """With the real classifier: by topic, mood and product, of the tenant alone; who may ask."""
    service = run_service("embedded:")
    service.chat("My refund is still not here, this is a disgrace!")
    service.chat("Thank you, that was very kind of you.", customer="bo")
    filed = service.client.post(f"{PATH}/documents", json={"documents": [NEWS]})
    (document,) = filed.raise_for_status().json()["documents"]
    assert document["understanding"]["topic"]["label"] == "refund"
    found = told(service)
    assert (found["total"]["texts"], len(found["points"])) == (2, 30)
    assert found["total"]["negative"] == found["total"]["positive"] == 1
    assert found["total"]["mood"] == 0
    refund = next(one for one in found["topics"] if one["name"] == "refund")
    assert (refund["negative"], refund["negative_at"][-1], refund["mood"]) == (1, 1, -1)
    assert told(service, topic="refund", by="hour")["total"]["texts"] == 1
    assert told(service, topic="nothing")["total"] == {
        "texts": 0, "negative": 0, "neutral": 0, "positive": 0, "mood": None
    }  # fmt: skip
    news = told(service, source="documents")
    assert [one["name"] for one in news["products"]] == ["lamp"]
    assert told(service, source="documents", product="LAMP")["total"]["texts"] == 1
    (tenant,) = told(service, "/tenants")["tenants"]
    assert (tenant["tenant"], tenant["texts"], tenant["open_alerts"]) == ("default", 2, 0)
    others = as_key(service, "admin", "shop")
    for path in ("", "/documents", "/alerts"):
        answer = service.client.get(f"{PATH}{path}?limit=9" if path else PATH, headers=others)
        assert "refund" not in answer.text
        assert answer.json().get("total", {"texts": 0})["texts"] == 0
    assert service.client.get(f"{PATH}/tenants", headers=others).status_code == 403
    agent = as_key(service, "agent")
    assert service.client.get(PATH, headers=agent).status_code == 200
    program = as_key(service, "service")
    assert service.client.get(PATH, headers=program).status_code == 403
    again = service.client.post(f"{PATH}/documents", json={"documents": [NEWS]}, headers=program)
    assert again.status_code == 200
    assert len(told(service, "/documents")["documents"]) == 1, "the same"
    assert service.client.delete(f"{PATH}/documents/n1", headers=others).status_code == 404
    assert service.client.delete(f"{PATH}/documents/n1").status_code == 200
    assert told(service, source="documents")["total"]["texts"] == 0


@pytest.mark.parametrize(
    "body",
    [
        {"documents": []},
        {"documents": [NEWS, NEWS]},
        {"documents": [{**NEWS, "id": str(n)} for n in range(101)]},
        {"documents": [{**NEWS, "text": "x" * 20_001}]},
        {"documents": [{**NEWS, "text": "  "}]},
        {"documents": [{**NEWS, "at": "2999-01-01T00:00:00Z"}]},
        {"documents": [{**NEWS, "at": "2026-01-01T00:00:00"}]},
        {"documents": [{**NEWS, "id": "a\nb"}]},
        {"documents": [{**NEWS, "mood": "bad"}]},
    ],
)
def test_documents_that_cannot_be_kept_are_refused(service: Running, body: Any) -> None:
    """All of them, with what is wrong."""
    answer = service.client.post(f"{PATH}/documents", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"]
    assert told(service, "/documents")["documents"] == []


def test_documents_that_nobody_reads_are_not_kept(run_service: Callable[..., Running]) -> None:
    """Without a classifier, and when it fails: it is said, and what to do."""
    off = run_service().client.post(f"{PATH}/documents", json={"documents": [NEWS]})
    assert (off.status_code, off.json()["type"]) == (409, "urn:problem:no-classifier")
    service = run_service(WordReader(fails=True))
    answer = service.client.post(f"{PATH}/documents", json={"documents": [NEWS]})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert told(service, "/documents")["documents"] == []


def test_an_alert_is_told_signed_until_it_is_received(
    run_service: Callable[..., Running], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tried again under the same id, also by the next process; with ids and no word of anybody; who
    is erased is no example any more.
    """
    for name in ("LOOK_SECONDS", "SEND_SECONDS"):  # nobody looks or sends but this test
        monkeypatch.setattr(app.chains.insights, name, 3_600)
    receiver.answers = [500, 302]
    asked = {"webhooks": f"{receiver.url}/alerts?k=1", "webhook_secret": SECRET}
    first = run_service(**asked)
    plant(first.app.state.store)
    monitoring(first).look()
    monitoring(first).look()
    monitoring(first).send()
    (alert,) = told(first, "/alerts", open=True)["alerts"]
    assert (alert["topic"], alert["count"], alert["usual"]) == ("order", 20, 1)
    (delivery,) = alert["deliveries"]
    assert (delivery["told_at"], delivery["fault"]) == (None, "it answered 500")
    path = f"/alerts/{alert['alert']}"
    examples = told(first, path)["examples"]
    assert len(examples) == 5
    assert all(one["text"] == "negative about order" for one in examples)
    gone = examples[0]["customer"]
    first.client.delete(f"/v1/customers/{gone}").raise_for_status()
    assert gone not in {one["customer"] for one in told(first, path)["examples"]}

    past = run_service(**asked)  # whoever comes next over the same rows
    later = memory.alerts.clock
    monkeypatch.setattr(memory.alerts, "clock", lambda c: later(c) + 130 * 10**6)
    monitoring(past).send()
    (delivery,) = told(past, path)["deliveries"]
    assert delivery["fault"] == "it answered 302"
    assert len(receiver.got) == 2, "a redirect leads nowhere"
    monkeypatch.setattr(memory.alerts, "clock", lambda c: later(c) + 900 * 10**6)
    monitoring(past).send()
    monitoring(past).send()
    (delivery,) = told(past, path)["deliveries"]
    assert (delivery["tries"], delivery["fault"], delivery["due_at"]) == (3, None, None)
    assert delivery["told_at"] is not None
    assert {one.headers["webhook-id"] for one in receiver.got} == {delivery["event"]}
    assert len(receiver.got) == 3
    where, headers, body = receiver.got[-1]
    assert where == "/alerts?k=1"
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    made = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{made}"
    said = json.loads(body)
    assert (said["type"], said["data"]["topic"]) == ("alert.opened", "order")
    assert len(said["data"]["examples"]) == 5
    named, left = (
        {one["customer"] for one in json.loads(got.body)["data"]["examples"]}
        for got in (receiver.got[0], receiver.got[-1])
    )
    assert gone in named - left
    assert b"negative about" not in body
    assert told(past, "/alerts", open=True, limit=1)["next"] is None
    assert past.client.get(f"{PATH}/alerts/nothing").status_code == 404
    others = as_key(past, "admin", "shop")
    assert past.client.get(f"{PATH}{path}", headers=others).status_code == 404


def test_an_address_is_never_followed_nor_told(receiver: Receiver) -> None:
    """What a receiver says beside its status does not matter; a fault does not name it."""
    hooks = Webhooks(f"{receiver.url}/a, http://127.0.0.1:9/secret", SECRET)
    assert len(hooks.targets) == 2
    receiver.answers = [410, 200]
    found = {hooks.send(one, "e", b"{}", 1) for one in hooks.targets}
    assert Sent("it answered 410", for_good=True) in found
    (other,) = found - {Sent("it answered 410", for_good=True)}
    assert other == Sent("it cannot be reached: ConnectError")


@pytest.mark.parametrize(
    ("addresses", "secret", "said"),
    [
        ("https://ops.example/a", None, "WEBHOOK_SECRET"),
        ("ops.example/a", SECRET, "such as https"),
        ("ftp://ops.example", SECRET, "such as https"),
        ("https://", SECRET, "such as https"),
        ("https://ops.example/a", "whsec_c2hvcnQ=", "openssl"),
        ("https://ops.example/a", "a secret without the prefix", "openssl"),
    ],
)
def test_addresses_that_cannot_be_used_are_told_at_the_start(
    addresses: str, secret: str | None, said: str
) -> None:
    """And what to give; without any there is nobody to tell."""
    with pytest.raises(InvalidInput, match=said):
        Webhooks(addresses, secret)
    assert not Webhooks(None, None).targets
