"""Prints the functions of this project that one get_conversation goes through, in order.

Counted with sys.setprofile, on a client that has made a call before. The standard library and
dependencies are left out. Python 3.11 also counts comprehensions, which later versions inline.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import polyai_data
import polyai_data_generated
from attrs import frozen
from polyai_data import DataClient
from polyai_data.sandbox import serve

PACKAGES = [Path(str(package.__file__)).parent for package in (polyai_data, polyai_data_generated)]


@frozen
class Step:
    """A call of a function.

    Attributes:
        function: The function's qualified name.
        file: Its file, from the package on.
        line: The line of its definition.
        depth: How many functions of this project it is called within.
    """

    function: str
    file: str
    line: int
    depth: int


class Recorder:
    """Records the calls of this project's functions while its block runs."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._depth = 0
        self._files: dict[CodeType, str | None] = {}

    def __enter__(self) -> Recorder:
        sys.setprofile(self._record)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _record(self, frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        file = self._files.setdefault(code, _file_in_project(code))
        if file is None:
            return
        if event == "call":
            self.steps.append(Step(code.co_qualname, file, code.co_firstlineno, self._depth))
            self._depth += 1
        elif event == "return":
            self._depth -= 1


def _file_in_project(code: CodeType) -> str | None:
    """Return the file of a function of this project, from the package on, or None."""
    path = Path(code.co_filename)
    return next(
        (str(path.relative_to(root.parent)) for root in PACKAGES if path.is_relative_to(root)), None
    )


def record() -> list[Step]:
    """Return the calls that one get_conversation makes."""
    with (
        serve() as base_url,
        DataClient(api_key="sandbox", agent_id="PROJECT-DEMO", base_url=base_url) as client,
    ):
        conversation_id = next(iter(client.list_conversations())).conversation_id
        client.get_conversation(conversation_id)
        with Recorder() as recorder:
            client.get_conversation(conversation_id)
    return recorder.steps


def summary(steps: list[Step]) -> str:
    """Return how many functions were called, how often, and how often the file changed."""
    functions = {(step.function, step.file, step.line) for step in steps}
    changes = sum(one.file != other.file for one, other in itertools.pairwise(steps))
    return f"{len(functions)} functions, {len(steps)} calls, {changes} changes of file"


def main() -> None:
    """Print the calls, then how many there are."""
    steps = record()
    for step in steps:
        print(f"{'  ' * step.depth}{step.function}  {step.file}:{step.line}")
    print(summary(steps))


if __name__ == "__main__":
    main()
