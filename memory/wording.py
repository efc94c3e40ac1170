"""The memory's own words in a prompt and a summary, in the language of the conversation.

What somebody said stays as it was said. Any language but Chinese has the words in English, with the
request to answer in the customer's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from memory.language import Language
from memory.slots import SLOTS


@dataclass(frozen=True, slots=True)
class Wording:
    """What the memory says by itself, in one language."""

    customer: str = "Customer"
    agent: str = "Agent"
    colon: str = ": "
    said: str = "{who} said on {day}: "
    note: str = "Note by staff on {day}: "
    document: str = "Document on {day}: "
    summary: str = "Summary of the conversation so far:"
    remembered: str = "Remembered from earlier:"
    recent: str = "Recent messages:"
    # In these words a model of 135 million parameters answers from the passages; told at more
    # length, it speaks of the company.
    cite: str = "Help articles, to be cited as [1]:"
    answer: str = ""  # asks for an answer in the language, where the system text does not
    task: str = (
        "Summarise this customer-service conversation in at most {length} words. Keep names, "
        "numbers, dates, what the customer wants and what the agent promised. Write only the "
        "summary."
    )
    tokens_a_word: float = 1.5  # of the task's words, by the embedded model's tokenizer
    # What a model is told that answers from numbered notes, and what it writes where it cannot.
    held: str = (
        "Answer the question from the notes alone, in one or two sentences, and cite them as [1]. "
        "If they do not say it, write only: NOT KNOWN"
    )
    unknown: str = "NOT KNOWN"
    labels: tuple[tuple[str, str], ...] = ()  # what a fact's text begins with, and how it is here

    def speaker(self, role: str) -> str:
        """Who a role is."""
        return {"human": self.customer, "ai": self.agent}.get(role) or role.capitalize()

    def lead(self, role: str, at: datetime) -> str:
        """Who said a record, and when."""
        form = {"note": self.note, "document": self.document}.get(role, self.said)
        who = {"human": self.customer, "ai": self.agent}.get(role, role)
        return form.format(who=who, day=at.date().isoformat())

    def fact(self, text: str) -> str:
        """The text of a fact's record."""
        for begins, here in self.labels:
            if text.startswith(begins):
                rest = text[len(begins) :]
                return (
                    here + rest if self.colon in here else here + rest.replace(": ", self.colon, 1)
                )
        return text


ENGLISH = Wording()
OTHER = replace(
    ENGLISH,
    answer="Answer in the customer's language.",
    task=f"{ENGLISH.task} Write it in the customer's language.",
)

_SLOTS = {
    "name": "姓名",
    "email": "电子邮箱",
    "phone": "电话",
    "address": "地址",
    "order_number": "订单号",
    "invoice_number": "发票号",
    "ticket_number": "工单号",
    "tracking_number": "运单号",
    "date": "日期",
    "amount": "金额",
    "product": "商品",
    "preference": "偏好",
    "problem": "问题",
    "promise": "承诺",
}
CHINESE = Wording(
    customer="客户",
    agent="客服",
    colon="：",
    said="{who}于 {day} 说：",
    note="员工备注（{day}）：",
    document="文档（{day}）：",
    summary="到目前为止的对话摘要：",
    remembered="以往记录：",
    recent="最近的消息：",
    cite="帮助文章，引用时注明 [1]：",
    answer="请用中文回答客户。",
    task=(
        "请用不超过 {length} 个字概括这段客服对话。保留姓名、号码、日期、客户的诉求和客服的承诺。"
        "只写摘要。"
    ),
    tokens_a_word=2.0,
    held=(
        "只根据下面的记录，用一两句话回答问题，并注明引用，如 [1]。如果记录中没有答案，只写：不知道"
    ),
    unknown="不知道",
    labels=(
        ("Problem solved: ", "问题已解决："),
        *(
            (f"{SLOTS[slot]}{sign}", f"{said}{mark}")
            for slot, said in _SLOTS.items()
            for sign, mark in ((": no longer ", "：不再是 "), (": ", "："), (" ", " "))
        ),
    ),
)

_WORDINGS: dict[Language | None, Wording] = {"en": ENGLISH, "zh": CHINESE, "other": OTHER}


def wording(language: Language | None) -> Wording:
    """The words for a language; English where it is not known."""
    return _WORDINGS.get(language, ENGLISH)


def written_in(summary: str) -> Language | None:
    """The language of a summary whose lines have the labels of one; None if it has none."""
    begins = (f"{CHINESE.customer}{CHINESE.colon}", f"{CHINESE.agent}{CHINESE.colon}")
    return "zh" if summary.startswith(begins) else None
