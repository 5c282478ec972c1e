"""Implements `polyai-data login` and `polyai-data logout`."""

import getpass

from polyai_data import DataClient, Region

from ._command import CommandError
from ._connect import resolve_region
from ._keys import CONVERSATIONS_API, DATA_API, Key, Keyring
from ._options import RegionOptions
from ._streams import input_stream, is_interactive
from ._terminal import Terminal

_NO_KEYRING_REMEDIES = {
    DATA_API: "Save the key in a file that only you can read and pass --api-key-file, or set "
    "POLYAI_API_KEY.",
    CONVERSATIONS_API: "Set POLYAI_CONVERSATIONS_API_KEY.",
}


def login(options: RegionOptions, *, searches: bool) -> None:
    """Save the key for a region in the keyring."""
    terminal = Terminal()
    region, api = _require_region(options), _api(searches=searches)
    if searches:
        region.server_url_for("search_conversations")  # raises if the region has no server for them
    key = _read_key(f"API key for {_purpose(region, api)}: ")
    with DataClient(api_key=key.reveal(), region=region, base_url=region.base_url):
        pass  # sends nothing, but rejects an invalid key
    keyring = Keyring(api)
    if not keyring.store(region, key):
        raise CommandError(
            f"The system keyring could not save the key: {keyring.problem}.",
            _NO_KEYRING_REMEDIES[api],
            code=1,
        )
    terminal.info(f"Saved the key for {_purpose(region, api)} in the system keyring.")
    terminal.hint(f"To test it, run: polyai-data doctor --region {region.value}")


def logout(options: RegionOptions, *, searches: bool) -> None:
    """Delete the key for a region from the keyring."""
    terminal = Terminal()
    region, api = _require_region(options), _api(searches=searches)
    keyring = Keyring(api)
    if not keyring.delete(region):
        raise CommandError(
            f"The system keyring could not delete the key: {keyring.problem}.", code=1
        )
    terminal.info(f"No key for {_purpose(region, api)} is stored in the system keyring.")


def _api(*, searches: bool) -> str:
    return CONVERSATIONS_API if searches else DATA_API


def _purpose(region: Region, api: str) -> str:
    prefix = "searches in " if api == CONVERSATIONS_API else ""
    return f"{prefix}region {region.value}"


def _require_region(options: RegionOptions) -> Region:
    region = resolve_region(options)
    if region is None:
        raise CommandError(
            "Missing region: each API key belongs to one region.",
            "Add --region with the region in your Agent Studio URL. `polyai-data regions` lists "
            "all regions.",
        )
    return region


def _read_key(prompt: str) -> Key:
    if is_interactive():
        return Key("the prompt", getpass.getpass(prompt))
    return Key("stdin", input_stream().readline())
