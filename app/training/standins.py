"""Stand-ins for what is somebody's own: of the same shape, the same for the same value.

They are drawn by a keyed hash of the seed, the dialogue and the value, so that nothing has to be
kept to give a value the same stand-in again, and two dialogues do not show that they have a value
in common.
"""

from __future__ import annotations

import re
import string
from collections.abc import Collection, Sequence
from hashlib import blake2b

import phonenumbers
from faker.providers.person.en_US import Provider as _Names
from faker.providers.person.zh_CN import Provider as _ChineseNames

from memory.cards import luhn
from memory.slots import plain_code

FEMALE = frozenset(_Names.first_names_female)
MALE = frozenset(_Names.first_names_male)
LAST = frozenset(_Names.last_names)
_SORTED_FEMALE, _SORTED_MALE, _SORTED_LAST = (sorted(names) for names in (FEMALE, MALE, LAST))
_CHINESE_FAMILY = sorted(name for name in _ChineseNames.last_names if len(name) == 1)
_CHINESE_GIVEN = sorted(name for name in _ChineseNames.first_names if len(name) == 1)

_LOCAL = 7  # digits of a telephone number without its area code


class StandIns:
    """The stand-ins of a dialogue.

    Args:
        key: the seed and what names the dialogue.
        taken: the dialogue's words in small letters, none of which is to be a stand-in.
    """

    def __init__(self, key: str, taken: Collection[str]) -> None:
        self._key = key
        self._taken = set(taken)
        self._words: dict[str, str] = {}

    def code(self, said: str) -> str:
        """Another code with letters, digits and marks where this one has them."""
        return _shifted(said, self._draws("code", plain_code(said)))

    def phone(self, said: str) -> str:
        """Another telephone number; prefixes of countries and trunks stay.

        A number with and without them, or without its area code, keeps being one number.
        """
        digits = [i for i, c in enumerate(said) if c.isdigit()]
        local = "".join(said[i] for i in digits)[-_LOCAL:]
        draws = self._draws("phone", local)
        made = list(said)
        for place in range(_national(said, len(digits))):  # from the right: there all agree
            at = digits[-1 - place]
            made[at] = _other(said[at], draws[place], string.digits[2:])
        return "".join(made)

    def card(self, said: str) -> str:
        """Another card number that passes Luhn's test as this one does."""
        digits = [i for i, c in enumerate(said) if c.isdigit()]
        number = "".join(said[i] for i in digits)
        made = list(said)
        for at, digit in zip(digits, _shifted(number, self._draws("card", number)), strict=True):
            made[at] = digit
        for last in string.digits:
            made[digits[-1]] = last
            if luhn("".join(made)):
                break
        return "".join(made)

    def iban(self, said: str) -> str:
        """Another account of the country, with check digits that are right if these are."""
        number = re.sub(r"[^0-9A-Za-z]", "", said)
        made = number[:4] + _shifted(number[4:], self._draws("iban", number.lower()))
        made = f"{made[:2]}{98 - _iban_rest(f'{made[:2]}00{made[4:]}'):02}{made[4:]}"
        left = iter(made)
        return re.sub(r"[0-9A-Za-z]", lambda _: next(left), said)

    def spelled_email(self, address: str, said: str) -> str:
        """The stand-in of an address that is said in words, in words too."""
        name, _, host = self.email(address).partition("@")
        return f"{name} at {host.replace('.', ' dot ')}" if " " in said else f"{name}@{host}"

    def email(self, said: str) -> str:
        """An address at example.com, which is nobody's."""
        name = self._chosen("email", said.lower(), _SORTED_FEMALE).lower()
        return f"{name}{self._draws('email', said.lower())[0] % 90 + 10}@example.com"

    def first_name(self, word: str) -> str:
        """Another first name, of a woman for a woman's."""
        return self._word(word, _SORTED_FEMALE if word.title() in FEMALE else _SORTED_MALE)

    def last_name(self, word: str) -> str:
        """Another last name."""
        return self._word(word, _SORTED_LAST)

    def chinese_name(self, name: str) -> str:
        """Another Chinese name of as many characters."""
        given = (self._chosen(f"given {i}", name, _CHINESE_GIVEN) for i in range(1, len(name)))
        return self._chosen("family", name, _CHINESE_FAMILY) + "".join(given)

    def place(self, word: str) -> str:
        """Another word for one in the name of a street or a town."""
        return self._word(word, _SORTED_LAST)

    def _word(self, word: str, among: Sequence[str]) -> str:
        plain = word.casefold()
        if plain not in self._words:
            self._words[plain] = self._chosen("word", plain, among)
            self._taken.add(self._words[plain].casefold())  # nobody else's
        made = self._words[plain]
        if word.isupper() and len(word) > 1:
            return made.upper()
        return made.lower() if word.islower() else made

    def _chosen(self, kind: str, value: str, among: Sequence[str]) -> str:
        draws = self._draws(kind, value)
        start = int.from_bytes(draws[:4])
        turned = (among[(start + i) % len(among)] for i in range(len(among)))
        free = (w for w in turned if w.casefold() not in self._taken)
        return next(free, among[start % len(among)])

    def _draws(self, kind: str, value: str) -> bytes:
        """64 bytes, always the same for a value."""
        return blake2b(f"{self._key}\0{kind}\0{value}".encode()).digest()


def _national(said: str, digits: int) -> int:
    """How many of a telephone number's digits are left without its prefixes."""
    plus = said.find("+")
    if plus >= 0:
        try:
            code = phonenumbers.parse(said[plus:], None).country_code
        except phonenumbers.NumberParseException:
            return min(digits, 10)
        return max(digits - len(str(code)), _LOCAL) if digits > _LOCAL else digits
    leading = next(c for c in said if c.isdigit())
    return min(digits - (leading == "0"), 10)


def iban(number: str) -> bool:
    """Whether an account's letters and digits have the right check digits (ISO 13616)."""
    return _iban_rest(re.sub(r"[^0-9A-Za-z]", "", number)) == 1


def _iban_rest(number: str) -> int:
    return int("".join(str(int(c, 36)) for c in number[4:] + number[:4])) % 97


def _shifted(text: str, draws: bytes) -> str:
    """Every letter and digit another one."""
    made = []
    place = 0
    for c in text:
        for alphabet in (string.digits, string.ascii_lowercase, string.ascii_uppercase):
            if c in alphabet:
                made.append(_other(c, draws[place % len(draws)], alphabet))
                place += 1
                break
        else:
            made.append(c)
    return "".join(made)


def _other(c: str, draw: int, alphabet: str) -> str:
    """A character of the alphabet that is not ``c``."""
    others = alphabet.replace(c, "")
    return others[draw % len(others)]
