"""A local server that implements the Data API and the Conversations API v3, with made-up data.

Use it for demos and tests. It needs no account, API key or network:

    from polyai_data.sandbox import serve

    with serve() as sandbox:
        ...  # sandbox, a string, stands in for https://api.<region>.poly.ai

The API key is "sandbox" and the agent ID "PROJECT-DEMO". Searches, which the Conversations API v3
serves, need the key "sandbox-v3" and the account ID "ACCOUNT-DEMO". The newest conversation is a
minute old when the sandbox starts. While it runs, you can add faults, conversations and replies.
Notes, annotations and debug chats are kept until the server stops. In a debug chat, the word "bye"
ends the chat, "slow" triggers a delayed reply and "person" a handoff. To run the sandbox from the
command line, use `python -m polyai_data.sandbox`.
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
from ._faults import Fault, Faults
from ._running import Sandbox
from ._serve import serve

__all__ = ["Fault", "Faults", "Received", "Sandbox", "SandboxOptions", "create_app", "serve"]
