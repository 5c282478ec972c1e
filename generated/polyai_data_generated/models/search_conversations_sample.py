# Written by `make generate`. Do not edit: the next run overwrites it.
from enum import StrEnum


class SearchConversationsSample(StrEnum):
    RANDOM = "random"

    def __str__(self) -> str:
        return str(self.value)
