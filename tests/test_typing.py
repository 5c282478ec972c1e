"""The types as a user's type checker sees them: no fault, and no sentinel."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import attrs
import polyai_data
import pytest
from attrs import frozen

SAMPLE = Path(__file__).parent / "consumer_sample.py"
TOOLS: dict[str, list[str]] = {
    # Without this project's own configuration, as at a user's.
    "mypy": ["-m", "mypy", "--strict", "--config-file="],
    "pyright": ["-m", "pyright", "--pythonpath", sys.executable],
}


MISTAKES = [
    "client.get_conversation(5)",
    "client.get_conversation('CA1', timeout=5)",
    "client.resume_chat('AS_CHAT_1')",
    "client.get_conversation('CA1').nothing",
    "client.get_conversation('CA1').started_at.year",
    "client.add_annotations('CA1', ['wrong_info'])",
    "client.set_note('CA1', None)",
    "client.start_chat()",
    "client.start_chat('live').send(5)",
    "client.with_options(region='us')",
    "client.start_chat('live', attributes='x')",
    "client.list_conversations(50)",
    "client.list_conversations(since='7d')",
    "client.search_conversations(environment='prod')",
    "client.search_conversations(None)",
    "client.download_recording('CA1', 'x.wav', direction='both')",
    "client.open_recording('CA1').read()",
    "polyai_data.Annotation(turn=0, role='agentt', type='wrong_info')",
    "polyai_data.Annotation(turn=0, role='agent', type='wrong')",
    "DataClient('key')",
    "DataClient(transport=5)",
    "polyai_data.no_such_name",
]


@frozen
class Checked:
    """What a type checker says.

    Attributes:
        code: Its exit code.
        output: Its output.
        first: The number of the line with the first mistake.
        fields: The number of fields whose type it was asked for.
    """

    code: int
    output: str
    first: int
    fields: int


@pytest.fixture(scope="module", params=TOOLS)
def checked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Checked:
    """A user's code and a user's mistakes, checked in one run, which is slow."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "sample.py").write_text(SAMPLE.read_text())
    reveal: list[str] = []
    for name in polyai_data.__all__:
        kind = getattr(polyai_data, name)
        if isinstance(kind, type) and attrs.has(kind):
            of = "[int]" if hasattr(kind, "__parameters__") else ""
            reveal.append(f"def _{name}(x: polyai_data.{name}{of}) -> None:")
            reveal += [f"    reveal_type(x.{field.name})" for field in attrs.fields(kind)]
    lines = ["import polyai_data", "from polyai_data import DataClient", "client = DataClient()"]
    (folder / "mistakes.py").write_text("\n".join([*lines, *MISTAKES, *reveal]))
    done = subprocess.run(
        [sys.executable, *TOOLS[request.param], "sample.py", "mistakes.py"],
        cwd=folder,
        env={**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    fields = sum("reveal_type" in line for line in reveal)
    return Checked(done.returncode, done.stdout + done.stderr, len(lines) + 1, fields)


def test_a_users_code_is_clean(checked: Checked) -> None:
    assert "sample.py" not in checked.output


def test_a_users_mistakes_are_found_and_no_field_has_a_sentinel(checked: Checked) -> None:
    output = checked.output
    assert checked.code == 1
    for number, mistake in enumerate(MISTAKES, start=checked.first):
        assert f"mistakes.py:{number}:" in output, mistake
    assert output.count(" error: ") == len(MISTAKES), output
    assert checked.fields > 100
    assert output.count("Revealed type is") + output.count("information: Type of") == checked.fields
    assert "Unset" not in output
    assert "Unknown" not in output
