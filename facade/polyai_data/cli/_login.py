"""`polyai-data login` and `polyai-data logout`."""

import getpass
import sys

from polyai_data import DataClient, Region

from ._command import Refused
from ._connect import region_of
from ._keys import Key, Keyring
from ._options import Place
from ._terminal import Terminal

_ELSEWHERE = (
    "Keep the key in a file that only you can read, and name it with --api-key-file; or set "
    "POLYAI_API_KEY."
)


def login(place: Place) -> None:
    """Store the key of a region in the keyring."""
    terminal = Terminal()
    region = _region(place)
    key = _ask(region)
    with DataClient(api_key=key.reveal(), region=region, base_url=region.base_url):
        pass  # sends nothing, and refuses what can be no key
    keyring = Keyring()
    if not keyring.store(region, key):
        raise Refused(
            f"The system's keyring cannot store it: {keyring.problem}.", _ELSEWHERE, code=1
        )
    terminal.say(f"Stored in the system's keyring, for the region {region.value}.")
    terminal.hint(f"polyai-data doctor --region {region.value} tells whether it works.")


def logout(place: Place) -> None:
    """Delete the key of a region from the keyring."""
    terminal = Terminal()
    region = _region(place)
    keyring = Keyring()
    if not keyring.forget(region):
        raise Refused(f"The system's keyring cannot delete it: {keyring.problem}.", code=1)
    terminal.say(f"The system's keyring holds no key for the region {region.value} any more.")


def _region(place: Place) -> Region:
    region = region_of(place)
    if region is None:
        raise Refused(
            "A key belongs to one region, and none is named.",
            "Add --region with the one in the address of your Agent Studio; `polyai-data regions` "
            "lists them.",
        )
    return region


def _ask(region: Region) -> Key:
    if sys.stdin.isatty():
        return Key("the prompt", getpass.getpass(f"API key for the region {region.value}: "))
    return Key("stdin", sys.stdin.readline())
