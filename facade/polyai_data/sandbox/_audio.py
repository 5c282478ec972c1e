"""Recordings: WAV files generated while they are sent, with one tone per speaker."""

import math
import struct
from collections.abc import Iterator
from functools import cache

SAMPLE_RATE = 8000  # samples per second, 2 bytes each
HEADER_BYTES = 44
MAX_BYTES = 2**32 + 7  # the 32-bit RIFF size does not count the first 8 bytes
_BYTES_PER_SECOND = SAMPLE_RATE * 2
_TONES = {"u": 330, "a": 440}  # in hertz


class Wav:
    """A recording of 8 kHz, 16-bit, mono PCM.

    Args:
        speakers: the speaker in each second: `u`(ser), `a`(gent) or `-` (silence).
        direction: `combined`, `user` or `agent`.
        redacted: whether to mute every other second of speech.
        total_bytes: the file size. If None, it follows from `speakers`; otherwise these repeat.
    """

    def __init__(
        self, speakers: str, direction: str, redacted: bool, total_bytes: int | None
    ) -> None:
        if direction != "combined":
            speakers = speakers.replace("a" if direction == "user" else "u", "-")
        if redacted:
            speakers = speakers.replace("uu", "u-").replace("aa", "a-")
        size = len(speakers) * _BYTES_PER_SECOND
        if total_bytes is not None:
            size = (total_bytes - HEADER_BYTES) // 2 * 2
        self._speakers = speakers
        self._header = struct.pack(
            *("<4sI4s4sIHHIIHH4sI", b"RIFF", HEADER_BYTES - 8 + size, b"WAVE", b"fmt ", 16),
            *(1, 1, SAMPLE_RATE, _BYTES_PER_SECOND, 2, 16, b"data", size),
        )
        self.size = HEADER_BYTES + size

    def chunks(self, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes from `start` to `end`, in chunks of one second or less."""
        if start < HEADER_BYTES:
            yield self._header[start:end]
            start = HEADER_BYTES
        while start < end:
            second, offset = divmod(start - HEADER_BYTES, _BYTES_PER_SECOND)
            speaker = self._speakers[second % len(self._speakers)]
            chunk = _one_second(speaker)[offset:][: end - start]
            yield chunk
            start += len(chunk)


@cache
def _one_second(speaker: str) -> bytes:
    """Return one second of audio. It fades in and out four times, so it repeats without clicks."""
    tone = _TONES.get(speaker)
    if tone is None:
        return bytes(_BYTES_PER_SECOND)
    angle = 2 * math.pi / SAMPLE_RATE
    samples = (
        round(6000 * (1 - math.cos(4 * angle * n)) * math.sin(tone * angle * n))
        for n in range(SAMPLE_RATE)
    )
    return struct.pack(f"<{SAMPLE_RATE}h", *samples)
