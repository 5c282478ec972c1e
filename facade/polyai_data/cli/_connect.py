"""From options, environment and keyring to a client, or to a message that gets one going."""

import os
import shlex
from dataclasses import dataclass
from typing import Any

from polyai_data import DataClient, Region, Retry, parse_studio_url

from . import _keys
from ._command import Refused
from ._options import Connection, Place
from ._terminal import Terminal

_LONG_PAUSE = 2.0
"""Seconds; a longer pause before a retry is told, so that nobody takes it for the end."""


_WHERE = {
    "key": """
  key      Made in Agent Studio, for one region each.
           export POLYAI_API_KEY=...   or --api-key-file FILE, or polyai-data login
""",
    "region": """
  region   The one in the address of your Agent Studio: us, eu or uk if that is
           studio.<region>.poly.ai, and studio if it is studio.poly.ai.
           export POLYAI_REGION=us     or --region us
""",
    "agent": """
  agent    Its ID stands in the same address: studio.us.poly.ai/<account>/<agent>/...
           export POLYAI_AGENT_ID=...  or --agent ID, or --studio-url ADDRESS for both
""",
}
_SANDBOX = """
No account? Try it with invented conversations, on this machine alone:

  pip install "polyai-data[sandbox]"
  polyai-data sandbox

and in another terminal

  export POLYAI_BASE_URL=http://127.0.0.1:8765 POLYAI_API_KEY=sandbox
  export POLYAI_AGENT_ID=PROJECT-DEMO
  polyai-data list
"""


def region_of(place: Place) -> Region | None:
    """Return the region that the options name, else the environment.

    Raises:
        ConfigurationError: if that is none.
    """
    if place.studio_url is not None:
        return parse_studio_url(place.studio_url)[0]
    name = place.region or _variable("POLYAI_REGION")
    return Region(name) if name else None


@dataclass(frozen=True)
class Setup:
    """What is known of how to reach the API.

    Attributes:
        region: The region, or None.
        base_url: An address that wins over the region's, or None.
        agent_id: The agent, or None.
        key: The key and where it comes from, or None.
        key_problem: What is wrong with where the key comes from, or might; empty if nothing.
    """

    region: Region | None
    base_url: str | None
    agent_id: str | None
    key: _keys.Key | None
    key_problem: str

    @classmethod
    def of(cls, connection: Connection) -> "Setup":
        """Return what the options say, else the environment, else the keyring.

        Raises:
            ConfigurationError: if the region, the URL or the key file is none.
            Refused: if two options contradict each other.
        """
        region = region_of(connection)
        key, problem = _find_key(connection, region)
        if connection.studio_url is not None:
            if connection.region or connection.agent or connection.base_url:
                raise Refused(
                    "--studio-url names the region and the agent already.",
                    "Leave out --region, --agent and --base-url.",
                )
            _, agent = parse_studio_url(connection.studio_url)
            return cls(region, None, agent, key, problem)
        base_url = connection.base_url or _variable("POLYAI_BASE_URL")
        agent_id = connection.agent or _variable("POLYAI_AGENT_ID")
        return cls(region, base_url, agent_id, key, problem)

    @property
    def address(self) -> str | None:
        """Where requests go; None as long as nothing says so."""
        return self.base_url or (self.region.base_url if self.region else None)

    @property
    def missing(self) -> list[str]:
        """What is missing, of `key`, `region` and `agent`."""
        found = {"key": self.key, "region": self.address, "agent": self.agent_id}
        return [name for name, value in found.items() if value is None]

    def client(self, terminal: Terminal, **options: Any) -> DataClient:
        """Return a client.

        Raises:
            Refused: if something is missing; the details say where to find it.
            ConfigurationError: if something is wrong.
        """
        if self.key is None or self.missing:
            raise _not_set_up(self)
        if self.key_problem:
            terminal.warn(self.key_problem)

        def tell(retry: Retry) -> None:
            if retry.delay > _LONG_PAUSE:
                cause = retry.cause.message
                terminal.hint(f"Trying again in {retry.delay:.0f} s, since this failed: {cause}")

        return DataClient(
            api_key=self.key.reveal(),
            region=self.region,
            base_url=self.address,  # settled, so that the environment is not asked again
            agent_id=self.agent_id,
            on_retry=tell,
            **options,
        )

    def studio_link(self, account_id: Any, project_id: Any, conversation_id: Any) -> str | None:
        """Return the address of a conversation in Agent Studio; None where that is not known."""
        from urllib.parse import quote

        parts = (account_id, project_id, conversation_id)
        if self.region is None or self.base_url or not all(isinstance(p, str) and p for p in parts):
            return None
        account, project, name = (quote(part, safe="") for part in parts)
        return f"{self.region.studio_url}/{account}/{project}/conversations/{name}"


def _not_set_up(setup: Setup) -> Refused:
    missing = setup.missing
    named = " and ".join(f"no {name}" for name in missing).replace(" and ", ", ", len(missing) - 2)
    details = "".join(_WHERE[name] for name in missing)
    if "key" in missing:
        if setup.key_problem:
            details += f"\n{setup.key_problem}\n"
        details += _SANDBOX
    return Refused(f"{named}: nothing says how to reach your conversations.", details=details)


def _find_key(connection: Connection, region: Region | None) -> tuple[_keys.Key | None, str]:
    """Return the key, and what is wrong with where it comes from or might."""
    if connection.api_key_file is not None:
        key = _keys.from_file(connection.api_key_file)
        is_open = _keys.may_be_read_by_others(connection.api_key_file)
        name = str(connection.api_key_file)
        return key, f"Others may read {name}: chmod 600 {shlex.quote(name)}" if is_open else ""
    found = _keys.from_environment(region)
    if found is not None or region is None:
        return found, ""
    keyring = _keys.Keyring()
    found = keyring.find(region)
    problem = keyring.problem and f"The system's keyring could not be asked: {keyring.problem}."
    return found, problem


def _variable(name: str) -> str | None:
    return os.environ.get(name, "").strip() or None
