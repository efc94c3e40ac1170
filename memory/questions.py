"""What a question asks for, as the slot that its answer fills; in English and Chinese."""

from __future__ import annotations

import re

from memory.rereading import once
from memory.sentences import pieces

_ASKING = re.compile(
    r"[?？]|\b(?:please|could|can|may|provide|give|need|tell|what|which)\b|请|提供|告诉|多少|麻烦",
    re.IGNORECASE,
)
_ASKED = {
    "email": r"e-?mail|邮箱|邮件地址",
    "order_number": r"order (?:number|id|no\b|code|#)|\bwhich order|number of (?:your|the) order"
    "|订单",
    "invoice_number": r"\bwhich invoice|invoice (?:number|id|no\b)|发票号|哪张发票",
    "tracking_number": r"tracking (?:number|code|id)|快递单|运单|物流单",
    "ticket_number": r"(?:ticket|case|reference|confirmation|booking|claim) (?:number|id|code|no\b)"
    "|工单",
    "phone": r"phone|mobile|\bcell\b|number .{0,20}\b(?:call|reach)|(?:call|reach) you (?:on|at)"
    "|手机|电话|联系方式",
    "address": r"\baddress|where (?:should|shall|do|can) .{0,30}(?:send|ship|deliver)|地址"
        r"|寄到哪|送到哪",
    # Not a pet's, nor a hotel's.
    "name": r"\b(?:your|my|the|full|first|last|family|customer|contact)"
        r"(?: (?:full|first|last|own|good|correct))? name\b(?! of)|\bsurname"
        r"|\b(?:what|which) name\b"
        r"|\byour (?:first and last|first, last) name|who am i (?:speaking|talking)|称呼"
    r"|姓名|贵姓|名字",
}  # fmt: skip
_KINDS = {slot: re.compile(pattern, re.IGNORECASE) for slot, pattern in _ASKED.items()}
_DOUBTS = re.compile(
    r"\b(?:can(?:not|['’]t)|could(?: not|n['’]t)|unable to|did(?: not|n['’]t))"
    r" (?:find|see|locate)\b|\b(?:find|see|have|is|there['’]s) no\b|\bno such\b"
    r"|\b(?:does|do)(?: not|n['’]t) (?:exist|seem)"
    r"|\b(?:is|are)(?: not|n['’]t) (?:valid|in our|known)|\bnothing under\b|\binvalid\b"
    r"|\b(?:check|confirm|repeat)\b.{0,40}\bagain\b|\bdouble-?check\b"
    r"|没有?(?:查到|找到|查询到|这个|该)|查不到|不存在|核对|无效|确认一下",
    re.IGNORECASE,
)
_RECOLLECTS = re.compile(
    r"\b(?:remember|recall|remind|earlier|previously|again|just now|forg[eo]t|blank)\b"
    r"|\b(?:did|had|was|were) (?:i|we)\b"
    r"|\bdid you (?:say|tell|promise|write|give|offer|mention|quote)"
    r"|\b(?:i|we)(?:['’]ve| have| had)? (?:ever |end(?:ed)? up )?(?:said|told|asked for|mentioned"
    r"|wrote|sent|gave|named|chose|picked|settled|agreed|ordered|bought|booked|reserved|complained)\b"
    r"|\byou(?:['’]ve| have| had)? (?:said|told|promised|wrote|mentioned|gave|offered|meant)\b"
    r"|\b(?:do|did|have|had) you (?:still |ever )?(?:have|got|noted?|write|written|put)\b"
    r".{0,40}\b(?:me|my|mine|us|our|down)\b"
    r"|\b(?:me|i|we)\b.{0,12} down\b|\babout me\b|\bof mine\b"
    r"|我(?:之前|上次|刚才|以前|告诉|说过|给过|提过)|记得|(?:你们?|您)(?:说过|答应|告诉)"
    r"|我(?:的|对).{0,12}(?:什么|多少|哪|谁)",
    re.IGNORECASE,
)


@once
def asked(text: str) -> str | None:
    """The slot that an agent's message asks for, last if for several."""
    for sentence in reversed(pieces(text)):
        if _ASKING.search(sentence) and (slot := kind(sentence)):
            return slot
    return None


@once
def kind(sentence: str) -> str | None:
    """The first slot whose kind of value a sentence names."""
    return next((slot for slot, pattern in _KINDS.items() if pattern.search(sentence)), None)


def asks(text: str) -> bool:
    """Whether a message ends in a question."""
    return text.rstrip().endswith(("?", "？", "吗", "吗。", "呢"))


@once
def recollects(sentence: str) -> bool:
    """Whether a sentence speaks of what was said or done before, or is known of who speaks."""
    return bool(_RECOLLECTS.search(sentence))


@once
def doubts(text: str) -> bool:
    """Whether an agent's message doubts a value that it was given."""
    return bool(_DOUBTS.search(text))
