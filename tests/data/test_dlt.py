"""dlt loads the tables, and what changes in them, into Postgres and into Delta tables."""

from __future__ import annotations

import itertools
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from polyai_data import DataClient, PolyAIError, frames
from polyai_data.frames import SCHEMAS
from polyai_data.sandbox import Fault, Received, Sandbox, serve
from pyarrow.types import is_list

from tests.pages import read as read_page

pytestmark = [
    pytest.mark.filterwarnings("default"),  # of dlt and what it uses
]
dlt: Any = pytest.importorskip("dlt", reason="dlt is not installed")
deltalake: Any = pytest.importorskip("deltalake", reason="deltalake is not installed")
psycopg2: Any = pytest.importorskip("psycopg2", reason="psycopg2 is not installed")

import polyai_data.dlt  # noqa: E402
from polyai_data.dlt import source  # noqa: E402
from polyai_data.dlt._tables import Tables, tables_for  # noqa: E402

NOW = datetime(2026, 6, 3, 13, 19, 6, tzinfo=UTC)
TODAY, DAY = datetime.now(UTC), timedelta(days=1)
LISTS = {field.name for schema in SCHEMAS.values() for field in schema if is_list(field.type)}
Contents = dict[str, list[str]]


# --- Where it is loaded ------------------------------------------------------------------------


class Postgres:
    """A server of its own, which others cannot reach but through its socket.

    Args:
        programs: The directory of its programs.
        directory: A directory for its files, with a short name.
    """

    def __init__(self, programs: Path, directory: str) -> None:
        self._programs = programs
        self._directory = directory
        # It refuses to run as root.
        self._as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self._as_user:
            shutil.chown(directory, "postgres")
        self._run("initdb", "--auth=trust", "--username=loader", "--no-sync", "--encoding=UTF8")
        options = f"-k {directory} -c listen_addresses='' -c fsync=off"
        self._run("pg_ctl", "start", "--wait", f"--log={directory}/log", f"--options={options}")
        self.dsn = f"postgresql://loader:none@localhost/postgres?host={directory}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as_user, str(self._programs / program), *arguments]
        settings = {**os.environ, "PGDATA": f"{self._directory}/data"}
        done = subprocess.run(
            command, cwd="/", env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        assert done.returncode == 0, done.stderr

    def stop(self) -> None:
        self._run("pg_ctl", "stop", "--mode=immediate")

    def read(self, query: str) -> list[Any]:
        connection = psycopg2.connect(self.dsn)
        try:
            with connection.cursor() as cursor:
                cursor.execute(query)
                rows: list[Any] = cursor.fetchall()
                return rows
        finally:
            connection.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    found = [Path(path).parent for path in [shutil.which("initdb")] if path]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if not found:
        pytest.skip("Postgres is not installed")
    directory = tempfile.mkdtemp(prefix="pg")
    try:
        server = Postgres(found[0], directory)
        yield server
        server.stop()
    finally:
        shutil.rmtree(directory)


class Target:
    """A dataset in Postgres, or a directory of Delta tables.

    Args:
        server: The server; None for Delta tables.
        directory: Where pipelines keep their state, and where Delta tables are.
        dataset: The name of the dataset.
    """

    def __init__(self, server: Postgres | None, directory: Path, dataset: str) -> None:
        self.server = server
        self.directory = directory
        self.dataset = dataset
        self.options: dict[str, Any] = {} if server else {"table_format": "delta"}

    def pipeline(self) -> Any:
        if self.server:
            destination = dlt.destinations.postgres(self.server.dsn)
        else:
            destination = dlt.destinations.filesystem((self.directory / "lake").as_uri())
        return dlt.pipeline(
            "calls",
            destination=destination,
            dataset_name=self.dataset,
            pipelines_dir=str(self.directory / "pipelines"),
        )

    def load(self, client: DataClient, **options: Any) -> Any:
        """Load what a killed run left, and then what is new."""
        pipeline = self.pipeline()
        pipeline.run()
        return pipeline.run(source(client, **options), **self.options)

    def rows(self, name: str) -> list[dict[str, Any]]:
        columns = SCHEMAS[name].names if name in SCHEMAS else ["conversation_id", "reason"]
        if self.server:
            listed = ", ".join(f'"{column}"' for column in columns)
            rows = self.server.read(f"SELECT {listed} FROM {self.dataset}.{name}")
            found = [dict(zip(columns, row, strict=True)) for row in rows]
            for row in found:  # lists are JSON
                row |= {key: json.loads(row[key]) for key in LISTS if row.get(key) is not None}
            return found
        table = deltalake.DeltaTable(str(self.directory / "lake" / self.dataset / name))
        return list(table.to_pyarrow_table(columns=columns).to_pylist())

    def contents(self) -> Contents:
        return {name: plain(self.rows(name)) for name in SCHEMAS}


def plain(rows: list[dict[str, Any]]) -> list[str]:
    """Return rows as texts, in the same order and with the same time zone for all libraries."""
    for row in rows:
        # Postgres cannot store NUL.
        row |= {k: v.replace("\0", "") for k, v in row.items() if isinstance(v, str)}
        times = {key: value for key, value in row.items() if isinstance(value, datetime)}
        row |= {key: value.astimezone(UTC).isoformat() for key, value in times.items()}
    return sorted(map(repr, rows))


numbers = itertools.count()


@pytest.fixture(params=["postgres", "delta"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Target:
    server = request.getfixturevalue("postgres") if request.param == "postgres" else None
    return Target(server, tmp_path, f"calls_{os.getpid()}_{next(numbers)}")


@pytest.fixture
def database(postgres: Postgres, tmp_path: Path) -> Target:
    return Target(postgres, tmp_path, f"calls_{os.getpid()}_{next(numbers)}")


@pytest.fixture
def delta(tmp_path: Path) -> Target:
    return Target(None, tmp_path, "calls")


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep dlt from the settings and files of the user."""
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.chdir(tmp_path)


# --- What is loaded ----------------------------------------------------------------------------


@pytest.fixture
def received() -> list[Received]:
    return []


@pytest.fixture
def sandbox(received: list[Received]) -> Iterator[Sandbox]:
    with serve(conversations=30, now=NOW, received=received) as served:
        yield served


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[DataClient]:
    with client_for(sandbox) as client:
        yield client


def client_for(url: str) -> DataClient:
    return DataClient(
        base_url=url,
        api_key="sandbox",
        agent_id="PROJECT-DEMO",
        account_id="ACCOUNT-DEMO",
        conversations_api_key="sandbox-v3",
        max_retries=0,
    )


def add(sandbox: Sandbox, name: str, *, days: float = 0, **fields: Any) -> None:
    """Add a conversation, or change it."""
    started = TODAY - days * DAY
    sandbox.add_conversation(
        {
            "conversationId": name,
            "startedAt": started.isoformat(),
            "inProgress": False,
            "clientEnv": "sandbox",
            **fields,
        }
    )


def expected(client: DataClient) -> Contents:
    """Return what the tables must hold: all that the API has."""
    ids = [one.conversation_id for one in client.list_conversations()]
    items = list(client.get_conversations(ids))
    return {name: plain(frames.to_arrow(items, name).to_pylist()) for name in SCHEMAS}


def check(target: Target, client: DataClient) -> None:
    """Check that the tables hold what the API has, nothing more, and nothing twice."""
    there = target.contents()
    for name, rows in expected(client).items():
        lost, wrong = Counter(rows) - Counter(there[name]), Counter(there[name]) - Counter(rows)
        assert (name, [*lost], [*wrong]) == (name, [], [])


def fetched(received: list[Received]) -> list[str]:
    """Return the IDs of the conversations that were fetched, and forget the requests."""
    paths = [one.path for one in received if "/conversations/" in one.path]
    received.clear()
    return sorted(path.rpartition("/")[2] for path in paths)


def test_the_tables_hold_what_the_api_has(
    target: Target, client: DataClient, sandbox: Sandbox
) -> None:
    odd = '\0it\'s \\ "odd"\n\t\u2028🙂; --'
    add(sandbox, "CA-odd", tags=[odd, "b"], turns=[(odd, odd)], shortSummary=odd, new={odd: [odd]})
    add(sandbox, "CA-drift", duration="soon", turns=[{"turn_id": "x", "barge_in": "no"}, 5])
    target.load(client, batch_size=20)
    check(target, client)
    assert target.rows("sync_failed") == []


def test_the_next_run_loads_only_what_changed(
    target: Target, client: DataClient, sandbox: Sandbox, received: list[Received]
) -> None:
    add(sandbox, "CA-1", turns=[("a", "b"), ("c", "d"), ("e", "f")], metrics={"M": [{"value": 1}]})
    add(sandbox, "CA-2", turns=[("a", "b")], functionEvents={"0": [{"name": "f"}, {"name": "g"}]})
    add(sandbox, "CA-3", inProgress=True)
    target.load(client)
    assert len(fetched(received)) == 33
    in_progress = [
        row["conversation_id"] for row in target.rows("conversations") if row["in_progress"]
    ]
    assert "CA-3" in in_progress
    add(sandbox, "CA-1", channel="CHAT", turns=[("a", "changed")])  # fewer turns, no metrics
    add(sandbox, "CA-2", channel="CHAT", functionEvents={"0": [{"name": "g"}]})
    add(sandbox, "CA-3", turns=[("g", "h")])
    add(sandbox, "CA-4", turns=[("i", "j")])
    shutil.rmtree(target.directory / "pipelines")  # the state is in the destination, too
    target.load(client)
    assert fetched(received) == sorted({*in_progress, "CA-1", "CA-2", "CA-3", "CA-4"})
    check(target, client)
    fetched(received)
    version = target.pipeline().default_schema.version
    target.load(client)
    assert fetched(received) == sorted({*in_progress} - {"CA-3"})
    check(target, client)
    assert target.pipeline().default_schema.version == version


def test_refresh_loads_what_does_not_show_in_the_list(
    delta: Target, client: DataClient, sandbox: Sandbox, received: list[Received]
) -> None:
    add(sandbox, "CA-future", days=-10_000)  # which must not end the next walk too early
    add(sandbox, "CA-undated", startedAt="soon")
    add(sandbox, "CA-1", turns=[("a", "b"), ("c", "d")])
    delta.load(client, refresh=DAY)
    add(sandbox, "CA-1", turns=[("a", "b")])
    add(sandbox, "CA-new")
    fetched(received)
    delta.load(client, refresh=DAY)
    assert {"CA-1", "CA-new", "CA-undated", "CA-future"} <= set(fetched(received))
    check(delta, client)


def test_a_run_ends_at_the_last_one_less_the_lookback(delta: Target) -> None:
    received: list[Received] = []
    with serve(conversations=200, received=received) as url, client_for(url) as client:
        delta.load(client, details=False, page_size=20)
        received.clear()
        delta.load(client, details=False, page_size=20, lookback=DAY)
        pages = sum(one.path.endswith("/conversations") for one in received)
        assert 1 <= pages < 10
    assert len(delta.rows("conversations")) == 200
    assert delta.rows("turns") == []


def test_what_was_in_progress_is_fetched_by_id(
    delta: Target, client: DataClient, sandbox: Sandbox, received: list[Received]
) -> None:
    def add_others() -> None:
        """Add the first pages of the list, which are all that a run reads."""
        for number in range(10):
            add(sandbox, f"CA-{number}", days=1000 if number < 5 else 0)

    for name in ("CA-ends", "CA-lasts", "CA-gone", "CA-fails"):
        add(sandbox, name, days=1000, inProgress=True)
    add_others()
    options: dict[str, Any] = {"page_size": 2, "lookback": timedelta(0)}
    delta.load(client, **options)
    add(sandbox, "CA-ends", days=1000, turns=[("a", "b")])
    add_others()
    gone = Fault(404, b'{"error": "gone"}', {"content-type": "application/json"})
    sandbox.faults.add(replace(gone, path="*/conversations/CA-gone"))
    sandbox.faults.add(Fault(500, path="*/conversations/CA-fails"))
    fetched(received)
    delta.load(client, **options)
    assert {"CA-ends", "CA-lasts", "CA-gone", "CA-fails"} <= set(fetched(received))
    assert [row["conversation_id"] for row in delta.rows("sync_failed")] == ["CA-fails"]
    sandbox.faults.clear()
    delta.load(client, **options)
    again = set(fetched(received))
    assert {"CA-lasts", "CA-fails"} <= again
    assert not {"CA-ends", "CA-gone"} & again
    check(delta, client)


def test_v3(database: Target, client: DataClient, sandbox: Sandbox) -> None:
    add(sandbox, "CA-1", turns=[("a", "b"), ("c", "d")], inProgress=True)
    add(sandbox, "CA-old", days=5, inProgress=True)
    add(sandbox, "CA-fails", days=6, inProgress=True)
    add(sandbox, "CA-gone", days=7, inProgress=True)
    add(sandbox, "CA-undated", startedAt="soon", inProgress=True)
    database.load(client, source="v3")
    rows = {row["conversation_id"]: row for row in database.rows("conversations")}
    assert len(rows) == 35
    assert sum(row["conversation_id"] == "CA-1" for row in database.rows("turns")) == 2
    add(sandbox, "CA-1", turns=[("a", "b")])
    add(sandbox, "CA-old", days=5, turns=[("a", "b")])
    find = client.search_conversations

    def search(**options: Any) -> Any:
        until = options.get("until")
        if until and timedelta(days=5.5) < datetime.now(UTC) - until:
            if datetime.now(UTC) - until < timedelta(days=6.5):
                raise PolyAIError("Not now.")
            return SimpleNamespace(pages=lambda: iter(()))
        return find(**options)

    client.search_conversations = search  # type: ignore[method-assign]
    database.load(client, source="v3")
    turns = [row["conversation_id"] for row in database.rows("turns")]
    assert (turns.count("CA-1"), turns.count("CA-old")) == (1, 1)
    assert [row["conversation_id"] for row in database.rows("sync_failed")] == ["CA-fails"]
    state = database.pipeline().state["sources"]["polyai"]["resources"]["conversations"]
    unfinished = state["PROJECT-DEMO"]["unfinished"]
    assert {"CA-fails", "CA-undated"} <= unfinished.keys()
    assert not {"CA-1", "CA-old", "CA-gone"} & unfinished.keys()


def test_redact_leaves_columns_empty(delta: Target, client: DataClient, sandbox: Sandbox) -> None:
    event = {"arguments": {"a": "SECRET"}, "content": "SECRET"}
    turn = {"user_input": "SECRET", "entities": ["SECRET"]}
    fields: dict[str, Any] = {"fromNumber": "SECRET", "note": "SECRET", "new": "SECRET"}
    add(sandbox, "CA-1", turns=[turn], functionEvents={"0": [event]}, **fields)
    delta.load(client, redact=True)
    assert delta.contents().keys() == expected(client).keys()
    assert "SECRET" not in repr(delta.contents())
    assert any(row["agent_response"] for row in delta.rows("turns"))
    with pytest.raises(Exception, match=r"'redact': True\}, and not .*'redact': False\}"):
        delta.load(client)
    pipeline = delta.pipeline()
    pipeline.run(source(client), refresh="drop_resources", **delta.options)
    check(delta, client)


def test_no_conversations(database: Target) -> None:
    with serve(conversations=0) as url, client_for(url) as client:
        client.list_conversations = lambda **_: SimpleNamespace(pages=lambda: iter(()))  # type: ignore[assignment,method-assign]
        database.load(client)
        assert database.contents() == {name: [] for name in SCHEMAS}
        database.load(client)


def test_agents_share_tables(delta: Target, client: DataClient) -> None:
    delta.load(client)
    with serve(conversations=3, agent_id="OTHER", seed=7) as url:
        other = DataClient(base_url=url, api_key="sandbox", agent_id="OTHER")
        with other:
            delta.load(other)
            added = {one.conversation_id for one in other.list_conversations()}
    ids = {row["conversation_id"] for row in delta.rows("conversations")}
    assert ids == added | {one.conversation_id for one in client.list_conversations()}
    state = delta.pipeline().state["sources"]["polyai"]["resources"]["conversations"]
    assert {agent: bool(each["covered_until"]) for agent, each in state.items()} == {
        "PROJECT-DEMO": True,
        "OTHER": True,
    }


# --- What fails --------------------------------------------------------------------------------


def test_a_conversation_that_cannot_be_fetched_is_tried_again(
    database: Target, client: DataClient, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    add(sandbox, "CA-bad")
    sandbox.faults.add(Fault(500, path="*/conversations/CA-bad"))
    with caplog.at_level(logging.WARNING, "polyai_data"):
        database.load(client)
    assert "1 conversations could not be loaded; the table sync_failed" in caplog.text
    (row,) = database.rows("sync_failed")
    assert row["conversation_id"] == "CA-bad"
    assert "500" in row["reason"]
    sandbox.faults.clear()
    database.load(client)
    assert len(database.rows("sync_failed")) == 1
    check(database, client)


def test_a_list_with_a_record_without_an_id_and_one_twice(
    delta: Target, client: DataClient, sandbox: Sandbox
) -> None:
    record = client.get_page(limit=1).conversations[0].raw
    page = {"conversations": [{"channel": "CHAT"}, record], "count": 2, "limit": 50, "offset": 0}
    sandbox.faults.add(Fault(200, json.dumps(page).encode(), {"content-type": "application/json"}))
    found = client.get_page(limit=50)
    pages = SimpleNamespace(pages=lambda: iter([found, found]), total=2)
    client.list_conversations = lambda **_: pages  # type: ignore[assignment,method-assign]
    sandbox.faults.clear()
    delta.load(client)
    assert len(delta.rows("conversations")) == 1
    (row,) = delta.rows("sync_failed")
    assert row["conversation_id"].startswith("unreadable:")


def test_a_run_that_fails_remembers_nothing(
    delta: Target, client: DataClient, sandbox: Sandbox
) -> None:
    sandbox.faults.add(Fault(401, path="*/conversations/*"))
    with pytest.raises(Exception, match="401"):
        delta.load(client)
    sandbox.faults.clear()
    delta.load(client)
    check(delta, client)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "batch_size=0: expected 1 or more"),
        ({"lookback": -DAY}, "must not be negative"),
        ({"refresh": -DAY}, "must not be negative"),
        ({"source": "v4"}, "expected one of data, v3"),
    ],
)
def test_arguments_that_make_no_sense_are_errors(
    client: DataClient, arguments: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        source(client, **arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r'would not replace.*install dlt\[deltalake\].*table_format="delta"'),
        ({"loader_file_format": "parquet"}, "would not replace"),
        ({"table_format": "iceberg"}, "would not replace"),
        ({"table_format": "delta", "write_disposition": "replace"}, "'replace': expected merge"),
        ({"table_format": "delta", "write_disposition": "append"}, "'append': expected merge"),
    ],
)
def test_what_would_lose_or_repeat_rows_is_refused(
    delta: Target, client: DataClient, received: list[Received], options: Any, message: str
) -> None:
    with pytest.raises(Exception, match=message):
        delta.pipeline().run(source(client), **options)
    assert received == []
    assert not list((delta.directory / "lake").rglob("*.parquet"))


@pytest.mark.parametrize(
    ("name", "file_format"),
    [
        ("postgres", "insert_values"),
        ("duckdb", None),
        ("snowflake", None),
        ("bigquery", None),
        ("redshift", None),
        ("databricks", None),
    ],
)
def test_databases_replace_what_conversations_had(
    client: DataClient, name: str, file_format: str | None
) -> None:
    resource = source(client).resources["conversations"]
    pipeline = SimpleNamespace(destination=getattr(dlt.destinations, name)())
    assert type(tables_for(pipeline, resource)) is Tables
    assert resource.compute_table_schema().get("file_format") == file_format


def test_a_pipeline_without_a_destination_is_refused(client: DataClient, tmp_path: Path) -> None:
    pipeline = dlt.pipeline("none", pipelines_dir=str(tmp_path))
    with pytest.raises(Exception, match="has no destination"):
        pipeline.extract(source(client))


# --- Kills -------------------------------------------------------------------------------------


def runs_and_is_killed(arguments: list[str]) -> None:
    """Run a pipeline in this process, which is killed at some moment."""
    url, dsn, directory, dataset, moment, call = arguments
    owner: Any = {
        "to_arrow": sys.modules["polyai_data.dlt._load"],
        "complete_jobs": sys.modules["dlt.load.load"].Load,
        "complete_package": sys.modules["dlt.load.load"].Load,
    }.get(moment, dlt.Pipeline)
    function = getattr(owner, moment)
    calls = iter(range(int(call) - 1))

    def replacement(*arguments: Any, **options: Any) -> Any:
        if next(calls, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)

    setattr(owner, moment, replacement)
    server: Any = SimpleNamespace(dsn=dsn) if dsn else None
    Target(server, Path(directory), dataset).load(client_for(url), batch_size=10)


def fork_runs() -> None:
    """Run and kill a pipeline in a fork of this process for each line of the standard input.

    To import dlt takes much longer than to fork. What has started threads cannot be forked.
    """
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                runs_and_is_killed(json.loads(line))
            finally:
                traceback.print_exc()
                os._exit(1)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


@pytest.fixture(scope="module")
def forks() -> Iterator[Any]:
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", "from tests.data import test_dlt; test_dlt.fork_runs()"]
    with subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(root), *sys.path])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.communicate()


Kill = Callable[[Target, str, str, int], None]


@pytest.fixture
def run_and_kill(forks: Any) -> Kill:
    """Return a function that runs a pipeline in a process that is killed at some moment."""

    def run(target: Target, url: str, moment: str, call: int) -> None:
        dsn = target.server.dsn if target.server else ""
        line = [url, dsn, str(target.directory), target.dataset, moment, str(call)]
        print(json.dumps(line), file=forks.stdin, flush=True)
        assert forks.stdout.readline().strip() == "-9"

    return run


@pytest.mark.parametrize(
    ("target", "moment", "call", "is_lost"),
    [
        ("delta", "to_arrow", 12, False),  # while it extracts
        ("postgres", "complete_jobs", 3, True),  # while it loads; the machine is lost, too
        ("delta", "complete_jobs", 3, True),
        ("postgres", "complete_package", 1, False),  # when all is loaded
        ("delta", "complete_package", 1, False),
    ],
    indirect=["target"],
)
def test_after_a_kill_of_the_first_run_the_next_one_ends_with_the_same_tables(
    target: Target,
    client: DataClient,
    sandbox: Sandbox,
    run_and_kill: Kill,
    moment: str,
    call: int,
    is_lost: bool,
) -> None:
    add(sandbox, "CA-1", turns=[("a", "b"), ("c", "d")])
    run_and_kill(target, sandbox, moment, call)
    if is_lost:
        shutil.rmtree(target.directory / "pipelines")
    add(sandbox, "CA-1", channel="CHAT", turns=[("a", "b")])
    add(sandbox, "CA-2")
    target.load(client)
    check(target, client)


def test_a_run_after_a_kill_loads_what_was_left_and_nothing_else(
    database: Target, client: DataClient, sandbox: Sandbox, run_and_kill: Kill
) -> None:
    """That is how dlt works, and why the page calls `pipeline.run()` first."""
    database.load(client)
    add(sandbox, "CA-left")
    run_and_kill(database, sandbox, "normalize", 1)
    add(sandbox, "CA-new")
    pipeline = database.pipeline()
    pipeline.run(source(client), **database.options)
    ids = {row["conversation_id"] for row in database.rows("conversations")}
    assert ("CA-left" in ids, "CA-new" in ids) == (True, False)
    pipeline.run(source(client), **database.options)
    check(database, client)


def test_packages_that_are_aborted_are_loaded_again(
    delta: Target, client: DataClient, sandbox: Sandbox, run_and_kill: Kill
) -> None:
    delta.load(client)
    add(sandbox, "CA-new")
    run_and_kill(delta, sandbox, "complete_jobs", 1)
    pipeline = delta.pipeline()
    assert pipeline.has_pending_data
    pipeline.abort_packages()
    delta.load(client)
    check(delta, client)


# --- The page and the module -------------------------------------------------------------------


def test_the_examples_of_the_page_run(
    postgres: Postgres, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("POLYAI_BASE_URL", sandbox)
    monkeypatch.setenv("POLYAI_API_KEY", "sandbox")
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", postgres.dsn)
    examples = re.findall(
        r"```python dlt\n(.*?)```", read_page("how-to/other-destinations.md"), re.S
    )
    for example in examples:
        exec(example, {})  # the page is ours
    assert len(examples) == 2
    assert postgres.read("SELECT count(*) FROM polyai.conversations") == [(30,)]
    lake = deltalake.DeltaTable(str(tmp_path / "lake" / "polyai" / "conversations"))
    assert lake.to_pyarrow_table().num_rows == 30


def test_telemetry_is_off_as_soon_as_the_module_is_imported(tmp_path: Path) -> None:
    code = (
        "import dlt, socket; from dlt.common.runtime import anon_tracker\n"
        "socket.socket.connect = None\n"
        "dlt.pipeline('early'); print(bool(anon_tracker._ANON_TRACKER_ENDPOINT))\n"
        "import polyai_data.dlt; print(bool(anon_tracker._ANON_TRACKER_ENDPOINT))\n"
        "dlt.pipeline('late'); print(bool(anon_tracker._ANON_TRACKER_ENDPOINT))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    del environment["RUNTIME__DLTHUB_TELEMETRY"]
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.split() == ["True", "False", "False"], done.stderr


@pytest.mark.parametrize("is_on", [True, False])
def test_telemetry_stays_as_the_user_configured_it(
    monkeypatch: pytest.MonkeyPatch, is_on: bool
) -> None:
    monkeypatch.delenv("RUNTIME__DLTHUB_TELEMETRY")
    with dlt.config.values({"runtime.dlthub_telemetry": is_on}):
        polyai_data.dlt._turn_telemetry_off()
        assert dlt.config.get("runtime.dlthub_telemetry") is is_on
    polyai_data.dlt._turn_telemetry_off()
    assert dlt.config.get("runtime.dlthub_telemetry") == "false"


def test_dir_lists_public_names_only() -> None:
    assert dir(polyai_data.dlt) == sorted(polyai_data.dlt.__all__)
