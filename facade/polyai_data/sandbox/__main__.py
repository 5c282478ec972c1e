"""The command `python -m polyai_data.sandbox`: serve until Ctrl-C."""

import argparse
import shlex
import sys
import time
from collections.abc import Sequence
from urllib.parse import quote

from . import serve

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_DAY = 86_400


def main(argv: Sequence[str] | None = None) -> int:
    """Serve the sandbox until Ctrl-C.

    Args:
        argv: the arguments; those of the process if None.

    Returns:
        The exit status: 0 after Ctrl-C, 1 if the address cannot be listened on.

    Raises:
        SystemExit: the arguments are wrong (status 2), or help was asked for (status 0).

    """
    parser = argparse.ArgumentParser(
        prog="python -m polyai_data.sandbox",
        description="Serve a sandbox of PolyAI's Data API, with invented conversations.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=8765, help="port to listen on; 0: a free one")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--key", default="sandbox", help="API key to accept")
    parser.add_argument("--agent", default="PROJECT-DEMO", help="ID of the agent")
    parser.add_argument("--conversations", type=int, default=200, help="how many there are")
    parser.add_argument("--seed", type=int, default=0, help="seed of the conversations")
    options = parser.parse_args(argv)
    try:
        with serve(
            host=options.host,
            port=options.port,
            api_key=options.key,
            agent_id=options.agent,
            conversations=options.conversations,
            seed=options.seed,
        ) as base_url:
            _print_welcome(base_url, options.host, options.key, options.agent)
            while True:  # in long sleeps, because Ctrl-C interrupts a sleep on every system
                time.sleep(_DAY)
    except KeyboardInterrupt:
        return 0
    except ValueError as error:
        parser.error(str(error))
    except OSError as error:
        reason = str(error.strerror).split(" (while")[0]  # Python repeats the address in it
        print(
            f"cannot listen on {options.host} port {options.port}: {reason} (try --port 0)",
            file=sys.stderr,
        )
        return 1


def _print_welcome(base_url: str, host: str, key: str, agent: str) -> None:
    url = f"{base_url}/v1/agents/{quote(agent, safe='')}/conversations?limit=2"
    if host not in _LOOPBACK:
        print(
            f"warning: {host} may be reached from other machines; the sandbox is not made for that",
            file=sys.stderr,
        )
    print(
        f"""The sandbox of the Data API is running. Its conversations are invented.

  base URL  {base_url}
  key       {key}
  agent     {agent}

Try it:

  export POLYAI_BASE_URL={base_url} POLYAI_API_KEY={shlex.quote(key)} \
POLYAI_AGENT_ID={shlex.quote(agent)}
  curl -H {shlex.quote(f"X-API-KEY: {key}")} {shlex.quote(url)}

Ctrl-C stops it.""",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
