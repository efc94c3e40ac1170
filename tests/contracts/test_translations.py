"""What was translated once is known, in its own scope, over both databases."""

from __future__ import annotations

import pytest

from memory import MemoryStore, Scope
from memory.translation_memory import TranslationMemory, by_sentence, joined
from memory.translations import Pair, Translation, scope_of
from tests.doubles import WordEncoder

EN_ZH = Pair("en", "zh")
SHARED = scope_of("default", None)


def unit(source: str, target: str, origin: str = "imported", *, term: bool = False) -> Translation:
    """A translation."""
    return Translation(EN_ZH, source, target, origin, term)  # type: ignore[arg-type]


@pytest.fixture
def shared(store: MemoryStore) -> TranslationMemory:
    """What all customers share."""
    return TranslationMemory(store, WordEncoder())


def test_the_same_but_for_numbers_names_case_and_spaces_is_known(shared: TranslationMemory) -> None:
    """With the text's own in it; either way round; not where a number cannot be put in."""
    shared.put([
        unit("Your order 4417-XZ is late, Ada .", "Ada，您的订单4417-XZ晚了。"),
        unit("A 3 star hotel", "三星级酒店"),
    ])  # fmt: skip
    found = shared.exact("your order 5518-AB is late, Bob.", EN_ZH)
    assert found is not None
    assert (found.target, found.score) == ("Bob，您的订单5518-AB晚了。", 1.0)
    assert found.changed == {"4417-xz": "5518-AB", "ada": "Bob"}
    back = shared.exact("Cy，您的订单77-Q晚了", EN_ZH.back)
    assert back is not None
    assert back.target == "Your order 77-Q is late, Cy ."
    assert shared.exact("A 3 star hotel", EN_ZH) is not None
    assert shared.exact("A 4 star hotel", EN_ZH) is None
    assert shared.exact("Your order 5518-AB is late, Bob?", EN_ZH) is None
    assert shared.exact("A 3 star hotel", Pair("en", "pt")) is None


def test_close_ones_are_found_by_words_and_by_meaning(shared: TranslationMemory) -> None:
    """The closest first, with numbers put right, and less of a score where one could not be."""
    shared.put([
        unit("I want to return the blue lamp", "我想退蓝色的灯"),
        unit("Where is order 4417-XZ now", "订单4417-XZ现在在哪"),
        unit("A 3 star hotel in the north", "北边的三星级酒店"),
        unit("Good evening", "晚上好"),
    ])  # fmt: skip
    before = shared.near("I want to return a blue lamp", EN_ZH)  # not embedded yet
    assert [one.target for one in before] == ["我想退蓝色的灯"]
    shared.embed()
    (found,) = shared.near("Tell me where is order 5518-AB now", EN_ZH, floor=0.6)
    assert found.target == "订单5518-AB现在在哪"
    assert 0.6 < found.score < 1
    three, four = (
        shared.near(f"A {n} star hotel in the south", EN_ZH, floor=0.4)[0] for n in ("3", "4")
    )
    assert (three.left, four.left) == ([], ["4", "3"])
    assert three.score > four.score
    assert shared.near("Nothing like it", EN_ZH) == []
    by_meaning = shared.near("the blue lamp want to return I", EN_ZH, floor=0.5)
    assert [one.target for one in by_meaning] == ["我想退蓝色的灯"]


def test_a_customer_s_own_comes_first_and_is_nobody_else_s(store: MemoryStore) -> None:
    """What is everybody's is found too; what is said for one customer is not found for another."""
    encoder = WordEncoder()
    everybody = TranslationMemory(store, encoder)
    ada, bob = (TranslationMemory(store, encoder, customer=who) for who in ("ada", "bob"))
    other = TranslationMemory(store, encoder, tenant="other", customer="ada")
    everybody.put([unit("Thank you", "谢谢"), unit("Goodbye", "再见")])
    ada.put([unit("Thank you", "多谢"), unit("My secret is plum", "我的秘密是李子")])
    for memory, thanks in ((ada, "多谢"), (bob, "谢谢"), (everybody, "谢谢"), (other, None)):
        found = memory.exact("thank you", EN_ZH)
        assert (found and found.target) == thanks
        assert bool(found and found.own) == (memory is ada)
        secret = memory.exact("My secret is plum", EN_ZH)
        near = memory.near("My secret is a plum", EN_ZH, floor=0.1)
        seen = any("李子" in one.target for one in near)
        assert (secret is not None, seen) == (memory is ada, memory is ada)
    assert (bye := ada.exact("goodbye", EN_ZH)) is not None
    assert not bye.own
    assert store.erase(Scope("ada").owner) is not None
    assert ada.exact("My secret is plum", EN_ZH) is None
    assert ada.near("My secret is a plum", EN_ZH, floor=0.5) == []
    assert (thanks := ada.exact("Thank you", EN_ZH)) is not None
    assert thanks.target == "谢谢"


def test_people_correct_and_models_do_not(store: MemoryStore, shared: TranslationMemory) -> None:
    """A person's word takes the place of what was there; a model's takes nobody's."""
    assert shared.put([unit("Thank you", "谢谢")]) == (1, 0)
    assert shared.put([unit("Thank you", "感谢", "model")]) == (0, 0)
    assert shared.put([unit("Thank you", "谢谢您")]) == (0, 1)
    (one,) = store.translations.newest(SHARED, 10)
    assert (one.target, one.origin) == ("谢谢您", "imported")
    made = shared.change(one.id, "多谢")
    assert made is not None
    assert (made.target, made.origin, made.id) == ("多谢", "person", one.id)
    found = shared.exact("Thank you", EN_ZH)
    assert found is not None
    assert found.target == "多谢"
    assert shared.near("Thank you all", EN_ZH, floor=0.3)[0].target == "多谢"
    assert shared.change("nothing", "x") is None
    assert shared.remove(one.id)
    assert not shared.remove(one.id)
    assert shared.exact("Thank you", EN_ZH) is None
    assert shared.near("Thank you all", EN_ZH, floor=0.3) == []
    assert store.records.state(SHARED).lags is False


def test_what_is_found_the_other_way_round_is_corrected_and_deleted(
    shared: TranslationMemory,
) -> None:
    """By the id that finding it gives; it says the other side then."""
    shared.put([unit("Thank you", "谢谢")])
    found = shared.exact("谢谢", EN_ZH.back)
    assert found is not None
    made = shared.change(found.id, "Thanks")
    assert made is not None
    assert (made.pair, made.source, made.target) == (EN_ZH.back, "谢谢", "Thanks")
    assert shared.exact("Thank you", EN_ZH) is None
    assert (back := shared.exact("Thanks", EN_ZH)) is not None
    assert back.target == "谢谢"
    assert shared.near("谢谢。好", EN_ZH.back, floor=0.3)[0].target == "Thanks"
    assert shared.remove(back.id)
    assert shared.exact("谢谢", EN_ZH.back) is None
    assert shared.near("谢谢。好", EN_ZH.back, floor=0.3) == []


def test_a_correction_may_open_or_close_a_number(shared: TranslationMemory) -> None:
    """Then it has another id, and the old one is gone."""
    shared.put([unit("A 3 star hotel", "三星级酒店")])
    (was,) = shared._store.translations.newest(SHARED, 10)
    made = shared.change(was.id, "3星级酒店")
    assert made is not None
    assert made.id != was.id
    found = shared.exact("A 4 star hotel", EN_ZH)
    assert found is not None
    assert found.target == "4星级酒店"
    assert len(shared._store.translations.newest(SHARED, 10)) == 1


def test_each_text_has_its_own_translation(shared: TranslationMemory) -> None:
    """Also of texts that differ in a number only; where these disagree no other is known."""
    old, new = "Windows 7不再受支持。", "支持Windows 11。"
    assert shared.put([unit("Windows 11 is supported.", new)]) == (1, 0)
    found = shared.exact("Windows 8 is supported.", EN_ZH)
    assert found is not None
    assert found.target == "支持Windows 8。"
    assert shared.put([unit("Windows 7 is supported.", old)]) == (1, 0)
    for said, known in (("Windows 11 is supported.", new), ("windows 7 is SUPPORTED", old)):
        found = shared.exact(said, EN_ZH)
        assert found is not None
        assert (found.target, found.score, found.changed) == (known, 1.0, {})
    assert shared.exact("Windows 8 is supported.", EN_ZH) is None
    # Less where their vectors are made by now.
    assert 0.8 < shared.near("Windows 8 is supported.", EN_ZH)[0].score < 1
    back = shared.exact(old, EN_ZH.back)
    assert back is not None
    assert back.target == "Windows 7 is supported."
    for n in (9, 10):  # as many of one form as there may be: each is still known
        shared.put([unit(f"Row {n * 100 + k} .", f"第{n * 100 + k}行") for k in range(30)])
    found = shared.exact("Row 900 .", EN_ZH)
    assert found is not None
    assert found.changed == {}


def test_terms_are_found_in_texts(shared: TranslationMemory) -> None:
    """Whole words, the longest first, as they stand there; either way round."""
    shared.put([
        unit("lamp", "灯具", term=True), unit("desk lamp", "台灯", term=True),
        unit("Aqualux", "Aqualux", term=True),
    ])  # fmt: skip
    assert shared.terms("My Desk Lamp, an AQUALUX lamp", EN_ZH) == {
        "Desk Lamp": "台灯", "AQUALUX": "Aqualux", "lamp": "灯具",
    }  # fmt: skip
    assert shared.terms("lamps and clamp", EN_ZH) == {}
    assert shared.terms("我的台灯坏了", EN_ZH.back) == {"台灯": "desk lamp"}
    assert (term := shared.term("DESK LAMP.", EN_ZH)) is not None
    assert term.target == "台灯"
    assert shared.exact("lamp", EN_ZH) is None


def test_of_an_import_the_most_frequent_translation_is_kept(shared: TranslationMemory) -> None:
    """By sentence, where both sides have as many."""
    shared.put([
        unit("Yes. Thank you.", "是的。谢谢。"), unit("Yes.", "好的。"), unit("Yes !", "是的。"),
        unit("Come in. Sit down.", "请进来坐下。"),
    ])  # fmt: skip
    for said, known in (("Yes", "是的。"), ("Come in. Sit down", "请进来坐下。")):
        found = shared.exact(said, EN_ZH)
        assert found is not None
        assert found.target == known
    assert shared.exact("Come in.", EN_ZH) is None


def test_a_kind_of_a_language_is_looked_up_as_that_language(store: MemoryStore) -> None:
    """The exact tags first, then the wider; traditional Chinese is not taken for ``zh``."""
    memory = TranslationMemory(store, WordEncoder(), customer="ada")
    memory.put([
        unit("The colour is grey", "颜色是灰色"), unit("Thank you", "谢谢"),
        unit("lamp", "灯具", term=True),
        Translation(Pair("en-gb", "zh"), "Thank you", "多谢"),
    ])  # fmt: skip
    for source, target, known in (
        ("en-GB", "zh", "多谢"), ("en-GB", "zh-Hans-CN", "多谢"), ("en-US", "zh-CN", "谢谢"),
        ("en", "zh", "谢谢"), ("en", "zh-TW", None), ("en-gb", "zh-hant", None),
    ):  # fmt: skip
        found = memory.exact("thank you", Pair(source, target))
        assert (found and found.target) == known, (source, target)
    kind = Pair("en-gb", "zh-cn")
    assert memory.near("The colour is quite grey", kind, floor=0.4)[0].target == "颜色是灰色"
    assert memory.terms("a lamp", kind) == {"lamp": "灯具"}
    assert (term := memory.term("Lamp", kind)) is not None
    assert term.target == "灯具"
    assert (back := memory.exact("谢谢", kind.back)) is not None
    assert back.target == "Thank you"
    assert Pair("pt-br", "pt").wider == [Pair("pt-br", "pt")]


@pytest.mark.parametrize(
    ("source", "target", "apart"),
    [
        ("Order 12 came. Order 15 is late.", "订单12到了。订单15晚了。", True),
        ("Order 12 came. Order 15 is late.", "订单15晚了。订单12到了。", False),
        ("Order 12 came. It is late.", "订单15到了。它晚了。", False),
        ("A 3 star hotel. Two nights.", "三星级酒店。2晚。", True),
        ("At 5pm. For 1,200 yuan.", "5点。1200元。", True),
        ("I asked Ada. Then I left.", "我走了。我问了Ada。", False),
        ("I asked Ada. Ada left.", "我问了Ada。Ada走了。", True),
        ("See www.abc.de/x . Thank you.", "谢谢。请看www.abc.de/x 。", False),
    ],
)
def test_sentences_that_stand_in_another_order_are_not_taken_apart(
    source: str, target: str, apart: bool
) -> None:
    """What is in the one and not in its counterpart, but in another's, says so."""
    made = by_sentence([unit(source, target)])
    assert len(made) == (2 if apart else 1)


def test_translations_of_sentences_are_put_together_as_the_text_was() -> None:
    """Lines stay lines; between sentences there is a space where the language has any."""
    text = "  One. Two!\n\n- Three?  "
    parts = [("One.", "一。"), ("Two!", "二！"), ("- Three?", "- 三？")]
    assert joined(text, parts) == "  一。二！\n\n- 三？  "
    assert joined("一。二！", [("一。", "One."), ("二！", "Two!")]) == "One. Two!"
    assert by_sentence([unit("One. Two.", "一。")]) == [unit("One. Two.", "一。")]
