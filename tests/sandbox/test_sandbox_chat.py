"""Debug chats: responses, endings and the resulting conversations."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

AGENT = "/v1/agents/PROJECT-DEMO"
START: dict[str, Any] = {"clientEnv": "sandbox"}


def start(client: httpx.Client, **more: Any) -> Any:
    """Start a chat and return the body of the response."""
    response = client.post(f"{AGENT}/debug-chat", json=START | more)
    assert response.status_code == 201
    return response.json()


def send(client: httpx.Client, chat: Any, message: str, **more: Any) -> Any:
    """Send a message and return the body of the response."""
    body = START | more | {"message": message}
    response = client.post(f"{AGENT}/debug-chat/{chat['conversationId']}", json=body)
    assert response.status_code == 200
    return response.json()


def test_greeting(api: httpx.Client) -> None:
    """A chat starts with a greeting."""
    chat = start(api)
    assert chat.pop("conversationId").startswith("AS_CHAT_")
    assert chat == {
        "userInput": "",
        "response": "Hello, this is the Larkspur Hotel. How can I help?",
        "metadata": {
            "state": {},
            "currentNode": "greeting",
            "nodeTrace": ["greeting"],
            "metrics": {"TURNS": [{"timestamp": "2026-06-03T13:19:06.370000", "value": "1"}]},
            "functionEvents": [],
        },
        "conversationEnded": False,
        "delayedResponse": False,
    }


@pytest.mark.parametrize("environment", ["prod", "", "Live"])
def test_an_unknown_environment_is_rejected(api: httpx.Client, environment: str) -> None:
    """An environment is one of three."""
    response = api.post(f"{AGENT}/debug-chat", json={"clientEnv": environment})
    assert response.status_code == 400
    message = "clientEnv: must be one of sandbox, pre-release, live"
    assert response.json()["error_message"] == message


def test_chats_have_the_current_time(connect: Callable[..., httpx.Client]) -> None:
    """With the default clock, a chat starts now."""
    client = connect(now=None)
    before = datetime.now(UTC)
    chat = start(client)
    send(client, chat, "Hi")
    found = client.get(f"{AGENT}/conversations/{chat['conversationId']}").json()
    times = [found["startedAt"], *(turn["agent_response_datetime"] for turn in found["turns"])]
    assert before <= datetime.fromisoformat(times[0]) <= datetime.now(UTC)
    assert times == sorted(times)
    assert found["duration"] >= 7


def test_chats_with_a_fixed_clock(api: httpx.Client) -> None:
    """With a fixed clock, a chat has the same times in every run."""
    chats = [start(api), start(api)]
    send(api, chats[0], "Hi")
    found = [api.get(f"{AGENT}/conversations/{chat['conversationId']}").json() for chat in chats]
    assert [one["startedAt"][11:19] for one in found] == ["13:19:06", "13:20:06"]
    assert [one["duration"] for one in found] == [14, 7]


def test_greeting_by_name(api: httpx.Client) -> None:
    """The greeting uses the attribute `name` and the requested language."""
    attributes = {"name": "Ada {x}", "vip": True}
    chat = start(api, integrationAttributes=attributes, ttsLangCode="fr-FR")
    assert chat["response"].startswith("Bonjour Ada {x}, ")
    assert chat["metadata"]["state"] == attributes
    assert start(api, integrationAttributes={"name": 5})["response"].startswith("Hello, ")
    assert start(api, asrLangCode="de-AT")["response"].startswith("Hallo, ")
    assert start(api, asrLangCode="xx")["response"].startswith("Hello, ")


def test_topics(api: httpx.Client) -> None:
    """Keywords select the response, and its topics are listed."""
    reply = send(api, start(api), "Can my DOG have breakfast?")
    assert reply["userInput"] == "Can my DOG have breakfast?"
    assert reply["response"].startswith("Breakfast is from seven")
    metadata = reply["metadata"]
    assert metadata["retrievedTopics"] == ["Breakfast", "Pets"]
    assert metadata["citedTopic"] == "Breakfast"
    assert metadata["nodeTrace"] == ["greeting", "answer"]
    assert not reply["conversationEnded"]
    assert not reply["delayedResponse"]


def test_no_topic(api: httpx.Client) -> None:
    """Without matching topics, the agent says so. It asks back if the message is empty."""
    chat = start(api)
    reply = send(api, chat, "quantum chromodynamics")
    assert "don't know" in reply["response"]
    assert not {"retrievedTopics", "citedTopic"} & reply["metadata"].keys()
    assert send(api, chat, " ")["response"] == "Are you there?"
    url = f"{AGENT}/debug-chat/{chat['conversationId']}"
    assert api.post(url, json=START).json()["userInput"] == ""


def test_handoff(api: httpx.Client) -> None:
    """Asking for a person triggers a handoff."""
    reply = send(api, start(api), "a person please")
    assert reply["metadata"]["handoffDestination"] == "front-desk"


def test_delayed(api: httpx.Client) -> None:
    """A "slow" message gets a delayed response without metrics and function events."""
    chat = start(api)
    reply = send(api, chat, "Something slow")
    assert reply["delayedResponse"] is True
    assert not {"metrics", "functionEvents"} & reply["metadata"].keys()
    assert send(api, chat, "parking?")["delayedResponse"] is False


@pytest.mark.parametrize("message", ["bye", "Thanks, bye!", "GOODBYE"])
def test_end(api: httpx.Client, message: str) -> None:
    """A goodbye ends the chat. Later messages get a 410."""
    chat = start(api)
    assert not send(api, chat, "maybe, bylaws")["conversationEnded"]
    assert send(api, chat, message)["conversationEnded"] is True
    response = api.post(f"{AGENT}/debug-chat/{chat['conversationId']}", json=START)
    assert (response.status_code, response.json()["error_code"]) == (410, "ChatConversationEnded")


def test_languages(api: httpx.Client) -> None:
    """The languages of the chat apply unless a message overrides them for its own turn."""
    chat = start(api, asrLangCode="en-US", ttsLangCode="en-GB")
    codes = [
        {name: each["metadata"][name] for name in ("asrLangCode", "ttsLangCode")}
        for each in (chat, send(api, chat, "hi", asrLangCode="fr-FR"), send(api, chat, "hi"))
    ]
    default = {"asrLangCode": "en-US", "ttsLangCode": "en-GB"}
    assert codes == [default, default | {"asrLangCode": "fr-FR"}, default]
    turns = api.get(f"{AGENT}/conversations/{chat['conversationId']}").json()["turns"]
    assert [turn["asr_lang_code"] for turn in turns] == ["en-US", "fr-FR", "en-US"]


def test_becomes_conversation(api: httpx.Client) -> None:
    """A chat is listed first. It can be read and annotated and given a note like any other."""
    before = api.get(f"{AGENT}/conversations", params={"limit": 200}).json()
    first = start(api)
    chat = start(
        *(api,), conversationId="mine", variantId="Spa", channel="chat.test", asrLangCode="en-US"
    )
    send(api, chat, "hello")
    page = api.get(f"{AGENT}/conversations", params={"limit": 202}).json()
    assert page["count"] == before["count"] + 2
    ids = [one["conversationId"] for one in page["conversations"]]
    assert ids[:2] == ["mine", first["conversationId"]]
    assert page["conversations"][2:] == before["conversations"]
    pages = [
        api.get(f"{AGENT}/conversations", params={"limit": 2, "offset": offset}).json()
        for offset in (0, 1, 2)
    ]
    assert [one["conversationId"] for one in pages[1]["conversations"]] == ids[1:3]
    assert pages[2]["conversations"] == before["conversations"][:2]

    url = f"{AGENT}/conversations/mine"
    assert api.post(f"{url}/note", json={"note": "n"}).status_code == 201
    annotation = {"turnId": 1, "role": "user", "annotationType": "missing_topic"}
    assert api.post(f"{url}/annotation", json={"annotations": [annotation]}).status_code == 201
    api.get(url)
    detail = api.get(url).json()
    assert (
        detail.items()
        >= {
            "variantId": "Spa",
            "channel": "chat.test",
            "language": "en-US",
            "clientEnv": "sandbox",
            "projectId": "PROJECT-DEMO",
            "note": "n",
            "inProgress": True,
            "audioUrl": None,
            "duration": 14,
            "metrics": {},
            "functionEvents": {},
        }.items()
    )
    assert detail.keys() == before["conversations"][0].keys() | {
        *("turns", "metrics", "functionEvents")
    }
    assert [turn["user_input"] for turn in detail["turns"]] == ["", "hello"]
    assert [len(turn["reviews"]) for turn in detail["turns"]] == [0, 1]
    assert before["conversations"][0]["startedAt"] < page["conversations"][1]["startedAt"]
    assert page["conversations"][1]["startedAt"] < detail["startedAt"]
    assert api.get(f"{url}/audio").json()["error_code"] == "CONVERSATIONS_RECORDING_NOT_FOUND"
    send(api, chat, "bye")
    assert api.get(url).json()["inProgress"] is False


def test_turns_like_those_of_calls(api: httpx.Client) -> None:
    """The turns of chats and calls have the same fields."""
    chat = start(api)
    page = api.get(f"{AGENT}/conversations").json()["conversations"]
    turns = [
        api.get(f"{AGENT}/conversations/{one['conversationId']}").json()["turns"][0]
        for one in page[:2]
    ]
    assert page[0]["conversationId"] == chat["conversationId"]
    assert turns[0].keys() == turns[1].keys()


def test_start_again(api: httpx.Client) -> None:
    """Starting a chat with the ID of an earlier one deletes that, its note and its annotations."""
    chat = start(api, conversationId="mine")
    send(api, chat, "bye")
    url = f"{AGENT}/conversations/mine"
    annotation = {"turnId": 1, "role": "user", "annotationType": "missing_topic"}
    api.post(f"{url}/annotation", json={"annotations": [annotation]})
    api.post(f"{url}/note", json={"note": "n"})
    start(api)
    start(api, conversationId="mine")
    detail = api.get(url).json()
    assert (len(detail["turns"]), detail["note"]) == (1, None)
    page = api.get(f"{AGENT}/conversations").json()
    assert (page["count"], page["conversations"][0]["conversationId"]) == (202, "mine")


def test_taken_id(api: httpx.Client) -> None:
    """The ID of a generated conversation is refused; for an empty ID, the sandbox picks one."""
    taken = api.get(f"{AGENT}/conversations").json()["conversations"][0]["conversationId"]
    response = api.post(f"{AGENT}/debug-chat", json=START | {"conversationId": taken})
    assert response.status_code == 400
    assert response.json()["error_code"] == "CONVERSATIONS_VALIDATION_FAILED"
    assert start(api, conversationId="")["conversationId"].startswith("AS_CHAT_")


def test_generated_chat_has_ended(api: httpx.Client) -> None:
    """Generated chats accept no messages."""
    found = api.get(f"{AGENT}/conversations").json()["conversations"][2]["conversationId"]
    response = api.post(f"{AGENT}/debug-chat/{found}", json=START)
    assert (response.status_code, response.json()["error_code"]) == (404, "CONVERSATIONS_NOT_FOUND")


def test_same_seed_same_chat(connect: Callable[..., httpx.Client]) -> None:
    """Chats depend only on the seed and the messages."""

    def talk(seed: int) -> list[Any]:
        client = connect(seed=seed)
        chat = start(client)
        return [chat, send(client, chat, "dog"), start(client)]

    assert talk(1) == talk(1)
    assert talk(1) != talk(2)
