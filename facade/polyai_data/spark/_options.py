"""The options of a read: strings from Spark, which the driver checks before any request."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, get_args

from polyai_data import ConfigurationError, DataClient, Region
from polyai_data.errors import short_repr
from polyai_data.frames import TableName

_KEY_IS_NO_OPTION = (
    "{name} is not an option, because Spark shows options in plans, logs and its UI. Set "
    "{variable} in the environment of the driver and of each executor, or pass api_key_file=, "
    "the path of a file that all of them can read. If that was a real key, replace it."
)
_NO_KEY = (
    "No API key: set {variable} in the environment of the driver and of each executor, or pass "
    "api_key_file=, the path of a file that all of them can read."
)
_VARIABLES = {"data": "POLYAI_API_KEY", "v3": "POLYAI_CONVERSATIONS_API_KEY"}
_ONLY_FOR = {
    "ids_per_partition": "data",
    "concurrency": "data",
    "hours_per_partition": "v3",
}


@dataclass(frozen=True)
class Options:
    """The options, checked. docs/how-to/spark.md describes them."""

    region: str | None = None
    base_url: str | None = None
    agent_id: str | None = None
    account_id: str | None = None
    api_key_file: str | None = None
    table: TableName = "conversations"
    details: bool = False
    source: str = "data"
    since: datetime | None = None
    until: datetime | None = None
    ids_per_partition: int = 5000
    hours_per_partition: float = 24
    concurrency: int = 16
    max_requests_per_second: float | None = None
    parallel_tasks: int | None = None
    errors: str = "rows"
    in_progress_minutes: float = 60
    delay_seconds: float = 60

    @classmethod
    def parse(cls, given: Mapping[str, str], environment: Mapping[str, str]) -> Options:
        """Return the options, with the environment's values for those that are not given.

        Raises:
            ValueError: if one of them is unknown or invalid, or two conflict.
        """
        values: dict[str, Any] = {}
        for key, text in given.items():
            name = key.lower()
            if name not in _NAMES:
                raise ValueError(_unknown(key))
            convert, expected = _CONVERSIONS.get(name, (str, ""))
            try:
                values[name] = convert(text.strip())
            except (KeyError, OverflowError, ValueError):
                raise ValueError(f"{name}={short_repr(text)}: expected {expected}.") from None
        names = ["agent_id", "account_id"]
        if values.keys().isdisjoint({"region", "base_url"}):
            names += ["region", "base_url"]
        for name in names:  # executors may have another environment, so they are told
            values.setdefault(name, environment.get(f"POLYAI_{name.upper()}", "").strip() or None)
        # The list has all columns of conversations, and nothing of the other tables.
        values.setdefault("details", values.get("table", "conversations") != "conversations")
        options = cls(**values)
        options._check(values)
        return options

    def _check(self, given: Collection[str]) -> None:
        if self.table != "conversations" and not self.details:
            raise ValueError(f"table={self.table!r} needs details=true.")
        if self.source == "v3" and self.since is None:
            raise ValueError("source='v3' needs since=, where its time windows begin.")
        for name, source in _ONLY_FOR.items():
            if name in given and source != self.source:
                raise ValueError(f"{name} is for source={source!r} only.")
        with self.client() as client:  # checks the settings, and sends nothing
            if self.source == "v3":
                client.search_conversations(since=self.since, until=self.until)
            else:
                client.list_conversations(since=self.since, until=self.until)

    def client(self, tasks: int = 1) -> DataClient:
        """Return a client, for one of several tasks that share the rate limit.

        Raises:
            ConfigurationError: if there is no key, or a setting is invalid.
        """
        rate = self.max_requests_per_second
        return DataClient(
            region=self.region,
            base_url=self.base_url,
            agent_id=self.agent_id,
            account_id=self.account_id,
            max_requests_per_second=None if rate is None else rate / tasks,
            **self._key(),
        )

    def _key(self) -> dict[str, Any]:
        """Return the argument that has the key, if it is in a file."""
        if self.api_key_file is None:
            variable = _VARIABLES[self.source]
            regional = f"{variable}_{Region(self.region).name}" if self.region else variable
            if not (os.environ.get(variable) or os.environ.get(regional)):
                raise ConfigurationError(_NO_KEY.format(variable=variable))
            return {}
        argument = "api_key" if self.source == "data" else "conversations_api_key"
        try:
            return {argument: Path(self.api_key_file).read_text("utf-8", errors="replace")}
        except OSError as error:
            raise ConfigurationError(
                f"api_key_file={self.api_key_file!r} cannot be read: {error.strerror}. The key has "
                "to be there on the driver and on each executor."
            ) from None


_NAMES = [field.name for field in fields(Options)]


def _unknown(key: str) -> str:
    """Return what is wrong with an option, without its value, which may be a key."""
    name = re.sub(r"[\W_]", "", key).lower()
    if "key" in name or "token" in name or "secret" in name or "password" in name:
        variable = _VARIABLES["v3" if "conversations" in name else "data"]
        return _KEY_IS_NO_OPTION.format(name=short_repr(key), variable=variable)
    return f"{short_repr(key)} is not an option. The options are {', '.join(_NAMES)}."


def _one_of(*choices: str) -> tuple[Callable[[str], Any], str]:
    return dict(zip(choices, choices, strict=True)).__getitem__, f"one of {', '.join(choices)}"


def _boolean(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def _time(text: str) -> datetime:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        if moment.utcoffset() is None:
            raise
        return moment.astimezone(UTC)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number <= _MAX:
        raise ValueError
    return number


def _not_negative(text: str) -> float:
    return 0.0 if float(text) == 0 else _positive(text)


_MAX = 1_000_000
_IS_TIME = "a date, or a time with an offset, such as 2026-06-03 or 2026-06-03T13:00:00+00:00"
_CONVERSIONS: dict[str, tuple[Callable[[str], Any], str]] = {
    "table": _one_of(*get_args(TableName)),
    "details": (_boolean, "true or false"),
    "source": _one_of("data", "v3"),
    "since": (_time, _IS_TIME),
    "until": (_time, _IS_TIME),
    "ids_per_partition": (_count, "an integer, 1 or more"),
    "hours_per_partition": (_positive, f"a positive number of hours, up to {_MAX:,}"),
    "concurrency": (_count, "an integer, 1 or more"),
    "max_requests_per_second": (_positive, f"a positive number of requests, up to {_MAX:,}"),
    "parallel_tasks": (_count, "an integer, 1 or more"),
    "errors": _one_of("rows", "raise"),
    "in_progress_minutes": (_not_negative, f"a number of minutes, from 0 to {_MAX:,}"),
    "delay_seconds": (_not_negative, f"a number of seconds, from 0 to {_MAX:,}"),
}
