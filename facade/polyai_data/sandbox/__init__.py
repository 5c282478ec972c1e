"""A sandbox: a server on this machine that speaks the Data API, with invented conversations.

For demonstrations and tests, without an account, a key or a network:

    from polyai_data.sandbox import serve

    with serve() as base_url:
        ...  # base_url answers as https://api.<region>.poly.ai would

The key is "sandbox" and the agent "PROJECT-DEMO". Notes, annotations and debug chats last as long
as the server runs. In a debug chat, a message with the word "bye" ends the chat, "slow" brings a
delayed reply, "person" a handoff. `python -m polyai_data.sandbox` serves it from the command line.
"""

try:
    import starlette  # noqa: F401
    import uvicorn  # noqa: F401
except ModuleNotFoundError as error:
    # With this name, `python -m` reports the error in one line instead of a traceback.
    raise ImportError(
        'the sandbox needs Starlette and uvicorn: pip install "polyai-data[sandbox]"',
        name=__name__,
    ) from error

from ._app import Received, create_app
from ._faults import Fault
from ._serve import serve

__all__ = ["Fault", "Received", "create_app", "serve"]
