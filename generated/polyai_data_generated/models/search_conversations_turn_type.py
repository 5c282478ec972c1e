# Written by `make generate`. Do not edit: the next run overwrites it.
from enum import StrEnum


class SearchConversationsTurnType(StrEnum):
    AGENT = "agent"
    USER = "user"

    def __str__(self) -> str:
        return str(self.value)
