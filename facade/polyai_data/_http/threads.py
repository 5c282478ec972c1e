"""Calls in threads of their own, which start even while the program is ending."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from contextvars import copy_context
from typing import Any

from ..errors import PolyAIError

SHUTTING_DOWN = "The interpreter is shutting down, and starts no more threads."


class ThreadCall(Future[Any]):
    """A call in a thread, in a copy of this context.

    Raises:
        PolyAIError: if the interpreter is shutting down, and starts no more threads.
    """

    def __init__(self, call: Callable[..., Any], *arguments: Any, name: str) -> None:
        super().__init__()
        self.set_running_or_notify_cancel()  # it cannot be cancelled
        self._thread = threading.Thread(
            target=copy_context().run,
            args=(self._run, call, arguments),
            name=f"polyai-data-{name}",
            daemon=True,
        )
        try:
            self._thread.start()
        except RuntimeError:
            raise PolyAIError(SHUTTING_DOWN) from None

    def _run(self, call: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        try:
            self.set_result(call(*arguments))
        except BaseException as error:
            self.set_exception(error)

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def join(self) -> None:
        """Wait until the thread has ended, unless it is this one, or the interpreter is ending.

        An ending interpreter stops daemon threads. Python 3.13 would wait for them forever.
        """
        if not sys.is_finalizing():
            with suppress(RuntimeError):
                self._thread.join()
