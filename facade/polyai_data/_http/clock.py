"""The clock for deadlines."""

from __future__ import annotations

import time
from functools import partial

# As a partial, it stays real even if a user's test freezes the clock. Our tests replace it.
monotonic = partial(time.monotonic)


class Seconds(float):
    """A timeout that shrinks as the deadline comes closer."""

    end: float

    @property
    def left(self) -> float:
        return min(self, self.end - monotonic())
