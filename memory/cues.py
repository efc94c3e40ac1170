"""Words that tell what a sentence does: manners, stock phrases, wishes, promises.

English, Chinese and Japanese. A cue only shifts a sentence's rank, so a language without cues
still gets a summary by position, content and facts.
"""

from __future__ import annotations

import re

from memory.names import without_greeted

_LONGEST = 200  # characters of a text that may have nothing beside courtesies

# Apostrophes come straight, curled or not at all.
_COURTESY = re.compile(
    r"\b(?:hi|hiya|hello|hey|dear|greetings|good (?:morning|afternoon|evening|day|night)|thanks?"
    r"|thx|cheers|ty|welcome|no (?:problem|worries)|(?:good)?bye|see you|ok(?:ay)?|great|perfect"
    r"|cool|awesome|got it|sure|yes|no|understood|alright|gotcha|lol|haha|hmm|take care"
    r"|have a (?:great|good|nice|lovely|wonderful)|hope (?:this|that) helps)\b"
    r"|你好|您好|谢谢|感谢|再见|好的|不客气|早上好|晚上好"
    r"|ありがとう|こんにちは|はじめまして|お世話",
    re.IGNORECASE,
)
# What goes with a courtesy, and asks for nothing either.
_MANNERS = re.compile(
    r"\b(?:how are you(?: doing)?(?: today)?|how do you do|nice to (?:meet|hear from) you"
    r"|for (?:all )?(?:your|the) (?:(?:quick|kind|great) )?(?:help|time|reply|answer|support"
    r"|patience|info(?:rmation)?)|that(?:['’]s| is| was) (?:all|it|great|perfect|fine|good|nice)"
    r"|(?:so|very) much|a lot|many|much appreciated|nothing else|sounds good|will do|i see|all good"
    r"|all right|for now|you(?:['’]re| are| too)?|to|so|very|yep|yeah|nope|fine|nice|good"
    r"|wonderful|excellent|lovely|amazing|super|oh|ah|hm+|well|there|then|and|again|later|soon|sorry"
    r"|please|day|evening|weekend)\b"
    r"|[早嗨嗯哦噢啊呀哈啦了吧呢好很太是你您]|哈喽|多谢|拜拜|大家|非常|真是|的帮助|没事|没问题|明白|知道|收到"
    r"|可以|辛苦|麻烦|ござい|ます|はい|いいえ|どうも",
    re.IGNORECASE,
)
_STOCK = re.compile(
    r"\b(?:sorry|apolog\w+|oh no|(?:i|we) understand|understand (?:that|how|your)|frustrat\w+"
    r"|appreciate|patience|(?:happy|glad|here|love|like|want) to help|how (?:can|may) (?:i|we)"
    r"|bear with|here for you|give us a shout|reach(?:ing)? out|anything else|keep us posted"
    r"|let (?:us|me) know|(?:any|other|further) questions|for your (?:interest|feedback|time))\b"
    r"|抱歉|对不起|不好意思|很高兴为您|请问(?:还)?有什么|祝您|申し訳|お役に立|ご利用",
    re.IGNORECASE,
)
_WISH = re.compile(
    r"[?？]|\b(?:where|not|never|(?:ca|wo|does|did|is|do|has|have)n['’]?t|cannot|unable|broken|issues?"
    r"|problems?|errors?|fail\w*|wrong|missing|late|delay\w*|cancel\w*|help|how|why|when|want\w*"
    r"|need\w*|try|trying|tried|wait\w*|still|keeps?|lost|charged|refund\w*|complain\w*|prefer\w*"
    r"|allergic|instead)\b"
    r"|[想要错坏退换]|需要|希望|不能|无法|没有|问题|取消|投诉|帮我|怎么|为什么|过敏"
    r"|たい|ほしい|ください|できない|ません|返品|交換|壊れ|届かない",
    re.IGNORECASE,
)
_PROMISE = re.compile(
    r"\b(?:will|(?:we|i)['’]?ll|refund\w*|replac\w+|cancel\w*|sen[dt]\w*|issued?|escalat\w+"
    r"|report\w*|resolv\w+|fix\w*|deliver\w*|arriv\w+|updat\w+|contact\w*|call\w*|check\w*|try"
    r"|need\w*|must|should|can|recommend\w*|available|unable|able|investigat\w+|process\w*"
    r"|credit\w*|ship\w*|book\w*|confirm\w*|offer\w*|restart\w*|reset\w*|reinstall\w*|visit\w*)\b"
    r"|[将会已]|可以|建议|退款|补发|更换|处理|安排|联系|いたします|可能",
    re.IGNORECASE,
)
_TURN = re.compile(
    r"\b(?:another (?:thing|question|issue|problem|matter)|one more|by the way|btw|in addition"
    r"|additionally|besides|other than that|second(?:ly)?[,:]|also,? (?:i|my|we|our|can|could))\b"
    r"|另外|还有|顺便|此外|ところで|それと|あと、",
    re.IGNORECASE,
)
_FILLER = re.compile(
    r"(?:(?:hi|hiya|hello|hey|dear|ok(?:ay)?|well|oh|ah|hmm|so|also|sure|right|great|good|cool"
    r"|perfect|alright|got it|lol|haha|thanks|thank you|sorry)\b(?: there| \w+)?\s*[,.!–-]+\s*"
    r"|(?:您好|你好|谢谢|好的|嗯|抱歉|こんにちは|ありがとうございます|すみません)[，,、。！!～~\s]+)+",
    re.IGNORECASE,
)


def courtesy(text: str) -> bool:
    """Whether ``text`` greets, thanks or agrees; alone it says nothing."""
    return bool(_COURTESY.search(text))


def manners_only(text: str) -> bool:
    """Whether ``text`` has nothing beside courtesies: it asks for nothing that was said."""
    if len(text) > _LONGEST:
        return False
    text = _COURTESY.sub(" ", without_greeted(text))
    return not any(map(str.isalnum, _MANNERS.sub(" ", text)))


def stock(text: str) -> bool:
    """Whether ``text`` has an agent's phrase that fits any conversation."""
    return bool(_STOCK.search(text))


def wishes(text: str) -> bool:
    """Whether ``text`` names a trouble or a wish, or asks."""
    return bool(_WISH.search(text))


def promises(text: str) -> bool:
    """Whether ``text`` says what is, can or will be done."""
    return bool(_PROMISE.search(text))


def turns(text: str) -> bool:
    """Whether ``text`` goes on to another subject."""
    return bool(_TURN.search(text))


def without_filler(text: str) -> str:
    """``text`` without the greeting, thanks or filler that it opens with, if more follows."""
    opening = _FILLER.match(text)
    return text[opening.end() :] or text if opening else text
