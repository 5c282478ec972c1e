"""Locks a file until it is closed, as each system does it."""

import sys
from typing import BinaryIO

CAN_RENAME_OPEN_FILES = sys.platform != "win32"

if sys.platform == "win32":
    import msvcrt
    import os

    def lock(file: BinaryIO) -> None:
        """Lock a file.

        Raises:
            PermissionError: if another process has locked it.
        """
        # A byte far beyond the end, because other handles cannot read what is locked.
        file.seek(2**40)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        file.seek(0, os.SEEK_END)

else:
    import fcntl

    def lock(file: BinaryIO) -> None:
        """Lock a file.

        Raises:
            BlockingIOError: if another process has locked it.
        """
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
