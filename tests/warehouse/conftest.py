"""The fixtures of the tests of `polyai_data.warehouse`."""

from conftest_warehouse import client, path, sandbox, sync

__all__ = ["client", "path", "sandbox", "sync"]
