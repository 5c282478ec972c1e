"""Files named after an ID from the server are written to the chosen directory only."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from polyai_data import DataClient, PolyAIError

if TYPE_CHECKING:
    from tests.conftest import Caller

WAV = b"RIFF" + bytes(range(256))
AUDIO = {"Content-Type": "audio/wav"}

ODD_IDS = {
    "a path to the parent": "../x",
    "a path far up": "../" * 40 + "etc/passwd",
    "a path from the root": "/etc/passwd",
    "a path of Windows": "..\\..\\x",
    "a drive": "C:\\x",
    "a share": "\\\\host\\share\\x",
    "three dots": "...",
    "a hidden file": ".bashrc",
    "the home directory": "~",
    "a variable": "$HOME",
    "a quoted slash": "..%2fx",
    "a quoted NUL": "a%00b",
    "a full-width slash": "..／x",
    "a device": "CON",
    "a device with an ending": "nul.txt",
    "a device with a number": "COM1",
    "a device with a superscript": "COM¹",
    "a stream": "a:b",
    "a wildcard": "*",
    "a redirection": "a>b|c",
    "a quotation mark": 'a"b',
    "an option": "-rf",
    "a dot at the end": "a.",
    "a space at the end": "a ",
    "spaces alone": "   ",
    "4,000 characters": "x" * 4000,
    "4,000 bytes in 1,000 characters": "\N{ELEPHANT}" * 1000,
    "an emoji": "call \N{ELEPHANT}",
    "a composed character": "caf\N{LATIN SMALL LETTER E WITH ACUTE}",
    "a decomposed character": "cafe\N{COMBINING ACUTE ACCENT}",
    "combining characters alone": "\N{COMBINING ACUTE ACCENT}" * 50,
    "text from right to left": "a\N{RIGHT-TO-LEFT OVERRIDE}vaw.exe",
    "a space of no width": "a\N{ZERO WIDTH SPACE}b",
    "a part": "CA1.wav.part",
    "another side": "CA1.user",
}

IMPOSSIBLE_IDS = {
    "nothing": "",
    "a dot": ".",
    "two dots": "..",
    "a NUL": "a\0b",
    "a line end": "CA1\n",
    "an escape": "a\x1b[2Jb",
    "a control character beyond ASCII": "a\x85b",
    "half a character": "a\ud800b",
}


class Server:
    """Responds with a recording, and with a list of conversations that have these IDs."""

    def __init__(self, *ids: Any) -> None:
        self.ids = ids
        self.recordings: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/audio"):
            self.recordings.append(str(request.url))
            return httpx.Response(200, content=WAV, headers=AUDIO)
        records = [{"conversationId": name} for name in self.ids]
        page = {"conversations": records, "count": len(records), "limit": 50, "offset": 0}
        return httpx.Response(200, json=page)


def everything(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*"))


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """A directory for recordings, deep enough to see what falls out of it."""
    directory = tmp_path / "a" / "b" / "calls"
    directory.mkdir(parents=True)
    return directory


def download(path: Path | str, name: str, **options: Any) -> Callable[[Any], Any]:
    return lambda client: client.download_recording(name, path, **options)


def listed(client: Any) -> Any:
    """Return the IDs that the server lists."""

    async def wait() -> list[str]:
        return [conversation.conversation_id async for conversation in client.list_conversations()]

    if isinstance(client, DataClient):
        return [conversation.conversation_id for conversation in client.list_conversations()]
    return wait()


@pytest.mark.parametrize("name", ODD_IDS.values(), ids=ODD_IDS)
def test_a_recording_lies_in_the_directory_whatever_its_id(
    call: Caller, calls: Path, tmp_path: Path, name: str
) -> None:
    server = Server(name)
    (given,) = call(server, listed)
    assert given == name
    path = call(server, download(calls, given))
    assert path.parent == calls
    assert path.resolve().parent == calls.resolve()
    assert everything(tmp_path) == ["a", "a/b", "a/b/calls", f"a/b/calls/{path.name}"]
    assert path.read_bytes() == WAV
    assert path.name.isascii()
    assert path.name.isprintable()
    assert len(f"{path.name}.12345678.part") < 255
    assert not set(path.name) & set('/\\:*?"<>|%~$ ')
    assert path.name.count(".") == 1
    assert not path.name.startswith((".", "-"))
    (url,) = server.recordings
    assert url.startswith("https://api.us.poly.ai/v1/agents/PROJECT-1/conversations/")
    assert url.count("/") == 8


@pytest.mark.parametrize("direction", ["combined", "user", "agent"])
def test_no_two_ids_share_a_file(call: Caller, calls: Path, direction: str) -> None:
    names = [*ODD_IDS.values(), "CA1", "CA1_user", "CA1_wav_part", "café "]
    names += ["ca1", "Ca1", "cA1", "as_chat_1", "AS_CHAT_1", "SM1", "sm1", "Sm1"]
    names += [call(Server(), download(calls.parent, name)).stem for name in ("../x", "SM1", "a b")]
    paths = [call(Server(), download(calls, name, direction=direction)) for name in names]
    assert len({path.name.lower() for path in paths}) == len(names)
    assert len(everything(calls)) == len(names)


@pytest.mark.parametrize("name", IMPOSSIBLE_IDS.values(), ids=IMPOSSIBLE_IDS)
def test_an_id_that_can_be_none_is_refused_before_anything_is_sent(
    call: Caller, calls: Path, tmp_path: Path, name: str
) -> None:
    server = Server()
    before = everything(tmp_path)
    for path in (calls, calls / "a.wav"):
        with pytest.raises(ValueError, match="conversation_id") as caught:
            call(server, download(path, name))
        assert str(caught.value).isprintable()
    assert (server.recordings, everything(tmp_path)) == ([], before)


@pytest.mark.parametrize("name", [None, 5, b"CA1", Path("CA1"), ["CA1"]], ids=repr)
def test_an_id_that_is_not_a_string_is_refused_before_anything_is_sent(
    call: Caller, calls: Path, name: Any
) -> None:
    server = Server()
    message = rf"^conversation_id must be a string, not {type(name).__name__}\.$"
    with pytest.raises(TypeError, match=message):
        call(server, download(calls, name))
    assert (server.recordings, everything(calls)) == ([], [])


def test_an_open_recording_is_saved_under_the_same_safe_name(call: Caller, calls: Path) -> None:
    def save(client: Any) -> Any:
        async def wait() -> Any:
            async with client.open_recording("../x") as recording:
                return await recording.save(calls)

        if not isinstance(client, DataClient):
            return wait()
        with client.open_recording("../x") as recording:
            return recording.save(calls)

    saved = call(Server(), save)
    assert saved == call(Server(), download(calls, "../x", overwrite=True))
    assert everything(calls) == [saved.name]


def test_what_the_server_says_of_a_files_name_is_not_heeded(call: Caller, calls: Path) -> None:
    headers = {**AUDIO, "Content-Disposition": 'attachment; filename="../evil.wav"'}
    answer = httpx.Response(200, content=WAV, headers=headers)
    assert call(lambda _: answer, download(calls, "CA1")) == calls / "CA1.wav"
    assert everything(calls.parent) == ["calls", "calls/CA1.wav"]


# --- Links ---------------------------------------------------------------------------------------


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    """A file elsewhere that nothing may write to."""
    file = tmp_path / "precious"
    file.write_bytes(b"mine")
    return file


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_link_under_the_temporary_name_is_neither_followed_nor_removed(
    call: Caller, calls: Path, precious: Path, monkeypatch: pytest.MonkeyPatch, overwrite: bool
) -> None:
    monkeypatch.setattr("os.urandom", bytes)
    (calls / "CA1.wav.00000000.part").symlink_to(precious)
    with pytest.raises(FileExistsError):
        call(Server(), download(calls, "CA1", overwrite=overwrite))
    assert everything(calls) == ["CA1.wav.00000000.part"]
    assert (calls / "CA1.wav.00000000.part").is_symlink()
    assert precious.read_bytes() == b"mine"


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_link_under_the_name_of_the_file_is_neither_replaced_nor_followed(
    call: Caller, calls: Path, precious: Path, overwrite: bool
) -> None:
    (calls / "CA1.wav").symlink_to(precious)
    server = Server()
    with pytest.raises(FileExistsError, match=r"CA1\.wav' is not a regular file, and is not repla"):
        call(server, download(calls, "CA1", overwrite=overwrite))
    assert (server.recordings, precious.read_bytes()) == ([], b"mine")
    assert os.path.samefile(calls / "CA1.wav", precious)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_dangling_link_makes_no_file_elsewhere(
    call: Caller, calls: Path, overwrite: bool
) -> None:
    (calls / "CA1.wav").symlink_to(calls.parent / "evil")
    with pytest.raises(FileExistsError, match=r"CA1\.wav' is not a regular file, and is not repla"):
        call(Server(), download(calls, "CA1", overwrite=overwrite))
    assert everything(calls.parent) == ["calls", "calls/CA1.wav"]
    assert (calls / "CA1.wav").is_symlink()


def test_a_failed_download_leaves_what_was_there(call: Caller, calls: Path) -> None:
    (calls / "CA1.wav").write_bytes(b"mine")
    with pytest.raises(PolyAIError):
        call(lambda _: httpx.Response(404), download(calls, "CA1", overwrite=True))
    assert everything(calls) == ["CA1.wav"]
    assert (calls / "CA1.wav").read_bytes() == b"mine"


@pytest.mark.parametrize(
    "name",
    [
        "CA22d437f4405070690f8906b76c8ea4ed",
        "KA-22d437f4405070690f8906b76c8ea4ed",
        "LOCAL-0e6f3b6e-9c1d-4a51-8a59-3f7d2f4f6d10",
        "AS_CHAT_0e6f3b6e-9c1d-4a51-8a59-3f7d2f4f6d10",
        "my_own-chat-5",
    ],
)
def test_an_id_as_the_api_writes_it_is_the_name_of_the_file(
    call: Caller, calls: Path, name: str
) -> None:
    assert call(Server(), download(calls, name)).name == f"{name}.wav"
