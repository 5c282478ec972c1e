"""The command `python -m polyai_data.sandbox`."""

import argparse
import re
import shlex
import sys
import time
from collections.abc import Sequence
from typing import NoReturn
from urllib.parse import quote

from polyai_data.testing._data import ACCOUNT_ID

from . import serve
from ._app import CONVERSATIONS_KEY

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_DAY = 86_400


def main(argv: Sequence[str] | None = None) -> int:
    """Serve the sandbox until Ctrl-C.

    Args:
        argv: the arguments. If None, `sys.argv[1:]`.

    Returns:
        The exit code: 0 after Ctrl-C, 1 if the server cannot listen on the address.

    Raises:
        SystemExit: the arguments are invalid (code 2), or `--help` was given (code 0).

    """
    parser = _Parser(
        prog="python -m polyai_data.sandbox",
        description="Run a local server of PolyAI's Data API with made-up conversations.",
        allow_abbrev=False,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--port", type=int, default=8765, help="port to listen on; 0 picks a free port"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--key", default="sandbox", help="API key to accept")
    parser.add_argument("--agent", default="PROJECT-DEMO", help="ID of the agent")
    parser.add_argument("--conversations", type=int, default=200, help="number of conversations")
    parser.add_argument("--seed", type=int, default=0, help="seed for generating the conversations")
    options = parser.parse_args(argv)
    try:
        return run(**vars(options))
    except ValueError as error:
        parser.error(str(error))


def run(*, host: str, port: int, key: str, agent: str, conversations: int, seed: int) -> int:
    """Serve the sandbox until Ctrl-C, and return the exit code of the command.

    Raises:
        ValueError: an option is out of range.
    """
    try:
        with serve(
            host=host,
            port=port,
            api_key=key,
            agent_id=agent,
            conversations=conversations,
            seed=seed,
        ) as base_url:
            _print_welcome(base_url, host, key, agent)
            while True:  # sleep, since not every platform can interrupt the wait for a lock
                time.sleep(_DAY)
    except KeyboardInterrupt:
        return 0
    except OSError as error:
        reason = str(error.strerror).split(" (while")[0]  # Python appends the address
        print(
            f"error: cannot listen on {host} port {port}: {reason}. Try --port 0.",
            file=sys.stderr,
        )
        return 1


class _Parser(argparse.ArgumentParser):
    """A parser that does not repeat what was typed in the wrong place: it may be a real key."""

    def error(self, message: str) -> NoReturn:
        super().error(re.sub(r"(unrecognized arguments|invalid int value): .*", r"\1", message))


def _print_welcome(base_url: str, host: str, key: str, agent: str) -> None:
    url = f"{base_url}/v1/agents/{quote(agent, safe='')}/conversations?limit=2"
    if host not in _LOOPBACK:
        print(
            f"warning: {host} may be reachable from other machines; "
            "the sandbox is for local use only",
            file=sys.stderr,
        )
    print(
        f"""The sandbox is running. All conversations are made up.

  base URL  {base_url}
  API key   {key}
  agent ID  {agent}

Searches use account ID {ACCOUNT_ID} and API key {CONVERSATIONS_KEY}.

Try it:

  export POLYAI_BASE_URL={base_url} POLYAI_API_KEY={shlex.quote(key)} \
POLYAI_AGENT_ID={shlex.quote(agent)} POLYAI_ACCOUNT_ID={ACCOUNT_ID} \
POLYAI_CONVERSATIONS_API_KEY={CONVERSATIONS_KEY}
  curl -H {shlex.quote(f"X-API-KEY: {key}")} {shlex.quote(url)}

Ctrl-C to stop.""",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
