"""The generated conversations: fields, order, IDs and variety."""

import itertools
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

CONVERSATIONS = "/v1/agents/PROJECT-DEMO/conversations"
BILLION = 10**9
SHOWCASE = "CA22d437f4405070690f8906b76c8ea4ed"
Json = dict[str, Any]


def words(text: str) -> set[str]:
    """Return the words of a string."""
    return set(text.split())


SUMMARY_KEYS = words(
    """
    conversationId accountId projectId createdAt startedAt finishedAt channel fromNumber
    toNumber language variantId clientEnv totalDuration polyaiDuration duration inProgress
    handoff handoffDestination handoffReason direction tags polyScore shortSummary
    deploymentId note audioUrl
    """
)
TURN_KEYS = words(
    """
    turn_id user_input user_input_datetime user_input_dtmf user_input_dtmf_finish_key
    user_input_audio_url translated_user_input agent_response agent_response_datetime
    english_agent_response asr_lang_code tts_lang_code barge_in entities intents is_ood
    is_silence latency llm_requests reviews metadata
    """
)
METADATA_KEYS = words(
    """
    asr_corrected_user_input current_node entities function_events retrieved_topics safety
    top_transcripts
    """
)
EVENT_KEYS = words(
    """
    id name function_id function_version conversation_id turn_id start_time duration
    arguments content error handoff hangup llm_request_id logs state_changes transition
    utterance variant_id_change
    """
)
NULLABLE = words(
    """
    audioUrl deploymentId handoffDestination handoffReason language note polyScore
    shortSummary variantId
    """
)
ID = re.compile(
    r"(CA[0-9a-f]{32}|KA-[0-9a-f]{32}|(LOCAL-|AS_CHAT_)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})"
)


def listed(client: httpx.Client, **query: int) -> list[Json]:
    """Return a page of conversations."""
    found: list[Json] = client.get(CONVERSATIONS, params=query).json()["conversations"]
    return found


def details(client: httpx.Client) -> list[Json]:
    """Return the details of the 100 newest conversations."""
    return [
        client.get(f"{CONVERSATIONS}/{found['conversationId']}").json()
        for found in listed(client, limit=100)
    ]


def test_page(api: httpx.Client) -> None:
    """A page has 50 conversations by default, and the total count."""
    page = api.get(CONVERSATIONS).json()
    assert {**page, "conversations": len(page["conversations"])} == {
        "conversations": 50,
        "count": 200,
        "limit": 50,
        "offset": 0,
    }


def test_pages_join(api: httpx.Client) -> None:
    """Pages of any size add up to the same list. Pages beyond its end are empty."""
    whole = listed(api, limit=1000)
    assert len(whole) == 200
    assert listed(api, limit=7, offset=5) == whole[5:12]
    assert listed(api, limit=7, offset=197) == whole[197:]
    assert listed(api, limit=7, offset=200) == listed(api, offset=10**30) == []


def test_max_page_size(connect: Callable[..., httpx.Client]) -> None:
    """The page size can be capped; the response contains the limit that was used."""
    page = connect(max_page_size=3).get(CONVERSATIONS, params={"limit": 10}).json()
    assert (len(page["conversations"]), page["limit"], page["count"]) == (3, 3, 200)
    assert len(listed(connect(max_page_size=3), limit=2)) == 2


def test_newest_first(connect: Callable[..., httpx.Client]) -> None:
    """The newest conversation, with a fixed date, is first. The intervals are irregular."""
    for count in (200, BILLION):
        found = listed(connect(conversations=count), limit=200)
        assert found[0]["startedAt"] == "2026-06-03T13:18:06.370000+00:00"
        times = [datetime.fromisoformat(one["startedAt"]) for one in found]
        steps = [newer - older for newer, older in itertools.pairwise(times)]
        assert all(step > timedelta(0) for step in steps)
        assert len(set(steps)) > 100


def test_same_seed_same_bytes(connect: Callable[..., httpx.Client]) -> None:
    """Responses depend only on the seed."""

    def responses(seed: int) -> list[bytes]:
        client = connect(seed=seed)
        page = client.get(CONVERSATIONS)
        urls = [f"{CONVERSATIONS}/{one['conversationId']}" for one in page.json()["conversations"]]
        return [page.content, *(client.get(url).content for url in urls)]

    assert responses(3) == responses(3)
    (showcase,) = set(responses(3)) & set(responses(4))
    assert json.loads(showcase)["conversationId"] == SHOWCASE


def test_same_on_every_python(api: httpx.Client) -> None:
    """The data does not depend on the Python version: these values never change."""
    newest, rich, *_ = listed(api)
    assert newest["conversationId"] == "CA4a19d460c09454431446358f410ed192"
    assert rich["startedAt"] == "2026-06-03T12:54:58.537000+00:00"


def test_billion(connect: Callable[..., httpx.Client]) -> None:
    """With a billion conversations, each one is available at once by index and by ID."""
    client = connect(conversations=BILLION)
    for offset in (0, 123_456_789, BILLION - 1):
        (found,) = listed(client, offset=offset, limit=1)
        detail = client.get(f"{CONVERSATIONS}/{found['conversationId']}").json()
        assert detail.items() >= found.items()
        assert detail["startedAt"] > "2023"


def test_ids_differ(connect: Callable[..., httpx.Client]) -> None:
    """IDs are unique, and all common kinds of ID occur."""
    ids = [found["conversationId"] for found in listed(connect(conversations=5000), limit=5000)]
    assert len(set(ids)) == 5000
    assert all(ID.fullmatch(each) for each in ids)
    prefixes = [re.match(r"CA|KA-|LOCAL-|AS_CHAT_", each)[0] for each in ids]  # type: ignore[index]
    assert set(prefixes) == {"CA", "KA-", "LOCAL-", "AS_CHAT_"}
    assert prefixes.count("CA") > 3000


def test_unknown_ids(connect: Callable[..., httpx.Client]) -> None:
    """IDs with another kind, count, seed or spelling are not found."""
    client = connect(conversations=10)
    (call,) = listed(client, limit=1)
    (eleventh,) = listed(connect(), offset=10, limit=1)
    (other,) = listed(connect(seed=1), limit=1)
    known = call["conversationId"]
    for unknown in (
        eleventh["conversationId"],
        other["conversationId"],
        known.replace("CA", "KA-"),
        known.upper(),
        known + "0",
        "CA" + "-" * 32,
        "CA",
        "nonsense",
    ):
        response = client.get(f"{CONVERSATIONS}/{unknown}")
        assert (response.status_code, response.json()["error_code"]) == (
            404,
            "CONVERSATIONS_NOT_FOUND",
        )


def test_summary_shape(api: httpx.Client) -> None:
    """Every conversation has all fields. Each nullable field is null in some of them."""
    found = listed(api, limit=200)
    assert all(one.keys() == SUMMARY_KEYS for one in found)
    assert {name for one in found for name, value in one.items() if value is None} == NULLABLE
    assert all(any(one[name] is not None for one in found) for name in NULLABLE)
    for one in found:
        assert one["projectId"] == "PROJECT-DEMO"
        for name in ("createdAt", "startedAt", "finishedAt"):
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", one[name])
        length = datetime.fromisoformat(one["finishedAt"]) - datetime.fromisoformat(
            one["startedAt"]
        )
        assert length == timedelta(seconds=one["totalDuration"])
        assert (one["totalDuration"] > one["duration"]) == one["handoff"]
        assert one["handoff"] == (one["handoffReason"] is not None)
        assert isinstance(one["polyScore"], float | None)


def test_summary_variety(api: httpx.Client) -> None:
    """The values of real responses all occur."""
    found = listed(api, limit=200)
    assert {one["channel"] for one in found} == {"VOICE-SIP", "WEBCHAT", "chat.polyai"}
    assert {one["clientEnv"] for one in found} == {"live", "sandbox", "pre-release"}
    assert {one["direction"] for one in found} == {"inbound", "outbound"}
    numbers = {one["fromNumber"] for one in found}
    assert {"REDACTED", "polyai"} < numbers
    assert any(number.startswith("sip:") for number in numbers)
    plain = [number for number in numbers if number.startswith("+")]
    assert all(re.fullmatch(r"\+141555501\d\d", number) for number in plain)
    scores = {one["polyScore"] for one in found}
    assert scores == {None, 2.0, 3.0, 4.0, 4.5, 5.0}  # from 1 to 5
    assert {"en-GB", "en-US", "de-DE", "ja-JP"} < {one["language"] for one in found}
    text = json.dumps([one["shortSummary"] for one in found], ensure_ascii=False)
    assert "{" not in re.sub(r'\{\\?"heading', "", text)  # every slot is filled


def test_short_summaries(api: httpx.Client) -> None:
    """A summary is an object or null; older ones are also strings, some of which contain JSON."""
    found = [one["shortSummary"] for one in listed(api, limit=200)]
    new, old = found[:60], found[60:]
    assert all(one is None or one.keys() == {"heading", "content"} for one in new)
    texts = [one for one in old if isinstance(one, str)]
    objects = [json.loads(one) for one in texts if one.startswith("{")]
    assert objects
    assert all(one.keys() == {"heading", "content"} for one in objects)
    assert len(texts) > len(objects)
    assert any(isinstance(one, dict) for one in old)


def test_in_progress(api: httpx.Client) -> None:
    """Only the newest is in progress. It has no score, tags, summary or recording yet."""
    newest, *others = listed(api, limit=200)
    assert newest["inProgress"]
    assert not any(one["inProgress"] for one in others)
    assert newest["tags"] == []
    assert newest["polyScore"] is newest["shortSummary"] is newest["audioUrl"] is None
    detail = api.get(f"{CONVERSATIONS}/{newest['conversationId']}").json()
    assert len(detail["turns"]) == 3


def test_audio_url(connect: Callable[..., httpx.Client]) -> None:
    """Finished calls have an audio URL; chats do not."""
    for one in listed(connect(), limit=200):
        recorded = one["channel"] == "VOICE-SIP" and not one["inProgress"]
        url = f"conversations/{one['conversationId']}/audio"
        assert one["audioUrl"] == (url if recorded else None)


def test_detail_repeats_summary(api: httpx.Client) -> None:
    """A detail is the summary plus three fields."""
    for summary, detail in zip(listed(api, limit=100), details(api), strict=True):
        assert detail.keys() - summary.keys() == {"turns", "metrics", "functionEvents"}
        assert {**detail, **summary} == detail


def test_turns(api: httpx.Client) -> None:
    """Turns have all fields, start with a greeting and fill the same fields as real ones."""
    conversations = [one["turns"] for one in details(api)]
    assert [] in conversations  # of conversations without a transcript
    turns = [turn for each in conversations for turn in each]
    for each in filter(None, conversations):
        assert each[0]["user_input"] == "" != each[0]["agent_response"]
        ids = [turn["turn_id"] for turn in each]
        assert ids == sorted(set(ids))
        assert ids[0] > 2**53
    for turn in turns:
        assert turn.keys() == TURN_KEYS
        assert turn["metadata"].keys() == METADATA_KEYS
        assert turn["latency"].keys() == {
            *("label", "perceived_latency", "perceived_latency_percentile_1d")
        }
        assert "{" not in turn["user_input"] + turn["agent_response"]
        assert bool(turn["user_input"]) == bool(turn["user_input_datetime"])
    for name in ("entities", "intents", "is_ood", "is_silence"):
        assert {turn[name] is None for turn in turns} == {True, False}
    for name in ("translated_user_input", "user_input_dtmf", "barge_in", "llm_requests"):
        assert {bool(turn[name]) for turn in turns} == {True, False}
    assert {turn["latency"]["label"] for turn in turns} == {None, "fast", "slow"}
    assert any(turn["is_silence"] for turn in turns)
    assert any(turn["entities"] for turn in turns)


def test_unusual_strings(api: httpx.Client) -> None:
    """The first 20 conversations contain non-ASCII characters and an HTML injection attempt."""
    text = api.get(CONVERSATIONS, params={"limit": 20}).text
    assert "京都" in text
    assert "ü" in text
    said = [turn["user_input"] for one in details(api)[:20] for turn in one["turns"]]
    assert any("<script>alert(1)</script>" in each for each in said)


def test_metrics(api: httpx.Client) -> None:
    """Metrics are lists of string values with timestamps that have no UTC offset."""
    metrics = [one["metrics"] for one in details(api)]
    assert {} in metrics
    values = [value for each in metrics for series in each.values() for value in series]
    assert {"value": "73"}.items() <= next(v for v in values if v["value"] == "73").items()
    for value in values:
        assert value.keys() == {"timestamp", "value"}
        assert isinstance(value["value"], str)
        assert datetime.fromisoformat(value["timestamp"]).tzinfo is None


def test_function_events(api: httpx.Client) -> None:
    """Function events are grouped by turn index and have RFC 1123 dates."""
    found = details(api)
    events = [
        (one, index, event)
        for one in found
        for index, each in one["functionEvents"].items()
        for event in each
    ]
    for conversation, index, event in events:
        assert event.keys() == EVENT_KEYS
        assert event["turn_id"] == int(index)
        assert event["conversation_id"] == conversation["conversationId"]
        assert event["start_time"].endswith(" GMT")
        started = datetime.fromisoformat(conversation["startedAt"]).replace(microsecond=0)
        assert parsedate_to_datetime(event["start_time"]) >= started
        assert (event["handoff"] is not None) == conversation["handoff"]
        if not conversation["inProgress"] and conversation["turns"]:
            names = conversation["turns"][int(index)]["metadata"]["function_events"]
            assert event["name"] in names
    assert {event["state_changes"] is None for _, _, event in events} == {True, False}
    assert any(len(each) > 1 for one in found for each in [one["functionEvents"]])


@pytest.mark.parametrize("seed", range(5))
def test_showcase(connect: Callable[..., httpx.Client], seed: int) -> None:
    """The newest finished call has everything that a demo needs."""
    client = connect(seed=seed)
    finished = [
        one
        for one in listed(client)
        if one["channel"] == "VOICE-SIP" and not one["inProgress"] and one["audioUrl"]
    ]
    detail = client.get(f"{CONVERSATIONS}/{finished[0]['conversationId']}").json()
    assert detail["shortSummary"].keys() == {"heading", "content"}
    assert len(detail["turns"]) >= 6
    assert len(detail["functionEvents"]) == 3
    assert detail["metrics"]
    assert detail["tags"]
    assert detail["polyScore"]


@pytest.mark.parametrize("seed", [0, 3])
@pytest.mark.parametrize("count", [0, 1, 2, 3000, BILLION])
def test_the_showcase_is_always_there(
    connect: Callable[..., httpx.Client], seed: int, count: int
) -> None:
    """The conversation of the documentation is the same with any seed and count."""
    client = connect(seed=seed, conversations=count)
    detail = client.get(f"{CONVERSATIONS}/{SHOWCASE}").json()
    assert detail["shortSummary"]["heading"] == "Room booked, with a late arrival and a dog"
    assert client.get(f"{CONVERSATIONS}/{SHOWCASE}/audio").status_code == 200
    listed_ids = [one["conversationId"] for one in listed(client)]
    assert listed_ids[1:2] == ([SHOWCASE] if count > 1 else [])
    assert len(listed_ids) == len(set(listed_ids))
    expected = connect().get(f"{CONVERSATIONS}/{SHOWCASE}").json()
    assert detail["turns"][3]["user_input"] == expected["turns"][3]["user_input"]


def test_times_end_now(connect: Callable[..., httpx.Client]) -> None:
    """By default, the newest conversations are of today, and none is in the future."""
    before = datetime.now(UTC)
    client = connect(now=None)
    newest, *others = listed(client, limit=200)
    started = datetime.fromisoformat(newest["startedAt"])
    assert before <= started + timedelta(minutes=1) <= datetime.now(UTC)
    for one in (newest, *others):
        assert datetime.fromisoformat(one["finishedAt"]) <= datetime.now(UTC)
    assert listed(client, limit=200) == [newest, *others]  # they do not move


def test_a_fixed_clock_needs_an_offset(connect: Callable[..., httpx.Client]) -> None:
    with pytest.raises(ValueError, match="now must have a UTC offset"):
        connect(now=datetime(2026, 6, 3))
    elsewhere = connect(now=datetime.fromisoformat("2026-06-03T15:19:06.370+02:00"))
    assert listed(elsewhere)[0]["startedAt"] == "2026-06-03T13:18:06.370000+00:00"


@pytest.mark.parametrize("now", ["2026-06-03T13:19:06.370000+00:00", "2026-06-03T00:00:59+00:00"])
@pytest.mark.parametrize("seed", range(3))
def test_times_of_a_conversation_are_plausible(
    connect: Callable[..., httpx.Client], seed: int, now: str
) -> None:
    """Function calls lie between the words of the user and of the agent in their turn."""
    client = connect(seed=seed, now=datetime.fromisoformat(now))
    calls = 0
    for detail in details(client):
        times = [datetime.fromisoformat(detail["startedAt"])]
        for index, turn in enumerate(detail["turns"]):
            events = detail["functionEvents"].get(str(index), [])
            if turn["user_input"]:
                times.append(datetime.fromisoformat(turn["user_input_datetime"]))
            for event in events:
                times.append(parsedate_to_datetime(event["start_time"]))
                times.append(times[-1] + timedelta(milliseconds=event["duration"]))
                calls += 1
            times += [datetime.fromisoformat(turn["agent_response_datetime"])]
        times.append(datetime.fromisoformat(detail["finishedAt"]))
        assert times == sorted(times), detail["conversationId"]
    assert calls > 30


def test_no_conversations(connect: Callable[..., httpx.Client]) -> None:
    """An agent may have no conversations."""
    page = connect(conversations=0).get(CONVERSATIONS).json()
    assert page == {"conversations": [], "count": 0, "limit": 50, "offset": 0}
