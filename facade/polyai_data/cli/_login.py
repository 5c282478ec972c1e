"""Implements `polyai-data login` and `polyai-data logout`."""

import getpass

from polyai_data import DataClient, Region

from ._command import CommandError
from ._connect import resolve_region
from ._keys import Key, Keyring
from ._options import RegionOptions
from ._streams import input_stream, is_interactive
from ._terminal import Terminal

_NO_KEYRING_REMEDY = (
    "Save the key in a file that only you can read and pass --api-key-file, or set POLYAI_API_KEY."
)


def login(options: RegionOptions) -> None:
    """Save the key for a region in the keyring."""
    terminal = Terminal()
    region = _require_region(options)
    key = _read_key(region)
    with DataClient(api_key=key.reveal(), region=region, base_url=region.base_url):
        pass  # sends nothing, but rejects an invalid key
    keyring = Keyring()
    if not keyring.store(region, key):
        raise CommandError(
            f"The system keyring could not save the key: {keyring.problem}.",
            _NO_KEYRING_REMEDY,
            code=1,
        )
    terminal.info(f"Saved the key for region {region.value} in the system keyring.")
    terminal.hint(f"To test it, run: polyai-data doctor --region {region.value}")


def logout(options: RegionOptions) -> None:
    """Delete the key for a region from the keyring."""
    terminal = Terminal()
    region = _require_region(options)
    keyring = Keyring()
    if not keyring.delete(region):
        raise CommandError(
            f"The system keyring could not delete the key: {keyring.problem}.", code=1
        )
    terminal.info(f"No key for region {region.value} is stored in the system keyring.")


def _require_region(options: RegionOptions) -> Region:
    region = resolve_region(options)
    if region is None:
        raise CommandError(
            "Missing region: each API key belongs to one region.",
            "Add --region with the region in your Agent Studio URL. `polyai-data regions` lists "
            "all regions.",
        )
    return region


def _read_key(region: Region) -> Key:
    if is_interactive():
        return Key("the prompt", getpass.getpass(f"API key for region {region.value}: "))
    return Key("stdin", input_stream().readline())
