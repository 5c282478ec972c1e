"""The dialogues of the generated conversations: templates with `{slots}` to fill in."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Line(NamedTuple):
    """One turn: the caller's words, the agent's reply and English translations of both."""

    caller: str
    agent: str
    caller_english: str = ""
    agent_english: str = ""
    keypad: str = ""


class Call(NamedTuple):
    """A function call of the agent."""

    turn: int
    name: str
    arguments: Mapping[str, Any]
    content: str


class Scenario(NamedTuple):
    """A dialogue, its summary and its metadata."""

    heading: str
    content: str
    lines: tuple[Line, ...]
    language: str = "en-GB"
    tags: tuple[str, ...] = ()
    score: float | None = None
    handoff: tuple[str, str] | None = None  # destination, reason
    calls: tuple[Call, ...] = ()
    metrics: tuple[tuple[int, str, str], ...] = ()  # turn, name, value


NAMES = (
    *("Ada Bennett", "Tom Okafor", "Zoë Martin", "Priya Shah", "Liam Walsh", "Noor Haddad"),
    *("Grace Kim", "Jürgen Weiß", "Elena Rossi", "Sam Turner", "Inés García", "Owen Price"),
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
TIMES = ("six", "half past six", "seven", "a quarter past seven", "half past seven", "eight")
PLACES = ("Bath", "Bristol", "Leeds", "York", "Oxford", "Brighton", "Cardiff", "Norwich")

HOTEL = Scenario(
    heading="Room booked, with a late arrival and a dog",
    content="{name} booked a double room for two nights from {day}, will arrive late and brings "
    "a small dog. Confirmation {code} was sent by text message.",
    lines=(
        Line("", "Thank you for calling the Larkspur Hotel in {place}. How can I help you?"),
        Line(
            "Hi! Have you got a double room for this {day}? Two nights.",
            "Let me have a look… Yes: a garden double at 118 pounds a night, breakfast included.",
        ),
        Line(
            "Lovely. We bring a dog, a very small one. Is that all right?",
            "Dogs are very welcome. There is a charge of 12 pounds a stay, and a biscuit on us.",
        ),
        Line(
            "Ha, he'll like that. Oh, and our train gets in around eleven at night.",
            "No problem, the night porter will let you in. What name is the booking for?",
        ),
        Line(
            "{name}.",
            "Thank you, {name}. Two nights from {day}, garden double, one small dog. Shall I book?",
        ),
        Line("Yes, please.", "Done. Your confirmation is {code}. May I text it to this number?"),
        Line("That would be great.", "It is on its way. Is there anything else I can do for you?"),
        Line("No, that was all. Thanks!", "Thank you for calling. See you on {day}!"),
    ),
    tags=("booking", "pets", "late-arrival"),
    score=5.0,
    calls=(
        Call(1, "check_availability", {"room": "double", "nights": 2, "day": "{day}"}, "1 room"),
        Call(5, "create_booking", {"guest": "{name}", "pets": 1}, "booked as {code}"),
        Call(6, "send_text_message", {"template": "confirmation"}, "sent"),
    ),
    metrics=((1, "ROOMS_OFFERED", "1"), (5, "BOOKING_CONFIRMED", "1"), (5, "VALUE_GBP", "248")),
)

TABLE = Scenario(
    heading="Table reserved",
    content="{name} reserved a table on {day} at {time}.",
    lines=(
        Line("", "Good evening, Café Noisette in {place}. What can I do for you?"),
        Line("A table on {day} please, at {time}.", "With pleasure. For how many people?"),
        Line("Four. And one of us can't have nuts.", "I have noted the allergy. And your name?"),
        Line("{name}.", "Perfect, {name}: {day} at {time}, four people, no nuts. À bientôt!"),
    ),
    tags=("reservation", "allergy"),
    score=4.5,
    calls=(Call(3, "reserve_table", {"people": 4, "time": "{time}"}, "table 7"),),
    metrics=((3, "PARTY_SIZE", "4"),),
)

PASSWORD = Scenario(
    heading="Password reset",
    content="{name} was locked out; after a check by customer number a reset link was sent.",
    lines=(
        Line("", "Hello, this is the service desk. What happened?"),
        Line("I've locked myself out again.", "It happens to all of us. Your number, please?"),
        Line("", "Thank you, I have found you, {name}. Shall I send a reset link?", keypad="48213"),
        Line("Yes, to my e-mail.", "Sent. It works for thirty minutes."),
        Line("Got it, you're a star.", "Happy to help. Choose one you'll remember!"),
    ),
    language="en-US",
    tags=("account",),
    score=4.0,
    calls=(Call(3, "send_reset_link", {"channel": "email"}, "sent"),),
    metrics=((2, "IDENTIFIED", "true"), (4, "CSAT", "73")),
)

PARCEL = Scenario(
    heading="Parcel located",
    content="{name} asked about parcel {code}; it is in {place} and arrives on {day}.",
    lines=(
        Line("", "Swift Parcels, good morning. Do you have a tracking number?"),
        Line("Yeah, it's {code}.", "One moment… it left our depot in {place} this morning."),
        Line("So when will it be here?", "On {day}, between nine and noon."),
        Line("I'm at work then.", "I can leave it with a neighbour or at a shop nearby."),
        Line("The shop, please.", "Changed. You will get a message when you can collect it."),
    ),
    tags=("tracking", "redirect"),
    score=4.0,
    calls=(
        Call(1, "track_parcel", {"number": "{code}"}, "in transit"),
        Call(4, "redirect_parcel", {"to": "shop"}, "ok"),
    ),
    metrics=((1, "PARCEL_FOUND", "true"), (4, "REDIRECTED", "true")),
)

HOURS = Scenario(
    heading="Opening hours",
    content="Asked whether the museum in {place} is open on {day}.",
    lines=(
        Line("", "Welcome to the {place} Museum of Clocks."),
        Line("Are you open on {day}?", "We are, from ten to {time}. The cuckoos sing at noon."),
        Line("Great, thanks, bye.", "Goodbye!"),
    ),
    tags=("faq",),
    score=3.0,
)

BILLING = Scenario(
    heading="Disputed bill, passed to a person",
    content="{name} was charged twice and asked for a person; put through to billing.",
    lines=(
        Line("", "Northwind Energy, hello. How can I help?"),
        Line("You've charged me twice this month!", "I am sorry. May I have your account number?"),
        Line(
            "{code}. But I'd rather talk to a person.", "Of course. I'll explain it to them first."
        ),
        Line("Thank you.", "I am putting you through to billing now, {name}."),
    ),
    language="en-US",
    tags=("billing", "complaint"),
    score=2.0,
    handoff=("billing-team", "caller_request"),
    calls=(Call(3, "hand_off", {"to": "billing-team"}, "transferring"),),
    metrics=((1, "SENTIMENT", "negative"),),
)

GERMAN = Scenario(
    heading="Appointment moved",
    content="{name} moved a check-up at Dr. Müller's practice to Tuesday morning.",
    lines=(
        Line("", "Praxis Dr. Müller, guten Tag!", "", "Dr Müller's practice, good day!"),
        Line(
            "Grüß Gott, ich müsste meinen Termin verschieben.",
            "Sehr gern. Würde Ihnen Dienstag früh passen?",
            "Hello, I need to move my appointment.",
            "Gladly. Would Tuesday morning suit you?",
        ),
        Line("Ja, schön!", "Ist notiert. Bis dann!", "Yes, lovely!", "Noted. See you then!"),
    ),
    language="de-DE",
    tags=("appointment",),
    score=4.5,
    calls=(Call(2, "move_appointment", {"to": "tuesday"}, "moved"),),
)

JAPANESE = Scenario(
    heading="Directions to the inn",
    content="Asked how to get from 京都駅 (Kyoto station) to the inn.",
    lines=(
        Line("", "お電話ありがとうございます。", "", "Thank you for calling."),
        Line(
            "京都駅からどう行けばいいですか。",
            "バスで十五分です。日本庭園の前で降りてください。",
            "How do I get there from Kyoto station?",
            "It is fifteen minutes by bus. Get off at the Japanese garden.",
        ),
        Line("わかりました。", "お待ちしております。", "I see.", "We look forward to seeing you."),
    ),
    language="ja-JP",
    tags=("directions", "日本"),
    score=4.0,
)

MARKUP = Scenario(
    heading="Somebody tried the text box",
    content="A visitor typed markup into the chat & asked for the weather.",
    lines=(
        Line("", "Hi, I am the assistant of the Larkspur Hotel."),
        Line('<script>alert(1)</script> "; DROP TABLE x; --', "Pardon? Could you rephrase that?"),
        Line("just testing :)\n\tis it raining in {place}?", "I'd bring an umbrella. ☔"),
    ),
    tags=("<b>odd</b>",),
)

SILENT = Scenario(
    heading="",
    content="",
    lines=(
        Line("", "Thank you for calling the Larkspur Hotel. How can I help you?"),
        Line("", "Hello? Are you still there?"),
    ),
)

# The newest conversations cover every scenario; the others are random.
FIRST_SCENARIOS = (PARCEL, HOTEL, MARKUP, BILLING, TABLE, SILENT, GERMAN, PASSWORD, JAPANESE, HOURS)
SCENARIOS = (*FIRST_SCENARIOS, HOTEL, TABLE, PARCEL, HOURS, PASSWORD, BILLING)
