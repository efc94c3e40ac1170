"""Recall in Chinese: what a customer said once, asked for again in the same and in other words.

python -m tests.benchmarks.chinese [--embeddings embedded:multilingual] [--data FOLDER]

``--data`` is a folder with ``train.jsonl.gz`` as pairs of one dialogue's messages in English and
Chinese (``source``, ``target``, ``dialogue``, ``role``): a customer's messages are kept in Chinese,
and the English ones find them, as where a person at the desk does not read Chinese.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Iterable
from pathlib import Path

from langchain_core.messages import HumanMessage

from app.embeddings import open_embeddings
from memory import (
    ConversationMemory,
    Encoder,
    Scope,
    facts,
    joined,
    open_store,
    supersede,
    verbatim,
)

KS = (1, 3, 5)
# A message, a question that shares its words, and one that hardly does. Written for this project.
SAID = [
    ("我的订单号是4417-XZ，买的是黄铜台灯", "我的订单号是多少？", "我上次买东西的编号是什么"),
    ("收货地址是上海市浦东新区世纪大道88号", "我的收货地址是哪里？", "东西会寄到哪儿"),
    ("我的手机号是13812345678", "我的手机号是多少？", "你们打哪个电话能找到我"),
    ("台灯收到就不亮了，开关没反应", "台灯怎么不亮？", "我买的灯具坏了是什么毛病"),
    ("我希望把钱退到支付宝，不要退到银行卡", "退到支付宝还是银行卡？", "退款走哪个渠道"),
    ("上个月买的水壶把手处漏水", "水壶哪里漏水？", "烧水的那个器具有什么故障"),
    ("请不要在上午打电话，我上夜班", "上午可以打电话吗？", "什么时间联系我不合适"),
    ("我对花生过敏，礼盒里不能有坚果", "我对什么过敏？", "送的食品有哪些要避开"),
    ("发票请开公司抬头：明远科技有限公司", "发票抬头开什么？", "报销的票据写哪家单位"),
    ("快递单号SF1029384756一直停在杭州没动", "快递单号停在哪里？", "我的包裹卡在哪个城市"),
    ("三月五日下的单，到现在还没发货", "哪天下的单？", "我是什么时候购买的"),
    ("客服答应补偿我一张五十元的优惠券", "补偿了多少钱的优惠券？", "之前许诺给我什么好处"),
    ("我女儿下周六过生日，礼物要在那之前送到", "女儿什么时候过生日？", "为什么那么着急要货"),
    ("沙发颜色发错了，我要的是灰色不是蓝色", "沙发要什么颜色？", "家具哪里和我选的不一样"),
    ("我的会员等级是金卡，积分有三千二百分", "我的积分有多少？", "我攒了多少可以抵扣的点数"),
    ("电动滑板车的电池七月份在保修期内换过一次", "滑板车的电池换过吗？", "我的代步工具修过什么"),
    ("我月底要去北京出差两周，包裹先别寄", "去北京出差多久？", "我哪段时间不在家"),
    ("账号登录不上，一直提示验证码错误", "登录提示什么错误？", "我为什么进不去系统"),
    ("我想把订阅从每月改成每季度", "订阅改成多久一次？", "续费的周期我怎么调整的"),
    ("安装师傅约的是周四下午两点到四点", "安装师傅约的几点？", "什么时候有人上门装"),
]


def memory_of(encoder: Encoder, texts: Iterable[str]) -> ConversationMemory:
    """A memory, as the service has it, of what a customer said."""
    memory = ConversationMemory(
        store=open_store(), scope=Scope("ada", "earlier"), embeddings=encoder, background=False,
        writer=joined(verbatim, facts), update=supersede,
    )  # fmt: skip
    memory.add_messages([HumanMessage(text, id=str(n)) for n, text in enumerate(texts)])
    memory.digest()
    return memory


def places(memory: ConversationMemory, asked: Iterable[str]) -> list[int | None]:
    """At which place each question finds its message, the first being 0; None: not at all."""
    found = []
    for number, question in enumerate(asked):
        ranked = dict.fromkeys(m for r in memory.vector.ranked(question) for m in r.messages)
        place = list(ranked).index(str(number)) if str(number) in ranked else None
        found.append(place)
    return found


def recall_at(found: list[int | None], k: int) -> float:
    """The share of questions whose message is among the first k."""
    return sum(place is not None and place < k for place in found) / len(found)


def _row(name: str, found: list[int | None]) -> str:
    return (
        f"| {name} | {len(found)} | " + " | ".join(f"{recall_at(found, k):.2f}" for k in KS) + " |"
    )


def _crossed(folder: Path, encoder: Encoder) -> list[int | None]:
    with gzip.open(folder / "train.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    said: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        if row["role"] == "customer":
            said.setdefault(row["dialogue"], []).append(row)
    found: list[int | None] = []
    dialogues = sorted(said)[:100]
    for start in range(0, len(dialogues), 10):  # ten dialogues are one customer's
        mine = [row for name in dialogues[start : start + 10] for row in said[name]]
        memory = memory_of(encoder, (row["target"] for row in mine))
        found += places(memory, (row["source"] for row in mine))
        memory.store.close()
    return found


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--embeddings", default="embedded:")
    parser.add_argument("--data", type=Path)
    given = parser.parse_args()
    encoder = open_embeddings(given.embeddings)
    messages, same, other = zip(*SAID, strict=True)
    memory = memory_of(encoder, messages)
    print(f"| {given.embeddings} | questions | " + " | ".join(f"recall at {k}" for k in KS) + " |")
    print(_row("the message's words", places(memory, same)))
    print(_row("other words", places(memory, other)))
    memory.store.close()
    if given.data is not None:
        print(_row("English asked, Chinese said", _crossed(given.data, encoder)))


if __name__ == "__main__":
    main()
