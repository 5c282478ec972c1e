"""Conversations as a data source for Spark, in batches and in streams.

    from polyai_data.spark import PolyAIDataSource

    spark.dataSource.register(PolyAIDataSource)
    turns = spark.read.format("polyai").options(region="us", table="turns").load()

The driver walks the list, and the tasks read the conversations by ID. The API key is never an
option: the driver and the executors read it from their environment, or from a file. The module
needs the extra `spark`, and Java. docs/how-to/spark.md lists the options.
"""

from __future__ import annotations

try:
    import pyarrow  # noqa: F401
    import pyspark  # noqa: F401
except ModuleNotFoundError as _error:
    from polyai_data.cli._install import install_command

    raise ImportError(
        f"polyai_data.spark needs PySpark and pyarrow: {install_command('spark')}", name=__name__
    ) from _error

from ._source import PolyAIDataSource

__all__ = ["PolyAIDataSource"]


def __dir__() -> list[str]:
    return sorted(__all__)
