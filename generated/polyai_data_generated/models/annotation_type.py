# Written by `make generate`. Do not edit: the next run overwrites it.
from enum import StrEnum


class AnnotationType(StrEnum):
    MISSING_TOPIC = "missing_topic"
    WRONG_INFO = "wrong_info"
    WRONG_TRANSCRIPT = "wrong_transcript"

    def __str__(self) -> str:
        return str(self.value)
