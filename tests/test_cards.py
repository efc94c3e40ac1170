"""Numbers of payment cards: found however they are written, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from time import perf_counter

import pytest

from memory.cards import cards, masked
from memory.fact_writer import facts
from memory.types import Message

SHOWN = "•••• 1111"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("My card is 4111111111111111.", f"My card is {SHOWN}."),
        ("4111 1111 1111 1111 12/28 123", f"{SHOWN} 12/28 123"),
        ("4111 1111 1111 1111 123", f"{SHOWN} 123"),
        ("on 2026-11-29 4111-1111-1111-1111", f"on 2026-11-29 {SHOWN}"),
        ("卡号4111 1111 1111 1111，谢谢", f"卡号{SHOWN}，谢谢"),
        ("４１１１１１１１１１１１１１１１", SHOWN),
        ("4111\u00a01111\u00a01111\u00a01111", SHOWN),
        ("4111 - 1111 - 1111 - 1111", SHOWN),
        ("Amex 3782 822463 10005, 378282246310005", "Amex •••• 0005, •••• 0005"),
        ("5500005555555559 or 6011000990139424", "•••• 5559 or •••• 9424"),
        ("visa 4222222222222", "visa •••• 2222"),
        ("UnionPay 6205500000000000004", "UnionPay •••• 0004"),
        ("diners 30569309025904", "diners •••• 5904"),
    ],
)
def test_of_a_card_the_last_four_digits_are_shown(said: str, told: str) -> None:
    """However it is written, and not what stands behind it."""
    assert masked(said) == told
    assert masked(told) == told


@pytest.mark.parametrize(
    "said",
    [
        "4111111111111112", "order 4417-XZ", "IMEI 356938035643809", "SIM 8944500102030405063",
        "call +44 7700 900123 or 0044 7700 900123", "ISBN 978-3-16-148410-0", "2026-11-29 12:30",
        "AB4111111111111111", "41111111111111111111111", "1Z4111111111111111", "13800138000", "",
    ],
)  # fmt: skip
def test_other_numbers_stay(said: str) -> None:
    """A wrong check digit, a telephone, a device, a code that has letters or is too long."""
    assert masked(said) == said


def test_a_text_full_of_digits_is_read_in_a_moment() -> None:
    """Only what is as long as a card is looked at together."""
    started = perf_counter()
    assert cards("4 " * 20_000 + "4" * 20_000 + " 4444" * 5_000) is not None
    assert perf_counter() - started < 5


@pytest.mark.parametrize("said", ["My reference is {}", "call me on {}", "My phone number is {}"])
def test_a_part_of_a_card_is_no_number_of_anything(said: str) -> None:
    """No ticket, and no telephone."""
    at = datetime(2026, 11, 29, tzinfo=UTC)
    told = Message("m1", "s1", "human", said.format("4111 1111 1111 1111"), at)
    assert facts([told]) == []
