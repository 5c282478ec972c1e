"""Recordings: WAV files made while they are sent, a tone for each speaker."""

import math
import struct
from collections.abc import Iterator
from functools import cache

RATE = 8000  # samples a second, each of 2 bytes
HEADER_BYTES = 44
MAX_BYTES = 2**32 + 7  # the RIFF size field counts all but the first 8 bytes, in 32 bits
_SECOND = RATE * 2
_HERTZ = {"u": 330, "a": 440}


class Wav:
    """A recording of 8 kHz, 16-bit, mono PCM.

    Args:
        speech: who speaks in each second: `u`, `a` or `-`.
        direction: `combined`, `user` or `agent`.
        redacted: whether to mute every other second of what anybody says.
        total_bytes: the size to have instead of the natural one; the speech repeats to fill it.
    """

    def __init__(
        self, speech: str, direction: str, redacted: bool, total_bytes: int | None
    ) -> None:
        if direction != "combined":
            speech = speech.replace("a" if direction == "user" else "u", "-")
        if redacted:
            speech = speech.replace("uu", "u-").replace("aa", "a-")
        size = len(speech) * _SECOND
        if total_bytes is not None:
            size = (total_bytes - HEADER_BYTES) // 2 * 2
        self._speech = speech
        self._header = struct.pack(
            *("<4sI4s4sIHHIIHH4sI", b"RIFF", HEADER_BYTES - 8 + size, b"WAVE", b"fmt ", 16),
            *(1, 1, RATE, _SECOND, 2, 16, b"data", size),
        )
        self.size = HEADER_BYTES + size

    def chunks(self, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes from one place to another, in chunks of at most one second."""
        if start < HEADER_BYTES:
            yield self._header[start:end]
            start = HEADER_BYTES
        while start < end:
            second, offset = divmod(start - HEADER_BYTES, _SECOND)
            chunk = _second(self._speech[second % len(self._speech)])[offset:][: end - start]
            yield chunk
            start += len(chunk)


@cache
def _second(speaker: str) -> bytes:
    """One second that can be repeated without a click: it swells and fades four times."""
    hertz = _HERTZ.get(speaker)
    if hertz is None:
        return bytes(_SECOND)
    turn = 2 * math.pi / RATE
    samples = (
        round(6000 * (1 - math.cos(4 * turn * n)) * math.sin(hertz * turn * n)) for n in range(RATE)
    )
    return struct.pack(f"<{RATE}h", *samples)
