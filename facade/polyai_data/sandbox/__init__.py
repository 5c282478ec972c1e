"""A local server that implements the Data API with made-up conversations.

Use it for demos and tests. It needs no account, API key or network:

    from polyai_data.sandbox import serve

    with serve() as base_url:
        ...  # base_url stands in for https://api.<region>.poly.ai

The API key is "sandbox" and the agent ID "PROJECT-DEMO". Notes, annotations and debug chats are
kept until the server stops. In a debug chat, the word "bye" ends the chat, "slow" triggers a
delayed reply and "person" a handoff. To run the sandbox from the command line, use
`python -m polyai_data.sandbox`.
"""

try:
    import starlette  # noqa: F401
    import uvicorn  # noqa: F401
except ModuleNotFoundError as _error:
    # Given a name, `python -m` prints the error in one line instead of a traceback.
    from polyai_data.cli._install import install_command

    raise ImportError(
        f"the sandbox needs Starlette and uvicorn: {install_command('sandbox')}", name=__name__
    ) from _error

from ._app import Received, SandboxOptions, create_app
from ._faults import Fault
from ._serve import serve

__all__ = ["Fault", "Received", "SandboxOptions", "create_app", "serve"]
