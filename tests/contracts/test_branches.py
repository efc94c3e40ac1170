"""Where a client's own history goes on: what it sends, however often, is stored once."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, given, settings

from app.branches import Past, place
from memory import ConversationMemory, MemoryStore, Scope, open_store
from memory.alignment import Line, align, mark
from tests.doubles import WordEncoder, count_words

WORDS = st.sampled_from(["hi", "ok", "where is it?"])  # few, so that histories are alike
ACTIONS = st.one_of(
    st.tuples(st.just("say"), WORDS),
    st.tuples(st.just("edit"), st.integers(0, 5), WORDS),
    st.tuples(st.just("again"), st.booleans()),
    st.tuples(st.just("new"), WORDS),
)


class Client:
    """Sends its whole history each time, as chat clients do."""

    def __init__(
        self, store: MemoryStore, encoder: WordEncoder, session: str | None, answers: int = 1000
    ) -> None:
        self.store = store
        self.encoder = encoder
        self.session = session
        self.view: list[Past] = []
        self.answers = answers
        self.said = 0
        self.given: dict[tuple, list[str]] = {}  # the answers by view and question

    def memory(self, session: str | None) -> ConversationMemory:
        """The memory of a session."""
        return ConversationMemory(
            store=self.store, scope=Scope("ada", session or "default"), embeddings=self.encoder,
            count_tokens=count_words, background=False,
        )  # fmt: skip

    def send(self, question: str, key: str | None = None) -> str | None:
        """Say something after the view; the session in which it went on, None for a repeat."""
        memory = self.memory(self.session)
        found = place(
            memory, self.view, question, key, named=self.session is not None, trusted=True
        )
        there = self.memory(found.session)
        turn = there.start(question, found.key)
        before = self.given.setdefault((*self.view, question), [])
        repeats = turn.status == "complete"
        if self.answers > 2:  # else another conversation may look the same
            assert repeats == bool(before and self.view and key is None)
        if repeats:
            assert turn.answer is not None
            answer = turn.answer.text
            assert answer in before
        else:
            self.said += 1
            answer = f"answer {self.said % self.answers}"
            before.append(answer)
            assert there.finish(turn, answer, "complete") is not None
        self.view = [*self.view, Past("human", question), Past("ai", answer)]
        return None if repeats else found.session

    def act(self, action: tuple) -> str | None:
        """Do what a person does with a chat client."""
        questions = [n for n, past in enumerate(self.view) if past.role == "human"]
        match action:
            case ("say", text):
                return self.send(text)
            case ("new", text):
                self.view = []
                return self.send(text)
            case ("again", other) if questions:
                text = self.view[questions[-1]].text
                self.view = self.view[: questions[-1]]
                return self.send(text, f"key {self.said}" if other else None)
            case ("edit", number, text) if questions:
                self.view = self.view[: questions[number % len(questions)]]
                return self.send(text)
        return None


@given(
    actions=st.lists(ACTIONS, max_size=8),
    session=st.sampled_from([None, "s1"]),
    answers=st.sampled_from([2, 1000]),
)
@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_branch_holds_what_the_client_sees(
    actions: list[tuple], session: str | None, answers: int, encoder: WordEncoder
) -> None:
    """After any sayings, edits and repetitions a session ends with the client's view of it.

    A branch is that view and nothing else, no message stands twice in a session, every message
    that was said is kept, and one that was sent again is remembered once. What is asked again at
    one place is answered again, and anew only under a key of its own.
    """
    with open_store("sqlite://") as store:
        client = Client(store, encoder, session, answers)
        for action in actions:
            went_on = client.act(action)
            if went_on is None:
                continue
            window = [said.message for said in store.transcript.window(Scope("ada", went_on))]
            stored = [Past(message.role, message.text) for message in window]
            assert stored[-len(client.view) :] == client.view
            if "~" in went_on and answers > 2:  # else another conversation may look the same
                assert stored == client.view
            ids = [message.id for message in window]
            assert len(ids) == len(set(ids))
        sessions = store.transcript.sessions(("default", "ada"))
        everywhere = [
            said.message
            for one in sessions
            for said in store.transcript.window(Scope("ada", one.session))
        ]
        assert len({message.id for message in everywhere}) == 2 * client.said
        client.memory(None).digest()
        records = store.records.newest(("default", "ada"), 1000)
        assert sorted(record.messages for record in records) == sorted(
            {(message.id,) for message in everywhere}
        )


def test_what_was_said_elsewhere_is_stored_once(store: MemoryStore, encoder: WordEncoder) -> None:
    """A history that nobody knows becomes past messages, and goes on in the same session."""
    client = Client(store, encoder, None)
    client.view = [Past("human", "My order is 4417"), Past("ai", "Thank you.")]
    session = client.send("Where is it?")
    assert client.send("And now?") == session
    window = store.transcript.window(Scope("ada", session))
    assert [Past(s.message.role, s.message.text) for s in window] == client.view


def test_a_branch_recalls_nothing_that_stands_in_its_prompt(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """What a branch shares with its session is remembered once, and not beside itself."""
    client = Client(store, encoder, "s1")
    client.send("My order is 4417")
    client.send("hi")
    client.memory("s1").digest()
    branch = client.act(("edit", 1, "which order is it?"))
    assert branch is not None
    assert branch.startswith("s1~")
    client.memory(branch).digest()
    layout = client.memory(branch).layout("what is my order?")
    assert sum(m.text.count("My order is 4417") for m in layout.messages) == 1
    elsewhere = client.memory("s2").layout("what is my order?")
    assert sum(r.text == "My order is 4417" for r in elsewhere.recalled) == 1


def test_a_broken_turn_that_is_sent_again_is_the_same_turn(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """A question whose answer failed is stored once, however often it is sent."""
    client = Client(store, encoder, None)
    client.send("hi")
    found = place(client.memory(None), client.view, "ok", None, named=False, trusted=True)
    there = client.memory(found.session)
    there.finish(there.start("ok", found.key), "", "failed")
    assert client.send("ok") == "default"
    window = store.transcript.window(Scope("ada"))
    assert [Past(s.message.role, s.message.text) for s in window] == client.view


def test_spaces_and_forms_of_letters_make_no_other_message() -> None:
    """A message is known again whatever its spaces at the ends, line ends and Unicode form."""
    assert mark("ai", " caf\u00e9\r\nopen\n") == mark("ai", "cafe\u0301\nopen")
    assert mark("ai", "a") != mark("human", "a")


def test_the_later_of_two_equal_places_is_taken() -> None:
    """Where a conversation has been held twice, it goes on where it was held last."""
    lines = [Line(str(n), mark("human", "hi")) for n in range(3)]
    assert align([mark("human", "hi")], lines) == (1, ["2"], True)
