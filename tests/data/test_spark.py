"""The data source for Spark: nothing is lost or repeated, and nobody is told the key.

Readers are also called in this process, because coverage does not see Spark's workers.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from polyai_data import AuthenticationError, ConfigurationError, DataClient, PolyAIError, frames
from polyai_data.sandbox import Fault, Sandbox, serve

pytest.importorskip("pyspark", reason="PySpark is not installed")
if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
    pytest.skip("Java is not installed", allow_module_level=True)

import polyai_data.spark
import pyarrow as pa
from polyai_data.spark import PolyAIDataSource, _source
from polyai_data.spark._options import Options
from polyai_data.spark._read import Ids, Window, arrow_schema
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructType

from tests.pages import read

pytestmark = [
    pytest.mark.filterwarnings("default"),  # of PySpark and py4j
]

KEY = "key-that-nobody-may-see-5d1c0b7e"
V3_KEY = "v3-key-that-nobody-may-see-90ff3a"
AGENT = "PROJECT-DEMO"


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A session whose processes have the keys in their environment, as a cluster would."""
    folder = tmp_path_factory.mktemp("spark")
    (folder / "log").mkdir()
    settings = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",  # starts fast
        "spark.ui.port": "0",
        "spark.ui.showConsoleProgress": "false",
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": (folder / "log").as_uri(),
        "spark.eventLog.compress": "false",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.sql.shuffle.partitions": "2",
        "spark.log.level": "OFF",
    }
    builder: Any = SparkSession.builder
    for name, value in settings.items():
        builder = builder.config(name, value)
    with serving(200) as sandbox:  # of the page's examples
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
            patch.setenv("PYSPARK_PYTHON", sys.executable)
            patch.setenv("POLYAI_API_KEY", KEY)
            patch.setenv("POLYAI_CONVERSATIONS_API_KEY", V3_KEY)
            patch.setenv("POLYAI_BASE_URL", sandbox)
            session = builder.master("local[2]").getOrCreate()
        session.dataSource.register(PolyAIDataSource)
        yield session
        session.stop()


@pytest.fixture(autouse=True)
def keys(clean_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    """The keys, for readers in this process."""
    monkeypatch.setenv("POLYAI_API_KEY", KEY)
    monkeypatch.setenv("POLYAI_CONVERSATIONS_API_KEY", V3_KEY)


def serving(count: int) -> Any:
    return serve(conversations=count, api_key=KEY, conversations_api_key=V3_KEY)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with serving(60) as served:
        yield served


Load = Callable[..., Any]


def loader(spark: Any, sandbox: Sandbox, kind: str = "read") -> Load:
    """Return a function that loads a data frame with options."""

    def load(**options: Any) -> Any:
        given = {"base_url": str(sandbox), "agent_id": AGENT, **options}
        return getattr(spark, kind).format("polyai").options(**given).load()

    return load


@pytest.fixture
def load(spark: Any, sandbox: Sandbox) -> Load:
    return loader(spark, sandbox)


def source(sandbox: Sandbox | str = "http://127.0.0.1:9", **options: Any) -> PolyAIDataSource:
    """Return a data source of this process."""
    given = {"base_url": str(sandbox), "agent_id": AGENT, **options}
    return PolyAIDataSource({name: str(value) for name, value in given.items()})


def schema(table: Any = "conversations") -> Any:
    """Return what Spark makes of the columns."""
    return from_arrow_schema(arrow_schema(table))


def reader(sandbox: Sandbox, kind: str = "reader", **options: Any) -> Any:
    made = source(sandbox, **options)
    return getattr(made, kind)(schema(options.get("table", "conversations")))


def rows(reader: Any, *period: Any) -> list[dict[str, Any]]:
    """Return what all tasks read, given what the driver hands over."""
    parts = pickle.loads(pickle.dumps(reader.partitions(*period)))
    return [row for part in parts for batch in reader.read(part) for row in batch.to_pylist()]


def ids(rows: list[Any], column: str = "conversation_id") -> list[Any]:
    return [row[column] for row in rows]


# --- Batches -----------------------------------------------------------------------------------


@pytest.mark.parametrize("table", frames.SCHEMAS)
def test_rows_and_types_are_those_of_the_frames(load: Load, sandbox: Sandbox, table: Any) -> None:
    with sandbox.client() as client:
        items: Any = list(client.list_conversations())
        if table != "conversations":
            items = client.get_conversations([one.conversation_id for one in items])
        expected = frames.to_arrow(items, table)
    error = "read_error" if table == "function_calls" else "error"
    order = [(name, "ascending") for name in expected.column_names[:3] if name != "problems"]
    if table in ("conversations", "function_calls"):
        found = load(table=table, ids_per_partition=25).toArrow()
    else:
        read = reader(sandbox, table=table, ids_per_partition=25)
        found = pa.Table.from_batches(
            batch for part in read.partitions() for batch in read.read(part)
        )
    assert found.schema.equals(expected.schema.append(pa.field(error, pa.string())))
    assert StructType.fromDDL(source(table=table).schema()) == schema(table)
    assert found.drop(error).sort_by(order).to_pylist() == expected.sort_by(order).to_pylist()
    assert found.num_rows > 10
    assert set(found[error].to_pylist()) == {None}


def test_nothing_is_lost_or_repeated_while_conversations_begin(spark: Any) -> None:
    ended = threading.Event()
    with serving(2000) as sandbox, sandbox.client() as client:
        before = {one.conversation_id for one in client.list_conversations(page_size=500)}

        def begin() -> None:
            while not ended.wait(0.03):
                client.start_chat("sandbox")

        thread = threading.Thread(target=begin)
        thread.start()
        try:
            load = loader(spark, sandbox)
            frame = load(details=True, ids_per_partition=300).select("conversation_id", "error")
            found = frame.collect()
        finally:
            ended.set()
            thread.join()
    assert len({*ids(found)}) == len(found)
    assert before - {*ids(found)} == set()
    assert {*ids(found, "error")} == {None}


def test_parts_are_lists_of_ids(sandbox: Sandbox) -> None:
    read = reader(sandbox, details="true", ids_per_partition=25)
    parts = read.partitions()
    assert [len(part.ids) for part in parts] == [25, 25, 10]
    assert len({*ids(rows(read))}) == 60


def test_a_period_is_read(sandbox: Sandbox) -> None:
    with sandbox.client() as client:
        listed = list(client.list_conversations())
    since: Any = listed[40].started_at
    until: Any = listed[10].started_at
    for details in ("true", "false"):
        found = rows(reader(sandbox, details=details, since=since, until=until))
        assert {*ids(found)} == {one.conversation_id for one in listed[11:41]}


def test_an_agent_without_conversations_has_no_rows(spark: Any) -> None:
    with serving(0) as sandbox:
        found = loader(spark, sandbox)(table="turns").toArrow()
        assert found.num_rows == 0
        assert found.column_names[0] == "conversation_id"
        assert rows(reader(sandbox, details="true")) == []


# --- The Conversations API v3 ------------------------------------------------------------------


def test_windows_of_v3_have_each_conversation_once(spark: Any) -> None:
    with serving(300) as sandbox:
        with sandbox.client() as client:
            listed = list(client.list_conversations())
        oldest: Any = listed[-1].started_at
        newest: Any = listed[0].started_at
        hours = (newest - oldest).total_seconds() / 3600 / 4.5
        options: Any = {
            "source": "v3",
            "account_id": "ACCOUNT-DEMO",
            "since": oldest,
            "hours_per_partition": hours,
        }
        found = loader(spark, sandbox)(**options).toArrow().to_pylist()
        assert sorted(ids(found)) == sorted(one.conversation_id for one in listed)
        read = reader(sandbox, until=newest, **options)
        assert len(read.partitions()) == 5
        assert len({*ids(rows(read))}) == 299


def test_the_end_of_a_window_is_the_start_of_the_next(sandbox: Sandbox) -> None:
    """The sandbox counts a conversation at the end of a period in, as the API may."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for hour in range(4):
        started = (at + timedelta(hours=hour)).isoformat()
        sandbox.add_conversation({"conversationId": f"CA{hour}", "startedAt": started})
    sandbox.add_conversation({"conversationId": "CA9", "startedAt": "2025-12-31T23:59:59.9+00:00"})
    options: Any = {"source": "v3", "account_id": "ACCOUNT-DEMO", "hours_per_partition": 1}
    found = rows(reader(sandbox, since=at, until=at + timedelta(hours=3), **options))
    assert ids(found) == ["CA0", "CA1", "CA2"]


def test_a_period_that_has_not_begun_is_empty(sandbox: Sandbox) -> None:
    since = datetime.now(UTC) + timedelta(days=1)
    read = reader(sandbox, source="v3", account_id="ACCOUNT-DEMO", since=since)
    assert len(read.partitions()) == 1  # without any, Spark would make one of its own
    assert rows(read) == []


# --- Failures ----------------------------------------------------------------------------------


def test_a_conversation_that_cannot_be_read_is_a_row(load: Load, sandbox: Sandbox) -> None:
    with sandbox.client() as client:
        first = next(iter(client.list_conversations())).conversation_id
    sandbox.faults.add(Fault(404, path=f"*/{first}"))
    found = load(table="turns").collect()
    (row,) = [row for row in found if row["error"]]
    assert {name for name, value in row.asDict().items() if value is not None} == {
        "conversation_id",
        "problems",
        "error",
    }
    assert row["conversation_id"] == first
    assert row["problems"] == []
    assert row["error"].startswith("NotFoundError: ")
    assert len({*ids(found)}) > 50
    found = rows(reader(sandbox, table="function_calls"))
    assert ids([row for row in found if row["read_error"]]) == [first]


def test_a_failure_ends_the_job_if_it_should(load: Load, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(404, path="*/conversations/*", nth=7))
    with pytest.raises(PySparkException, match="NotFoundError"):
        load(table="turns", errors="raise").collect()
    sandbox.faults.clear()
    sandbox.faults.add(Fault(404, path="*/conversations/*", nth=7))
    with pytest.raises(PolyAIError, match="404"):
        rows(reader(sandbox, table="turns", errors="raise"))


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_ends_the_job(sandbox: Sandbox, status: int) -> None:
    sandbox.faults.add(Fault(status, path="*/conversations/*", nth=7))
    with pytest.raises(PolyAIError, match=str(status)):
        rows(reader(sandbox, table="turns"))


def test_a_list_that_cannot_be_read_ends_the_job(load: Load, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(400, path="*/conversations"))
    for options in ({"table": "turns"}, {}):
        with pytest.raises(PySparkException, match="BadRequestError"):
            load(**options).collect()


@pytest.mark.parametrize("details", ["true", "false"])
def test_a_record_without_an_id_is_a_row(sandbox: Sandbox, details: str) -> None:
    with sandbox.client() as client:
        good = client.get_page(limit=1).conversations[0].raw
    page = {"conversations": [{"channel": "VOICE-SIP"}, "text", good], "count": 3}
    sandbox.faults.add(Fault(200, path="*/conversations", body=page))
    found = rows(reader(sandbox, details=details))
    assert [(row["conversation_id"], row["other"]) for row in found] == [
        (good["conversationId"], None),
        (None, '{"channel":"VOICE-SIP"}'),
        (None, '"text"'),
    ]
    assert all("conversationId" in row["error"] or "object" in row["error"] for row in found[1:])
    with pytest.raises(PolyAIError):
        rows(reader(sandbox, details=details, errors="raise"))


# --- Streams -----------------------------------------------------------------------------------


def conversation(number: int, minutes_ago: float, **fields: Any) -> dict[str, Any]:
    started = (datetime.now(UTC) - timedelta(minutes=minutes_ago)).isoformat()
    return {"conversationId": f"CA{number}", "startedAt": started, **fields}


@pytest.fixture
def empty() -> Iterator[Sandbox]:
    with serving(0) as served:
        yield served


def test_a_stream_has_each_conversation_once(spark: Any, empty: Sandbox, tmp_path: Path) -> None:
    def run(**options: Any) -> dict[str, Any]:
        stream = loader(spark, empty, "readStream")(
            details=True, since=datetime.now(UTC) - timedelta(days=1), **options
        )
        query = (
            stream.writeStream.format("parquet")
            .option("path", str(tmp_path / "rows"))
            .option("checkpointLocation", str(tmp_path / "checkpoint"))
            .trigger(availableNow=True)
            .start()
        )
        assert query.awaitTermination(120)
        rows = spark.read.parquet(str(tmp_path / "rows")).collect()
        assert len({*ids(rows)}) == len(rows)
        return {row["conversation_id"]: row["in_progress"] for row in rows}

    two = conversation(2, 20)
    for each in (conversation(1, 30), two | {"inProgress": True}, conversation(3, 10)):
        empty.add_conversation(each)
    assert run() == {"CA1": False}  # the one in progress holds back those after it
    empty.add_conversation(two)
    empty.add_conversation(conversation(4, -60))  # too recent
    assert run() == {"CA1": False, "CA2": False, "CA3": False}
    empty.add_conversation(conversation(5, 0.02, inProgress=True))
    empty.add_conversation(conversation(6, 0.01))
    found = run(in_progress_minutes=0, delay_seconds=0)
    assert found == {"CA1": False, "CA2": False, "CA3": False, "CA5": True, "CA6": False}


V3 = {
    "source": "v3",
    "account_id": "ACCOUNT-DEMO",
    "since": "2026-01-01",
    "hours_per_partition": "100000",
}


@pytest.mark.parametrize(
    ("options", "expected", "rest"),
    [
        ({}, ["CA1"], ["CA2", "CA3"]),
        ({"details": "true"}, ["CA1"], ["CA2", "CA3"]),
        (V3, ["CA1"], ["CA2", "CA3"]),
        ({"in_progress_minutes": "60"}, ["CA1", "CA2", "CA3"], []),
        ({**V3, "in_progress_minutes": "60"}, ["CA1", "CA2", "CA3"], []),
        ({"in_progress_minutes": "60", "delay_seconds": "3600"}, ["CA1", "CA2"], []),
        ({"delay_seconds": "14400"}, [], []),
    ],
)
def test_a_stream_waits_for_what_is_in_progress(
    empty: Sandbox, options: dict[str, str], expected: list[str], rest: list[str]
) -> None:
    options = {"in_progress_minutes": "150", **options}
    one, two, three = (conversation(n, ago) for n, ago in ((1, 180), (2, 120), (3, 30)))
    for each in (one, two | {"inProgress": True}, three):
        empty.add_conversation(each)
    empty.add_conversation({"conversationId": "CA9", "startedAt": None})  # in no period
    read = reader(empty, "streamReader", **options)
    start = read.initialOffset()
    end = read.latestOffset(start, None)
    assert sorted(ids(rows(read, start, end))) == expected
    assert read.latestOffset(end, None) == end
    empty.add_conversation(two)
    assert sorted(ids(rows(read, end, read.latestOffset(end, None)))) == rest


def test_a_stream_never_goes_back(empty: Sandbox) -> None:
    """If its options changed, or the clock was set back."""
    empty.add_conversation(conversation(1, 30))
    start = {"started_before": (datetime.now(UTC) - timedelta(minutes=5)).isoformat()}
    assert reader(empty, "streamReader", delay_seconds=3600).latestOffset(start, None) == start


def test_a_stream_needs_a_newer_pyspark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_source, "DataSourceStreamReader", object)
    made = source()
    with pytest.raises(RuntimeError, match=r"PySpark 4\.2"):
        made.streamReader(schema())


# --- The rate limit ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "rate"),
    [
        ({"max_requests_per_second": "30"}, 10),
        ({"max_requests_per_second": "30", "parallel_tasks": "2"}, 15),
        ({"max_requests_per_second": "30", "parallel_tasks": "100"}, 10),
        ({"parallel_tasks": "2"}, None),
    ],
)
def test_the_tasks_share_the_rate(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, options: dict[str, str], rate: float | None
) -> None:
    rates = []
    init = DataClient.__init__

    def spy(self: DataClient, **given: Any) -> None:
        rates.append(given["max_requests_per_second"])
        init(self, **given)

    monkeypatch.setattr(DataClient, "__init__", spy)
    read = reader(sandbox, table="turns", ids_per_partition=25, **options)
    parts = read.partitions()
    assert {*rates} == {30 if rate else None}  # the driver's
    rates.clear()
    for part in parts:
        list(read.read(part))
    assert rates == [rate] * 3


# --- The key -----------------------------------------------------------------------------------


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=60) as response:
        return str(response.read().decode())


def event_log(spark: Any) -> str:
    folder = Path(spark.conf.get("spark.eventLog.dir").removeprefix("file:"))
    files = [path for path in folder.rglob("*") if path.is_file()]
    return "\n".join(path.read_text(errors="replace") for path in files)


def test_the_key_is_in_no_log_plan_or_page(
    spark: Any, sandbox: Sandbox, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    key_file = tmp_path / "key"
    key_file.write_text(f"{KEY}\n")
    load = loader(spark, sandbox)
    sandbox.faults.add(Fault(404, path="*/conversations/*", nth=7))
    frame = load(table="turns", api_key_file=key_file)
    assert frame.count() > 60
    sandbox.faults.add(Fault(404, path="*/conversations/*", nth=7))
    with pytest.raises(PySparkException) as failed:
        load(table="turns", errors="raise").collect()
    with pytest.raises(PySparkException) as refused:
        load(apiKey=KEY)
    stream = loader(spark, sandbox, "readStream")().writeStream.format("noop")
    stream = stream.option("checkpointLocation", str(tmp_path / "checkpoint"))
    query = stream.trigger(availableNow=True).start()
    query.awaitTermination(120)

    frame.createOrReplaceTempView("turns")  # which shows the options
    frame.explain("extended")
    plan = frame._jdf.queryExecution().toString()
    web = spark.sparkContext.uiWebUrl
    application = f"{web}/api/v1/applications/{spark.sparkContext.applicationId}"
    pages = [
        get(f"{application}/{name}")
        for name in ("environment", "jobs", "stages?details=true", "sql?details=true&length=1000")
    ]
    pages += [
        get(f"{web}/{name}/")
        for name in ("environment", "jobs", "stages", "SQL", "StreamingQuery", "executors")
    ]
    pages += [get(f"{web}/SQL/execution/?id={run['id']}") for run in json.loads(pages[3])]
    log = event_log(spark)
    printed = "".join(capfd.readouterr())
    assert "polyai" in plan
    for text in (pages[3], log):
        assert f"agent_id={AGENT}" in text
    assert "POLYAI_API_KEY" in str(refused.value)
    for text in (plan, *pages, log, printed, str(failed.value), str(refused.value)):
        assert KEY not in text
        assert V3_KEY not in text


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        *(
            (name, "POLYAI_API_KEY")
            for name in ("api_key", "apiKey", "API_KEY", "api-key", "api.key", "X-API-KEY", "key")
        ),
        ("POLYAI_API_KEY", "POLYAI_API_KEY"),
        ("token", "POLYAI_API_KEY"),
        ("password", "POLYAI_API_KEY"),
        ("clientSecret", "POLYAI_API_KEY"),
        ("conversations_api_key", "POLYAI_CONVERSATIONS_API_KEY"),
        ("conversationsApiKey", "POLYAI_CONVERSATIONS_API_KEY"),
    ],
)
def test_a_key_is_no_option(name: str, variable: str) -> None:
    with pytest.raises(ValueError, match=f"Set {variable} in") as refused:
        source(**{name: KEY})
    assert KEY not in str(refused.value)
    assert "api_key_file=" in str(refused.value)


def test_the_key_comes_from_a_file(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POLYAI_API_KEY")
    monkeypatch.delenv("POLYAI_CONVERSATIONS_API_KEY")
    file = tmp_path / "key"
    for key, options in ((KEY, {}), (V3_KEY, V3)):
        file.write_text(f"{key}\n")
        found = rows(reader(sandbox, api_key_file=file, **options))
        assert len(found) == 60
        assert key not in repr(source(sandbox, api_key_file=file, **options)._options)
    file.unlink()
    with pytest.raises(ConfigurationError, match=r"api_key_file='.*' cannot be read: No such file"):
        source(sandbox, api_key_file=file)


def test_a_missing_key_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POLYAI_API_KEY")
    with pytest.raises(ConfigurationError) as refused:
        source()
    assert "set POLYAI_API_KEY in the environment of the driver and of each" in str(refused.value)
    monkeypatch.setenv("POLYAI_API_KEY_EU", KEY)
    source(region="eu", base_url="https://example.com")
    with pytest.raises(ConfigurationError, match="set POLYAI_API_KEY in"):
        source(region="us")
    monkeypatch.delenv("POLYAI_CONVERSATIONS_API_KEY")
    with pytest.raises(ConfigurationError, match="set POLYAI_CONVERSATIONS_API_KEY in"):
        source(**V3)


# --- Options -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"agentId": "PROJECT-1"}, r"'agentId' is not an option. The options are region, base_url"),
        ({"path": "x"}, "'path' is not an option"),
        ({"region": "mars"}, "Unknown region 'mars'. The regions are us, eu, uk, studio"),
        ({"table": "calls"}, "table='calls': expected one of conversations, turns"),
        ({"details": "yes"}, "details='yes': expected true or false"),
        ({"source": "v2"}, "source='v2': expected one of data, v3"),
        ({"since": "yesterday"}, "since='yesterday': expected a date, or a time with an offset"),
        ({"since": "2026-06-03T13:00:00"}, "expected a date, or a time with an offset"),
        ({"until": "2026-13-01"}, "until='2026-13-01': expected a date"),
        ({"since": "2026-06-03", "until": "2026-06-01"}, "since is later than until"),
        ({"ids_per_partition": "0"}, "ids_per_partition='0': expected an integer, 1 or more"),
        ({"ids_per_partition": "1.5"}, "expected an integer, 1 or more"),
        ({"concurrency": "many"}, "concurrency='many': expected an integer, 1 or more"),
        ({"parallel_tasks": "-1"}, "parallel_tasks='-1': expected an integer, 1 or more"),
        ({"max_requests_per_second": "0"}, "expected a positive number of requests"),
        ({"max_requests_per_second": "inf"}, "expected a positive number of requests"),
        ({"hours_per_partition": "nan"}, "expected a positive number of hours"),
        ({"in_progress_minutes": "-1"}, "expected a number of minutes, from 0 to"),
        ({"delay_seconds": "soon"}, "expected a number of seconds, from 0 to"),
        ({"hours_per_partition": "1e300"}, "hours, up to 1,000,000"),
        ({"since": "0001-01-01T00:00:00+14:00"}, "expected a date, or a time with an offset"),
        ({"errors": "ignore"}, "errors='ignore': expected one of rows, raise"),
        ({"table": "turns", "details": "false"}, "table='turns' needs details=true"),
        ({"source": "v3"}, "source='v3' needs since="),
        ({"source": "v3", "since": "2026-06-03", "concurrency": "8"}, "for source='data' only"),
        ({"source": "v3", "since": "2026-06-03"}, "account"),
        ({"hours_per_partition": "6"}, "hours_per_partition is for source='v3' only"),
        ({"agent_id": ""}, "agent"),
        ({"base_url": "http://example.com"}, "over plain http"),
    ],
)
def test_an_invalid_option_is_refused_before_any_request(
    options: dict[str, str], message: str
) -> None:
    """There is no server at the address."""
    with pytest.raises((ValueError, ConfigurationError), match=message):
        source(**options)


def test_options_are_refused_when_the_frame_is_loaded(spark: Any) -> None:
    with pytest.raises(PySparkException, match="details='yes': expected true or false"):
        spark.read.format("polyai").options(details="yes").load()


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("reader", {"delay_seconds": "5"}, "delay_seconds is for streams only"),
        ("reader", {"in_progress_minutes": "5"}, "in_progress_minutes is for streams only"),
        ("streamReader", {"until": "2026-06-03"}, "until is for batches only"),
    ],
)
def test_batches_and_streams_have_options_of_their_own(
    kind: str, options: dict[str, str], message: str
) -> None:
    made = source(**options)
    with pytest.raises(ValueError, match=message):
        getattr(made, kind)(schema())


def test_another_schema_is_refused(spark: Any, sandbox: Sandbox) -> None:
    frame = spark.read.format("polyai").schema("a string")
    frame = frame.options(base_url=str(sandbox), agent_id=AGENT).load()
    with pytest.raises(PySparkException, match=r"Leave schema\(\) out"):
        frame.collect()
    with pytest.raises(ValueError, match=r"Leave schema\(\) out"):
        source().reader(schema("turns"))


def test_options_have_types() -> None:
    options = Options.parse(
        {
            "Region": "US",
            "AGENT_ID": " PROJECT-1 ",
            "details": "True",
            "since": "2026-06-03",
            "until": "2026-06-03 15:00:00+02:00",
            "delay_seconds": "0",
        },
        {"POLYAI_BASE_URL": "http://127.0.0.1:9", "POLYAI_AGENT_ID": "PROJECT-2"},
    )
    assert options == Options(
        region="US",
        agent_id="PROJECT-1",
        details=True,
        since=datetime(2026, 6, 3, tzinfo=UTC),
        until=datetime(2026, 6, 3, 13, tzinfo=UTC),
        delay_seconds=0,
    )


def test_the_environment_of_the_driver_is_passed_on() -> None:
    """Executors may have no settings, or others."""
    environment = {"POLYAI_REGION": "eu", "POLYAI_AGENT_ID": "PROJECT-1", "POLYAI_ACCOUNT_ID": " "}
    options = Options.parse({}, environment)
    assert (options.region, options.base_url) == ("eu", None)
    assert (options.agent_id, options.account_id) == ("PROJECT-1", None)


# --- The page ----------------------------------------------------------------------------------


def test_the_page_names_every_option() -> None:
    page = read("how-to/spark.md")
    assert {name for name in vars(Options()) if f"| `{name}` |" not in page} == set()


def test_the_examples_run(spark: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a session whose environment has the address of a sandbox."""
    page = read("how-to/spark.md")
    first, second = re.findall(r"```python spark\n(.*?)```", page, re.S)
    variables: dict[str, Any] = {}
    exec(first, variables)  # the page is ours
    assert re.fullmatch(r"1\d\d conversations\n", capsys.readouterr().out)
    exec(second.replace("/checkpoints/polyai", str(tmp_path)), variables)
    assert variables["query"].awaitTermination(120)
    assert spark.table("conversations").count() == 199  # one is in progress


def test_partitions_are_small_to_look_at() -> None:
    assert repr(Ids(["CA1"])) == "Ids(ids=['CA1'], unreadable=[], tasks=1)"
    assert Window(None, None).tasks == 1
    assert PolyAIDataSource.name() == "polyai"
    assert dir(polyai_data.spark) == ["PolyAIDataSource"]


def test_the_wrong_key_is_an_error_of_the_driver(sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("another-key-6a91")
    with pytest.raises(AuthenticationError):
        reader(sandbox, table="turns", api_key_file=file).partitions()
