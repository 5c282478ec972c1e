"""Resolves settings from options, environment and keyring, and creates the client."""

import os
import shlex
from dataclasses import dataclass
from typing import Any

from polyai_data import DataClient, Region, Retry, parse_studio_url

from . import _keys
from ._command import CommandError
from ._install import install_command
from ._options import ConnectionOptions, RegionOptions
from ._terminal import Terminal

_ANNOUNCE_DELAYS_OVER = 2.0
"""Seconds. Longer delays before a retry are announced, so that nobody thinks it has hung."""

_HOW_TO_SET = {
    "key": """
  key      Create one in Agent Studio. Each key belongs to one region.
           export POLYAI_API_KEY=...   or --api-key-file, or polyai-data login
""",
    "region": """
  region   us, eu or uk if your Agent Studio is at studio.<region>.poly.ai;
           studio if it is at studio.poly.ai.
           export POLYAI_REGION=us     or --region us
""",
    "agent": """
  agent    The agent ID in your Agent Studio URL:
           studio.us.poly.ai/<account>/<agent>/...
           export POLYAI_AGENT_ID=...  or --agent ID, or --studio-url for both
""",
}
_SANDBOX_HELP = """
No account? Try it with made-up conversations on your own machine:

  {install}
  polyai-data sandbox

and in another terminal:

  export POLYAI_BASE_URL=http://127.0.0.1:8765 POLYAI_API_KEY=sandbox
  export POLYAI_AGENT_ID=PROJECT-DEMO
  polyai-data list
"""


_SEARCH_SETTINGS = {
    "--region": "Pass us, eu or uk, or set POLYAI_REGION.",
    "--agent": "Pass the agent ID in your Agent Studio URL, or set POLYAI_AGENT_ID.",
    "--account": "Pass the account ID in your Agent Studio URL, or set POLYAI_ACCOUNT_ID.",
    "the API key": "Set POLYAI_CONVERSATIONS_API_KEY, or run `polyai-data login --searches`. "
    "PolyAI issues keys for the Conversations API v3 on request.",
}


def resolve_region(options: RegionOptions) -> Region | None:
    """Return the region from the options or the environment, or None.

    Raises:
        ConfigurationError: if the region or the Studio URL is invalid.
    """
    if options.studio_url is not None:
        return parse_studio_url(options.studio_url)[0]
    name = options.region or _environment("POLYAI_REGION")
    return Region(name) if name else None


@dataclass(frozen=True)
class ResolvedSettings:
    """The settings that a client needs, as far as they are set.

    Attributes:
        region: The region, or None.
        base_url: An API URL that overrides the region's, or None.
        agent_id: The agent ID, or None.
        key: The API key and its source, or None.
        key_problem: A problem with the key file or the keyring; empty if there is none.
        ignored: Which environment variable is ignored, and why; empty if none is.
        account_id: The account ID, which only searches need, or None.
    """

    region: Region | None
    base_url: str | None
    agent_id: str | None
    key: _keys.Key | None
    key_problem: str
    ignored: str = ""
    account_id: str | None = None

    @classmethod
    def from_options(cls, connection: ConnectionOptions) -> "ResolvedSettings":
        """Take each setting from the options, the environment or the keyring, in this order.

        Raises:
            ConfigurationError: if a setting is invalid or the key file cannot be read.
            CommandError: if options conflict.
        """
        region = resolve_region(connection)
        key, problem = _find_key(connection, region)
        if connection.studio_url and (connection.region or connection.agent or connection.base_url):
            raise CommandError(
                "--studio-url already sets the region and the agent.",
                "Remove --region, --agent and --base-url.",
            )
        base_url, ignored = _find_base_url(connection)
        agent_id = connection.agent or _environment("POLYAI_AGENT_ID")
        account_id = _environment("POLYAI_ACCOUNT_ID")
        if connection.studio_url is not None:
            _, account_id, agent_id = parse_studio_url(connection.studio_url)
        account_id = getattr(connection, "account", None) or account_id
        return cls(region, base_url, agent_id, key, problem, ignored, account_id)

    @property
    def address(self) -> str | None:
        """The API URL that requests go to, or None."""
        return self.base_url or (self.region.base_url if self.region else None)

    @property
    def missing(self) -> list[str]:
        """The names of the missing settings: any of `key`, `region` and `agent`."""
        found = {"key": self.key, "region": self.address, "agent": self.agent_id}
        return [name for name, value in found.items() if value is None]

    def client(self, terminal: Terminal, **options: Any) -> DataClient:
        """Return a client.

        Raises:
            CommandError: if a setting is missing; the details say how to set it.
            ConfigurationError: if a setting is invalid.
        """
        if self.key is None or self.missing:
            raise _missing_settings(self)
        if self.key_problem:
            terminal.warning(self.key_problem)
        return self._client(terminal, self.key, **options)

    def search_client(self, terminal: Terminal, **options: Any) -> DataClient:
        """Return a client for searches, which have a key of their own.

        Raises:
            CommandError: if a setting is missing.
            ConfigurationError: if a setting is invalid.
        """
        found = {
            "--region": self.address,
            "--agent": self.agent_id,
            "--account": self.account_id,
            "the API key": (key := _keys.for_searches(self.region)),
        }
        for name, value in found.items():
            if value is None:
                raise CommandError(f"Missing {name}.", _SEARCH_SETTINGS[name])
        return self._client(terminal, conversations_api_key=key, **options)

    def _client(
        self,
        terminal: Terminal,
        api_key: _keys.Key | None = None,
        conversations_api_key: _keys.Key | None = None,
        **options: Any,
    ) -> DataClient:
        if self.ignored:
            terminal.hint(self.ignored)

        def announce(retry: Retry) -> None:
            if retry.delay > _ANNOUNCE_DELAYS_OVER:
                terminal.hint(f"Retrying in {retry.delay:.0f} s after: {retry.cause.message}")

        return DataClient(
            # Not in variables, which a traceback would show.
            api_key=_keys.reveal(api_key),
            conversations_api_key=_keys.reveal(conversations_api_key),
            region=self.region,
            base_url=self.address,  # resolved, so that the client ignores the environment
            agent_id=self.agent_id,
            account_id=self.account_id,
            on_retry=announce,
            **options,
        )

    def studio_link(self, account_id: Any, project_id: Any, conversation_id: Any) -> str | None:
        """Return the Agent Studio URL of a conversation, or None if it is not known."""
        from urllib.parse import quote

        parts = (account_id, project_id, conversation_id)
        if self.region is None or self.base_url or not all(isinstance(p, str) and p for p in parts):
            return None
        account, project, name = (quote(part, safe="") for part in parts)
        return f"{self.region.studio_url}/{account}/{project}/conversations/{name}"


def _missing_settings(settings: ResolvedSettings) -> CommandError:
    names = ["API key" if name == "key" else name for name in settings.missing]
    listed = " and ".join(names).replace(" and ", ", ", len(names) - 2)
    details = "".join(_HOW_TO_SET[name] for name in settings.missing)
    if settings.key is None:
        if settings.key_problem:
            details += f"\n{settings.key_problem}\n"
        details += _SANDBOX_HELP.format(install=install_command("sandbox"))
    return CommandError(f"Missing {listed}.", details=details)


def _find_base_url(connection: ConnectionOptions) -> tuple[str | None, str]:
    """Return the base URL, and whether the variable for it is ignored.

    Options override the environment, and a region chooses the server, too.
    """
    if connection.base_url:
        return connection.base_url, ""
    base_url = _environment("POLYAI_BASE_URL")
    option = "--studio-url" if connection.studio_url else "--region" if connection.region else None
    if base_url and option:
        return None, f"POLYAI_BASE_URL is ignored, because of {option}."
    return base_url, ""


def _find_key(connection: ConnectionOptions, region: Region | None) -> tuple[_keys.Key | None, str]:
    """Return the key, and a problem with the key file or the keyring."""
    if connection.api_key_file is not None:
        key = _keys.from_file(connection.api_key_file)
        if not _keys.is_readable_by_others(connection.api_key_file):
            return key, ""
        name = str(connection.api_key_file)
        return key, f"Other users can read {name}. To fix this: chmod 600 {shlex.quote(name)}"
    found = _keys.from_environment(region)
    if found is not None or region is None:
        return found, ""
    keyring = _keys.Keyring()
    found = keyring.find(region)
    problem = keyring.problem and f"Could not read the system keyring: {keyring.problem}."
    return found, problem


def _environment(name: str) -> str | None:
    return os.environ.get(name, "").strip() or None
