"""The fixtures of the tests of `polyai_data.warehouse`."""

from tests.warehouse.copies import client, path, sandbox, sync

__all__ = ["client", "path", "sandbox", "sync"]
