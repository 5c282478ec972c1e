# Written by `make generate`. Do not edit: the next run overwrites it.
from enum import StrEnum


class SearchConversationsQueryType(StrEnum):
    SEMANTIC = "semantic"
    TRANSCRIPT = "transcript"

    def __str__(self) -> str:
        return str(self.value)
