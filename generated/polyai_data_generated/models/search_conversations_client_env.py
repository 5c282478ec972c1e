# Written by `make generate`. Do not edit: the next run overwrites it.
from enum import StrEnum


class SearchConversationsClientEnv(StrEnum):
    LIVE = "live"
    PRE_RELEASE = "pre-release"
    SANDBOX = "sandbox"

    def __str__(self) -> str:
        return str(self.value)
