"""The clock that deadlines go by."""

from __future__ import annotations

import time
from functools import partial

# In a partial, it is real even where a test of the user's freezes the clock. Our tests replace it.
monotonic = partial(time.monotonic)


class Seconds(float):
    """A timeout that shrinks as the deadline comes closer."""

    end: float

    @property
    def left(self) -> float:
        return min(self, self.end - monotonic())
