"""What is somebody's own by the words before it, or by its form: what no fact is made of.

Account numbers, secrets and licence plates are nothing that a memory of customers keeps; names in
small letters are too uncertain for it. Here rather one too many is found than one too few.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from faker.providers.person.en import Provider as _Names

from app.training.standins import FEMALE, LAST, MALE, iban
from memory.mentions import Mention

FIRST = FEMALE | MALE
_ALL = FIRST | LAST
# First names, and last ones, that are more often something else.
ORDINARY = frozenset(
    "april august autumn bill brooklyn bryan carol chad chance charity charlotte chase chelsea "
    "christian cole dakota dale dallas dawn dean destiny drew faith frank gene georgia grace "
    "grant hope hunter israel jack jade jackson jewel jordan joy june lance madison mark may "
    "melody mercedes mike misty olive paige paris pat pearl ray rich rob robin rose ruby sky "
    "stone sue summer sydney taylor trinity tyler victor victoria virginia wade ward will wing "
    "austin carolina savannah cheyenne houston lincoln washington florence regina kent".split()
)

# More of them, from everywhere, without those that are words: for where only a name fits.
_THINGS = frozenset(
    "add ah alabama almond alpha alto america angel angeles april arnold art asia asian "
    "august author autumn baby banks bee bell bill bird boss boston brain branch brown bruno "
    "buck buddy burns bush cadence california canyon cap captain carolina carry case cash "
    "chance charity chase cherish cherry china chip cinnamon clara cliff con cooper council "
    "crystal dallas dawn delta denver destiny diamond divine doc doctor doll don dot drew "
    "early earnest easter echo elder else ely english ever fairy faith fate favor fed fleet "
    "florida ford forest frank french friday friend gay general genuine georgia german ginger "
    "golden grace grant gray green guy hall ham handy harm haven heaven hence hill holy "
    "honest honey honor hope hopes hung hunt hunter icy immaculate india infant ireland "
    "israel jasmine jersey job join journey joy judge june justice kenya king kit kitty lady "
    "lane lemon lengthy less liberty light link little london long lord love lovely loyal "
    "lucky luke major male marble mark market marry mart marvel master mat math may media "
    "melody memory mercy meta metro miles minor miracle misty monday moody moon moral native "
    "nick noble north ocean olive only orange page pandora paris park parker passion pat "
    "patience peace pearl penny pepper phoenix pink pleas pleasant precious press price "
    "prince princess promise queen rain reason red regal rice rich riley rock roll romance "
    "rome rose royal ruby rush saint sand santa sea serene shade silver sim sincere sister "
    "skip sky smith son spring star steel stone storm summer sunday sunny sunshine tab tad "
    "tea teddy temple tiny toy trace treasure true trust tuesday unique unknown urban van "
    "versa victory villa virtue wash west will windy wing winter wisdom wood woody worth york "
    "young".split()
)
_GIVEN = frozenset(name.lower() for name in _Names.first_names) - _THINGS - ORDINARY

# Repetitions are bounded, or a long run of letters would take quadratic time.
_LINK = r"\s{0,3}(?:(?:is|was|=|:|：|-|–)\s{0,3}){0,2}"
_IBAN = re.compile(
    r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?(?![A-Za-z0-9])",
    re.IGNORECASE | re.ASCII,
)
_IBAN_CUE = re.compile(r"\biban\b[^\n]{0,20}$", re.IGNORECASE)
_PIN = re.compile(
    r"\b(?:pin|pass ?code|(?:security|verification|access|one[- ]time) code|cvv2?|cvc2?|cv2|csc"
    rf"|otp)(?: ?(?:number|code|no\.?))?(?: (?:on|of|for) (?:\w+ ){{1,3}}?)?{_LINK}"
    r"(?<![^\W_])(?P<said>\d{3,8})(?!\d)",  # "cv200000" is one code, and replaced whole
    re.IGNORECASE,
)
_PASSWORD = re.compile(
    r"\b(?:pass ?(?:word|phrase)|pwd|secret word)"
    r"(?P<link>\s{0,3}(?:(?:is|was|=|:|：)\s{0,3}){1,2})(?P<quote>[\"'“‘]?)(?P<said>\S{3,64})",
    re.IGNORECASE,
)
_NO_PASSWORD = frozenset(
    "forgotten wrong incorrect invalid correct right lost gone away safe secure weak strong old "
    "new same unknown case not now being still never too the and but that this what your our his "
    "her their for with you can reset log sign get something somewhere nothing required set "
    "sent down long short okay fine very really also just only already again back good bad "
    "protected".split()
)
_PLATE = re.compile(
    r"\b(?:(?:licen[cs]e|number|registration|vehicle|car) plate|licen[cs]e (?:number|no\.?)|plate"
    r"|(?:car|vehicle) reg(?:istration)?|registration|reg)(?: ?(?:number|no\.?))?(?![a-z])"
    rf"{_LINK}(?P<said>[A-Z0-9]{{1,8}}(?:[ -][A-Z0-9]{{1,4}}){{0,2}})(?![A-Za-z0-9])",
    re.IGNORECASE | re.ASCII,
)
_SPELLED = re.compile(
    r"(?<![\w.+-])(?P<name>[\w.+-]{1,64}(?:(?: dot |\s?[(\[{]dot[)\]}]\s?)[\w+-]{1,64}){0,3})"
    r"(?P<at> at |\s?[(\[{]\s?at\s?[)\]}]\s?)"
    r"(?P<host>[\w-]{1,63}(?:(?: dot |\s?[(\[{]\s?dot\s?[)\]}]\s?|\.)[\w-]{2,63}){1,4})",
    re.IGNORECASE | re.ASCII,
)
_DOT = re.compile(r" dot |\s?[(\[{]\s?dot\s?[)\]}]\s?", re.IGNORECASE)


def ibans(text: str) -> Iterator[Mention]:
    """Account numbers: those with right check digits, and what is called one."""
    for match in _IBAN.finditer(text):
        said = match[0]
        while not iban(said) and (cut := re.search(r"[ -][A-Za-z0-9]{1,4}$", said)):
            said = said[: cut.start()]  # a word may follow that looks like a part of it
        if not iban(said):
            said = match[0]
            if not _IBAN_CUE.search(text[max(0, match.start() - 30) : match.start()]):
                continue
        yield Mention("iban", said, match.start(), match.start() + len(said), said)


def secrets(text: str, *, asked: bool = False) -> Iterator[Mention]:
    """PINs, security codes and passwords, after the words for them.

    Args:
        text: what somebody says.
        asked: whether a password was asked for: a single word is one then.
    """
    for match in _PIN.finditer(text):
        yield _mention("secret", match)
    for match in _PASSWORD.finditer(text):
        said = match["said"].rstrip(".,!?;:\"'”’)")
        named = bool(match["quote"]) or match["link"].strip()[-1] in "=:："
        if len(said) > 2 and (named or _like_password(said)):
            start = match.start("said")
            yield Mention("secret", said, start, start + len(said), said)
    alone = text.strip()
    if asked and len(alone) > 2 and not re.search(r"\s", alone) and _like_password(alone):
        start = text.index(alone)
        yield Mention("secret", alone, start, start + len(alone), alone)


def _like_password(said: str) -> bool:
    plain = said.lower()
    return not said.isalpha() or not (
        plain in _NO_PASSWORD or plain.endswith(("ed", "ing", "ly", "n't"))
    )


def plates(text: str) -> Iterator[Mention]:
    """Licence plates, after the words for them."""
    for match in _PLATE.finditer(text):
        words = re.findall(r"[^ -]+", match["said"])
        # A word in small letters after it is a part of it only if it may be letters of a plate.
        while len(words) > 1 and (words[-1].lower() in _NEXT or len(words[-1]) > 3):
            if any(c.isdigit() for c in words[-1]):
                break
            words.pop()
        last = words[-1]
        end = match.start("said") + match["said"].rindex(last) + len(last)
        said = text[match.start("said") : end]
        if any(c.isdigit() for c in said) and sum(c.isalnum() for c in said) >= 4:
            yield Mention("plate", said, match.start("said"), end, said)


def spelled_emails(text: str) -> Iterator[Mention]:
    """E-mail addresses in words: "ada (at) fjord.org", "ada at fjord dot org"."""
    for match in _SPELLED.finditer(text):
        if match["at"] == " at " and not _DOT.search(match["host"]):
            continue  # "I am at fjord.org"
        name, host = (_DOT.sub(".", match[part]) for part in ("name", "host"))
        yield Mention("email", f"{name}@{host}".lower(), *match.span(), match[0])


def _mention(slot: str, match: re.Match[str]) -> Mention:
    return Mention(slot, match["said"], *match.span("said"), match["said"])


# --- names in small letters ------------------------------------------------------------------

_SMALL = r"[^\W\d_]+(?:['’-][^\W\d_]+)?"
_AFTER_NAMED = (
    r"\b(?:(?<!their )(?<!its )(?<!store )(?<!company )(?<!hotel )(?<!restaurant )"
    r"(?:first |last |full |sur)?name(?:['’]?s| is|:| is:)|name on (?:\w+ ){0,2}\w+ is"
    r"|(?:account|card|policy|ticket) ?holder(?:['’]s name)?(?: name)?(?: is|:)?|registered to"
    r"|(?:in|under) the name(?: of)?|(?:(?:kind|best|warm) )?regards"
    r"|(?:sincerely|yours(?: truly)?|cheers|signed)(?=[,\n])|speaking (?:is|to))[\s,:–-]{1,4}"
)
_AFTER_PRESENTED = (
    r"\b(?:this is|it['’]s|i am|i['’]?m|call me|hi|hello|hey|dear|thanks|thank you|bye|goodbye"
    r"|sorry)[\s,]{1,3}"
)
_NAMED, _PRESENTED = (
    re.compile(rf"{cue}(?=(?P<name>{_SMALL}(?: {_SMALL}){{0,2}}))", re.IGNORECASE)
    for cue in (_AFTER_NAMED, _AFTER_PRESENTED)
)
_INTRODUCED = re.compile(rf"(?:{_AFTER_NAMED}|{_AFTER_PRESENTED})(?:{_SMALL} )?$", re.IGNORECASE)
_CUE_LENGTH = 60  # characters that are looked at before a name
_HERE = re.compile(
    rf"(?:^|[.,!?\n]\s{{0,2}}|\b(?:hi|hello|hey),? )(?P<name>{_SMALL}(?: {_SMALL})?),? "
    r"(?P<verb>here|speaking|calling)\b",
    re.IGNORECASE,
)
_NEXT = frozenset(
    "a about afraid again all also always am an and anything are as asap at away back be "
    "because been buddy but by calling can cannot correct could currently dear did different "
    "do does don't done even ever everybody everyone everything fine first folks for friend "
    "from get glad good got great guys had happy has have he hello help her here hey hi his "
    "how i i'm if in incorrect is it it's its just know last late later love ma'am madam mate "
    "maybe me misspelt my need never new no nobody not nothing now of ok okay old on only or "
    "order our over pal please quick really right same she since sir so some somebody someone "
    "something soon sorry speaking still sure team than thank thanks that the their them then "
    "there they this to today tomorrow tonight too trying unable under unknown until up us "
    "using very wait wanting was we well were what when where which who why will with writing "
    "wrong xx yes yet you your".split()
)


def small_names(text: str) -> Iterator[str]:
    """Names in small letters, as they are said: "this is ada", "regards, ada lovelace".

    After what only a name follows any word is one that is not known as another; after "this is"
    and the like it has to be a first name.
    """
    for pattern in (_NAMED, _PRESENTED, _HERE):
        for match in pattern.finditer(text):
            words, after = match["name"].split(" "), text[match.end("name") : match.end("name") + 1]
            first = words[0].lower()
            if first in _NEXT:
                continue
            speaking = "speaking" in (*words[1:], match.groupdict().get("verb"))
            if pattern is _NAMED or (speaking and not match[0].lower().startswith("i")):
                sure = not first.endswith(("ed", "ing", "ly"))
            else:
                closed = pattern is _HERE or _closes(words[1:2], after)
                sure = first in _GIVEN and closed
            if sure or (words[0].title() in FIRST and first not in ORDINARY):
                yield " ".join(_whole(words, after))


def presented(text: str, start: int, end: int) -> bool:
    """Whether a name is given at [start, end) of a text: what else is written so is a word."""
    before = text[max(0, start - _CUE_LENGTH) : start]
    alone = text.strip(" .,!") == text[start:end]
    return alone or _INTRODUCED.search(before) is not None


def _closes(following: list[str], after: str) -> bool:
    """Whether a name may end before these words, or this mark if there are none."""
    if following:
        return following[0].lower() in _NEXT or following[0].title() in _ALL
    return after in ("", *".,!?;:\n")


def _whole(words: list[str], after: str) -> Iterator[str]:
    """The words of a name: its first, and those after it that are not of the sentence."""
    yield words[0]
    for place, word in enumerate(words[1:], 1):
        following = words[place + 1 : place + 2]
        named = word.title() in _ALL
        if word.lower() in _NEXT or not (named or _closes(following, after)):
            return
        yield word
