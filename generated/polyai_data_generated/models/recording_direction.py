# Written by `make generate`. Do not edit: the next run overwrites it.
from enum import StrEnum


class RecordingDirection(StrEnum):
    AGENT = "agent"
    COMBINED = "combined"
    USER = "user"

    def __str__(self) -> str:
        return str(self.value)
