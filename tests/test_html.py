"""What a notebook shows: a transcript as a chat, a page as a table, and everything escaped."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from polyai_data import Conversation, ConversationPage

if TYPE_CHECKING:
    from tests.conftest import Caller, FakeServer

Sample = Callable[..., dict[str, Any]]
Make = Callable[..., Conversation]

SCRIPT = "<script>alert('&amp;\"')</script>"
TEXT_FIELDS = [
    "conversationId",
    "channel",
    "fromNumber",
    "handoffDestination",
    "startedAt",
    "duration",
    "polyScore",
    "handoff",
    "shortSummary",
    "tags",
]


class Page(HTMLParser):
    """Reads HTML: its tags, their attributes, and the texts between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.titles: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.titles += [value or "" for name, value in attrs if name == "title"]
        self.texts.append("")

    def handle_data(self, data: str) -> None:
        self.texts[-1] += data


def shown(thing: Any) -> Page:
    return Page(thing._repr_html_())


def one_page(*records: Any) -> Any:
    return ConversationPage.from_dict({"conversations": list(records), "count": len(records)})


def test_a_transcript_is_shown_as_a_chat(conversation: Make) -> None:
    read = conversation()
    page = shown(read.transcript)
    assert page.tags == ["div"] * 7
    assert page.texts[1:] == [
        *("agent, turn 0, 13:18:07", "Hello, how can I help?"),
        *("user, turn 1, 13:18:12", "A table for two."),
        *("agent, turn 1, 13:18:14", "It is booked."),
    ]
    html = read.transcript._repr_html_()
    sides = [part.split(";")[0] for part in html.split("align-self:")[1:]]
    assert sides == [side for side in ("flex-start", "flex-end", "flex-start") for _ in range(2)]


def test_an_utterance_without_a_time_is_shown_without_one(conversation: Make) -> None:
    page = shown(conversation(turns=[{"input": "Hi."}]).transcript)
    assert page.texts[1:] == ["user, turn 0", "Hi."]


def test_calls_are_shown_before_what_the_agent_says_in_their_turn(conversation: Make) -> None:
    call = {"name": "book", "arguments": {"party": 2, "name": "Zoë"}, "duration": 1500}
    events = {
        "0": [{"name": "early"}],
        "1": [{**call, "content": {"ok": [True]}}, {"name": 7, "error": "full"}],
        "9": [{"name": "late", "content": "x" * 500}],
        "x": [{}],
    }
    texts = shown(conversation(functionEvents=events)).texts
    start = texts.index("turn 0: early()")
    assert texts[start:] == [
        "turn 0: early()",
        *("agent, turn 0, 13:18:07", "Hello, how can I help?"),
        *("user, turn 1, 13:18:12", "A table for two."),
        'turn 1: book(party=2, name=Zoë) → {"ok": [true]}, 1.50 s',
        "turn 1: 7() failed: full",
        *("agent, turn 1, 13:18:14", "It is booked."),
        f"turn 9: late() → {'x' * 199}…",
        "turn ?: ?()",
    ]


def test_a_list_says_what_it_is(call: Caller, server: FakeServer) -> None:
    server.respond(200, json={"conversations": [], "count": 0})
    client = call.client(server, api_key="k", region="us", agent_id="A")
    listing = client.list_conversations()
    advice = "Iterate over it, or use get_page() to see one page."
    assert shown(listing).texts == [f"{type(listing).__name__}: not read yet. {advice}"]
    listing._total = 12_345
    assert shown(listing).texts == [f"{type(listing).__name__}: 12,345 conversations. {advice}"]
    call.close(client)
    assert server.requests == []


def test_no_cell_of_a_page_breaks_but_the_heading(sample: Sample) -> None:
    html = one_page(sample())._repr_html_()
    cells = re.findall('style="([^"]*)">([^<]*)</td>', html)
    assert [text for style, text in cells if "nowrap" not in style] == ["Booking"]


def test_a_conversation_is_shown_with_its_facts(conversation: Make) -> None:
    page = shown(conversation(tags=["booking", "new"]))
    assert page.texts[0] == "Booking"
    cells = [text for text, tag in zip(page.texts, page.tags, strict=True) if tag in ("th", "td")]
    assert cells == [
        *("From", "+14155550101"),
        *("Started", "2026-06-03 13:18:06 UTC"),
        *("Seconds", "72"),
        *("Channel", "VOICE-SIP"),
        *("Handed to", "front-desk"),
        *("Score", "4.5"),
        *("Tags", "booking, new"),
        *("Summary", "Ada Example booked a table."),
    ]


def test_facts_that_are_absent_are_left_out_and_zero_is_none_of_them(conversation: Make) -> None:
    bare = Conversation.from_dict({"conversationId": "CA1", "tags": [], "fromNumber": ""})
    page = shown(bare)
    assert page.texts[0] == "Conversation CA1"
    assert "th" not in page.tags
    assert shown(conversation(duration=0, polyScore=0)).texts.count("0") == 2


def test_a_page_is_shown_as_a_table(sample: Sample) -> None:
    page = shown(one_page(sample(), sample(conversationId="CA2", handoff=False, startedAt=None), 5))
    assert page.tags.count("tr") == 4
    cells = [text for text, tag in zip(page.texts, page.tags, strict=True) if tag in ("th", "td")]
    rows = [cells[start : start + 8] for start in range(0, len(cells), 8)]
    said = ["72", "+14155550101", "VOICE-SIP"]
    assert rows == [
        ["started", "seconds", "from", "channel", "handoff", "heading", "score", "ID"],
        ["2026-06-03 13:18:06 UTC", *said, "yes", "Booking", "4.5", "CA1"],
        ["", *said, "no", "Booking", "4.5", "CA2"],
        [""] * 8,
    ]


def test_what_a_caller_says_is_shown_as_text(sample: Sample, conversation: Make) -> None:
    read = conversation(
        turns=[{"input": SCRIPT, "response": SCRIPT}],
        functionEvents={"0": [{"name": SCRIPT, "arguments": {SCRIPT: SCRIPT}, "error": SCRIPT}]},
        shortSummary={"heading": SCRIPT, "content": SCRIPT},
        tags=[SCRIPT],
        **dict.fromkeys(["fromNumber", "channel", "handoffDestination"], SCRIPT),
    )
    page = shown(read)
    assert page.texts.count(SCRIPT) == 8
    assert "script" not in page.tags
    listed = shown(one_page({**sample(), "fromNumber": SCRIPT, "conversationId": SCRIPT}))
    assert listed.texts.count(SCRIPT) == 2
    assert "script" not in listed.tags


VALUES = st.text("<>&\"'/aß\x00", max_size=9) | st.text(max_size=9)


def harmless(page: Page) -> None:
    assert set(page.tags) <= {"div", "h4", "table", "thead", "tbody", "tr", "th", "td"}
    assert page.attributes <= {"style", "title"}


@pytest.mark.parametrize("field", TEXT_FIELDS)
@given(value=VALUES)
@example(SCRIPT)
@example("\"'><img src=x onerror=alert(1)>")
def test_no_field_can_break_out_of_its_place(sample: Sample, field: str, value: str) -> None:
    tags = [made._repr_html_().count("<") for made in both_pages(sample())]
    odd: Any
    made: Any
    for odd in (value, [value], {value: value}, {"heading": value, "content": value}):
        for made, most in zip(both_pages(sample(**{field: odd})), tags, strict=True):
            html = made._repr_html_()
            harmless(Page(html))
            assert html.count("<") <= most


def both_pages(data: Any) -> tuple[Conversation, ConversationPage]:
    return Conversation.from_dict(data), one_page(data)


@given(VALUES, VALUES)
@example(SCRIPT, "\"'><img src=x onerror=alert(1)>")
def test_no_utterance_can_break_out_of_its_bubble(
    conversation: Make, said: str, answered: str
) -> None:
    read = conversation(turns=[{"user_input": said, "agent_response": answered}])
    html = read.transcript._repr_html_()
    harmless(Page(html))
    assert html.count("<") == 2 + 4 * len(read.transcript)
    assert html.count('"') == 2 + 4 * len(read.transcript)
