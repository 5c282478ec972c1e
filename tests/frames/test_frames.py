"""Conversations become typed tables, and no value is lost or breaks a batch."""

from __future__ import annotations

import asyncio
import json
import sys
import types
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, get_args

import pyarrow as pa
import pytest
from polyai_data import (
    AsyncDataClient,
    Conversation,
    ConversationSummary,
    DataClient,
    FoundConversation,
    FunctionCall,
    UnreadableRecord,
    frames,
)
from polyai_data.frames import _tables
from polyai_data.sandbox import serve
from polyai_data_generated.column_types import COLUMN_TYPES

TABLES = get_args(frames.TableName)
DETAIL: dict[str, Any] = {
    "conversationId": "CA1",
    "startedAt": "2026-06-03T13:19:06.123456Z",
    "shortSummary": {"heading": "Billing", "content": "A bill."},
    "turns": [
        {"user_input": "", "agent_response": "Hello", "latency": {"label": "good"}},
        {"userInput": "Hi", "response": "Hm", "entities": [1], "new": 1},
    ],
    "functionEvents": {
        "1": [{"name": "pay", "turn_id": 1, "start_time": "Wed, 03 Jun 2026 13:19:06 GMT"}],
        "2": [{"name": "end", "duration": 1500, "content": "done", "turn_id": 7}],
    },
    "metrics": {"CSAT": [{"timestamp": "2026-06-03T13:19:06", "value": "5"}]},
}


def rows(raw: Any, table: Any = "conversations") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = frames.to_arrow([raw], table).to_pylist()
    return found


def row(raw: Any, table: Any = "conversations") -> dict[str, Any]:
    (only,) = rows(raw, table)
    return only


def test_models_raw_json_and_bulk_results_of_both_clients_give_the_same_table() -> None:
    with serve(conversations=3) as url:
        options: dict[str, Any] = {
            "base_url": url,
            "api_key": "sandbox",
            "agent_id": "PROJECT-DEMO",
        }

        async def read() -> tuple[Any, Any]:
            async with AsyncDataClient(**options) as client:
                listed = await frames.to_arrow_async(client.list_conversations())
                found = client.get_conversations(ids, in_order=True)
                return listed, await frames.to_arrow_async(found, "turns")

        with DataClient(**options) as client:
            models = list(client.list_conversations())
            ids = [model.conversation_id for model in models]
            bulk = list(client.get_conversations(ids, in_order=True))
        listed, turns = asyncio.run(read())
    table = frames.to_arrow(models)
    assert table.num_rows == 3
    assert table.schema == frames.SCHEMAS["conversations"]
    assert table == frames.to_arrow(iter([model.raw for model in models])) == listed
    assert turns == frames.to_arrow([result.value for result in bulk], "turns")
    assert turns == frames.to_arrow(bulk, "turns")
    assert turns.num_rows == sum(len(result.value.turns or ()) for result in bulk)
    assert set(table["problems"].to_pylist()[0]) == set()


@pytest.mark.parametrize("table", TABLES)
def test_an_empty_input_has_the_full_schema(table: Any) -> None:
    assert frames.to_arrow([], table).schema == frames.SCHEMAS[table]
    assert frames.to_arrow([], table).num_rows == 0
    assert list(frames.to_batches([], table)) == []


def test_the_details_become_rows_of_the_other_tables() -> None:
    first, second = rows(DETAIL, "turns")
    assert (first["conversation_id"], first["turn"], second["turn"]) == ("CA1", 0, 1)
    assert (first["latency_label"], first["latency_seconds"]) == ("good", None)
    assert (second["user_input"], second["agent_response"]) == ("Hi", "Hm")
    assert (second["entities"], second["other"]) == ("[1]", '{"new":1}')
    pay, end = rows(DETAIL, "function_calls")
    moment = datetime(2026, 6, 3, 13, 19, 6, tzinfo=UTC)
    assert (pay["position"], pay["turn"], pay["started_at"]) == (0, 1, moment)
    assert (pay["other"], pay["problems"]) == (None, [])
    assert (end["position"], end["duration_seconds"], end["result"]) == (1, 1.5, '"done"')
    assert end["other"] == '{"turn_id":7}'  # it contradicts the key
    metric = row(DETAIL, "metrics")
    assert (metric["name"], metric["position"], metric["value"]) == ("CSAT", 0, "5")
    assert metric["timestamp"] == moment


def test_the_columns_are_those_of_the_records() -> None:
    def names(table: str) -> set[str]:
        return set(frames.SCHEMAS[table].names)  # type: ignore[index]

    model = Conversation.from_dict(DETAIL)
    assert names("conversations") == {*model.to_record()} - {"transcript"} | {"other"}
    assert model.turns
    assert {*model.turns[0].to_record()} <= names("turns")
    call = FunctionCall(None, None, None, None, {}, None, None, model.function_calls[0].event)
    assert {*call.to_record()} <= names("function_calls")
    assert {*COLUMN_TYPES["MetricValue"]} <= names("metrics")
    for table in _tables.TABLES.values():
        assert {*table.key} <= {column.name for column in table.fixed} | {"conversation_id"}


def test_the_values_are_those_of_the_records() -> None:
    with serve(conversations=40) as url:
        client = DataClient(base_url=url, api_key="sandbox", agent_id="PROJECT-DEMO")
        with client:
            models = [
                result.value
                for result in client.get_conversations(
                    [one.conversation_id for one in client.list_conversations()]
                )
            ]
    assert len(models) == 40
    for model in models:
        record, found = model.to_record(), row(model)
        for name in found.keys() & record.keys():
            value = found[name]
            if isinstance(value, datetime):
                value = value.isoformat(timespec="microseconds")
            assert value == record[name], name


def test_a_text_column_that_has_mixed_types_keeps_every_value() -> None:
    batch = [{"conversationId": str(n), "channel": n if n % 2 else "a"} for n in range(4)]
    table = frames.to_arrow(batch)
    assert table["channel"].to_pylist() == ["a", None, "a", None]
    assert table["problems"].to_pylist() == [[], ["channel"], [], ["channel"]]
    assert table["other"].to_pylist() == [None, '{"channel":1}', None, '{"channel":3}']


HUGE = 2**70


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("conversationId", 5),
        ("conversationId", None),
        ("channel", ["a"]),
        ("channel", {"a": 1}),
        ("channel", True),
        ("channel", "\ud800"),
        ("totalDuration", "12"),
        ("totalDuration", 1.5),
        ("totalDuration", True),
        ("totalDuration", HUGE),
        ("polyScore", "5"),
        ("polyScore", False),
        ("polyScore", 10**400),
        ("handoff", "yes"),
        ("handoff", 1),
        ("tags", "a"),
        ("tags", [1]),
        ("tags", ["a", None]),
        ("tags", {"a": 1}),
        ("startedAt", 5),
        ("startedAt", "yesterday"),
        ("startedAt", "2026-06-03"),
        ("startedAt", "9999-12-31T23:59:59-05:00"),
        ("startedAt", "0000-01-01T00:00:00Z"),
        ("shortSummary", 5),
        ("shortSummary", ["a"]),
    ],
)
def test_a_value_that_drifted_is_null_and_kept(key: str, value: Any) -> None:
    raw = {"conversationId": "CA1", key: value}
    usual = {"conversationId": "CA2", "channel": "a", "tags": ["x"], "totalDuration": 1}
    table = frames.to_arrow([usual, raw, usual])
    found = table.to_pylist()[1]
    if value is None:
        assert (found["problems"], found["other"]) == ([], None)
        return
    assert found["problems"] == [key]
    assert json.loads(found["other"]) == {key: value}
    assert [one["problems"] for one in table.to_pylist()[::2]] == [[], []]


def test_whole_numbers_may_be_written_as_floats() -> None:
    found = row({"conversationId": "CA1", "duration": 12.0, "polyScore": 4})
    assert (found["duration_seconds"], found["poly_score"], found["problems"]) == (12, 4.0, [])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_json_does_not_have_are_problems(value: float) -> None:
    for usual in (5.0, "text"):
        table = frames.to_arrow(
            [{"conversationId": "CA1", "polyScore": one} for one in (value, usual)]
        )
        found = table.to_pylist()[0]
        assert (found["poly_score"], found["problems"]) == (None, ["polyScore"])
        assert json.loads(found["other"])


@pytest.mark.parametrize(
    "raw",
    [5, "text", None, ["CA1"], UnreadableRecord.from_dict({"conversationId": "1"}).raw and 1.5],
)
def test_a_record_that_is_not_an_object_is_kept(raw: Any) -> None:
    found = row(raw)
    assert (found["conversation_id"], found["problems"]) == (None, ["value"])
    assert json.loads(found["other"]) == {"value": raw}
    assert [len(rows(raw, table)) for table in TABLES] == [1, 0, 0, 0]


@pytest.mark.parametrize(
    ("details", "problem", "kept"),
    [
        ({"turns": "none"}, "turns", "none"),
        ({"turns": {"0": {}}}, "turns", {"0": {}}),
        ({"metrics": [1]}, "metrics", [1]),
        ({"functionEvents": []}, "functionEvents", []),
        ({"metrics": {"CSAT": "5", "A": []}}, "metrics.CSAT", "5"),
        ({"functionEvents": {"1": {"name": "a"}}}, "functionEvents.1", {"name": "a"}),
    ],
)
def test_details_of_another_shape_are_kept_with_the_conversation(
    details: Any, problem: str, kept: Any
) -> None:
    found = row({"conversationId": "CA1", **details})
    assert found["problems"] == [problem]
    assert json.loads(found["other"]) == {problem: kept}
    assert [rows({"conversationId": "CA1", **details}, table) for table in TABLES[1:]] == [[]] * 3


def test_parts_that_are_not_objects_are_rows() -> None:
    raw = {
        "conversationId": 7,
        "turns": [5, {"latency": "slow"}, {"latency": {"perceived_latency": "1", "p": 1}}],
        "functionEvents": {"x": [{"turn_id": "x"}, None]},
        "metrics": {"a": ["5"]},
    }
    first, second, third = rows(raw, "turns")
    assert (first["conversation_id"], first["problems"]) == (None, ["value"])
    assert first["other"] == '{"value":5}'
    assert (second["problems"], second["other"]) == (["latency"], '{"latency":"slow"}')
    assert third["problems"] == ["latency.perceived_latency"]
    assert json.loads(third["other"]) == {"latency": {"perceived_latency": "1", "p": 1}}
    event, none = rows(raw, "function_calls")
    assert (event["turn"], event["problems"], event["other"]) == (None, ["turn"], '{"turn":"x"}')
    assert none["problems"] == ["turn", "value"]
    assert row(raw, "metrics")["problems"] == ["value"]


@pytest.mark.parametrize(
    ("summary", "heading", "text", "other"),
    [
        ({"heading": "H", "content": "C"}, "H", "C", None),
        ({"heading": "", "content": "C"}, None, "C", None),
        ('{"heading": "H", "content": "C"}', "H", "C", None),
        ("Plain text.", None, "Plain text.", None),
        ("{not JSON", None, "{not JSON", None),
        ('{"content": "\\ud800"}', None, None, {"shortSummary": '{"content": "\\ud800"}'}),
        ("", None, None, None),
        ({"heading": "H", "mood": 1}, "H", None, {"shortSummary": {"heading": "H", "mood": 1}}),
        ({"heading": 5}, None, None, {"shortSummary": {"heading": 5}}),
    ],
)
def test_a_summary_in_any_form_gives_its_heading_and_text(
    summary: Any, heading: str | None, text: str | None, other: Any
) -> None:
    found = row({"conversationId": "CA1", "shortSummary": summary})
    assert (found["heading"], found["summary_text"]) == (heading, text)
    assert (found["other"] and json.loads(found["other"])) == other


TIMES = [
    "2026-06-03T13:19:06.123456Z",
    "2026-06-03 13:19:06.1+02:00",
    "2026-06-03T13:19:06",
    "2026-06-03T13:19Z",
    "2026-06-03T13Z",
    "2026-06-03T13",
    "2026-06-03",
    "20260603T131906Z",
    "2026-06-03T13:19:06.123456789Z",
    "2026-06-03T13:19:06z",
    "2026-06-03T24:00:00Z",
    "2026-06-03T13:19:06+0200",
    "2026-06-03T13:19:06 Z",
    "2026-06-03x13:19Z",
    "2026-02-30T00:00:00Z",
    "Wed, 03 Jun 2026 13:19:06 GMT",
    "Thu, 03 Jun 2026 13:19:06 GMT",
    "1969-12-31T23:59:59Z",
    "",
]


@pytest.mark.parametrize("text", TIMES)
@pytest.mark.parametrize("among", [[], ["2026-06-03T13:19:06Z"], ["2026-06-03T13:19:06"], ["x"]])
def test_times_are_read_as_the_models_read_them(text: str, among: list[str]) -> None:
    raws = [{"conversationId": "CA1", "startedAt": one} for one in [text, *among]]
    moment: Any = ConversationSummary.from_dict(raws[0]).started_at
    found = frames.to_arrow(raws).to_pylist()[0]
    if isinstance(moment, str):
        assert (found["started_at"], found["problems"]) == (None, ["startedAt"])
    else:
        assert (found["started_at"], found["problems"]) == (moment, [])


def test_json_columns_hold_json_whatever_came() -> None:
    values = [{"a": 1}, [1], "text", 5, True, None, "\ud800", HUGE, float("nan")]
    raw = {"conversationId": "CA1", "turns": [{"entities": value} for value in values]}
    found = [one["entities"] for one in rows(raw, "turns")]
    assert found[:6] == ['{"a":1}', "[1]", '"text"', "5", "true", None]
    assert json.loads(found[6]) == "\ud800"
    assert json.loads(found[7]) == HUGE
    assert rows({"conversationId": "1", "turns": [{"entities": object()}]}, "turns")[0]["entities"]


def test_an_alias_counts_only_if_the_key_is_missing() -> None:
    raw = {"conversationId": "1", "turns": [{"user_input": "a", "input": "b"}, {"input": "c"}]}
    first, second = rows(raw, "turns")
    assert (first["user_input"], first["other"]) == ("a", '{"input":"b"}')
    assert (second["user_input"], second["other"]) == ("c", None)


@pytest.mark.parametrize("size", [1, 7, 512, 600, 4096])
def test_batches_have_the_size_and_lose_nothing(size: int) -> None:
    raws = [{"conversationId": str(n), "turns": [{}, {}, {}]} for n in range(700)]
    for table, total in (("conversations", 700), ("turns", 2100)):
        batches: list[Any] = list(frames.to_batches(raws, table, size=size))  # type: ignore[arg-type]
        assert sum(batch.num_rows for batch in batches) == total
        assert max(batch.num_rows for batch in batches) <= size
        whole = pa.Table.from_batches(batches)
        assert whole == frames.to_arrow(raws, table)  # type: ignore[arg-type]


def test_batches_are_made_while_items_come() -> None:
    taken = []

    def items() -> Any:
        for n in range(5000):
            taken.append(n)
            yield {"conversationId": str(n)}

    first = next(iter(frames.to_batches(items(), size=1000)))
    assert (first.num_rows, len(taken)) == (1000, 1000)


def test_async_batches() -> None:
    async def items() -> AsyncIterator[Any]:
        for n in range(5):
            yield {"conversationId": str(n)}

    async def read() -> list[int]:
        return [batch.num_rows async for batch in frames.to_batches_async(items(), size=2)]

    assert asyncio.run(read()) == [2, 2, 1]


def test_a_failed_result_of_a_bulk_read_raises_its_error() -> None:
    with serve() as url:
        client = DataClient(base_url=url, api_key="sandbox", agent_id="PROJECT-DEMO")
        with client, pytest.raises(Exception, match="404"):
            frames.to_arrow(client.get_conversations(["CA-unknown"]))


def test_arguments_that_make_no_sense_are_errors() -> None:
    with pytest.raises(ValueError, match="table='calls': expected one of conversations, turns"):
        frames.to_batches([], "calls")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="size=0: expected 1 or more"):
        frames.to_batches([], size=0)


@pytest.mark.parametrize(("function", "name"), [("to_pandas", "pandas"), ("to_polars", "polars")])
def test_a_missing_library_is_an_error_that_names_the_command(
    monkeypatch: pytest.MonkeyPatch, function: str, name: str
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=f"{function} needs {name}: pip install {name}$"):
        getattr(frames, function)([])


def test_a_broken_library_is_not_reported_as_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / "polars.py").write_text("import a_module_that_polars_needs")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "polars", raising=False)
    with pytest.raises(ModuleNotFoundError, match="a_module_that_polars_needs"):
        frames.to_polars([])


def test_the_libraries_get_arrow_data(monkeypatch: pytest.MonkeyPatch) -> None:
    polars = types.ModuleType("polars")
    polars.from_arrow = lambda table: table.num_rows  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "polars", polars)
    assert frames.to_polars([DETAIL], "turns") == 2
    pandas = types.ModuleType("pandas")
    pandas.ArrowDtype = str  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pandas", pandas)

    class Table:
        @staticmethod
        def to_pandas(types_mapper: Any) -> Any:
            return types_mapper

    monkeypatch.setattr(frames, "to_arrow", lambda *_: Table)
    assert frames.to_pandas([DETAIL]) is str


def test_importing_without_pyarrow_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [one for one in sys.modules if one.startswith("polyai_data.frames")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"frames needs pyarrow: pip install .*\[arrow\]"):
        import polyai_data.frames  # noqa: F401


def test_dir_lists_public_names_only() -> None:
    assert dir(frames) == sorted(frames.__all__)


# --- The Conversations API v3 ------------------------------------------------------------------

FOUND: dict[str, Any] = {
    "id": "CA1",
    "project_id": "PROJECT-DEMO",
    "environment": "live",
    "started_at": "2026-06-03T13:19:06.123456Z",
    "total_duration": 65,
    "in_progress": False,
    "variant_name": "York branch",
    "num_turns": 2,
    "state": {"a": 1},
    "metrics": {"CSAT": "5", "STEP": ["a", "b"]},
    "turns": [
        {"user_input": "", "agent_response": "Hello", "latency": 1.5, "intents": ["booking"]},
        {"user_input": "Hi", "latency": {"label": "good"}},
    ],
}


def test_conversations_of_v3_give_the_same_tables() -> None:
    found = FoundConversation.from_dict(FOUND)
    for table in TABLES:
        assert frames.to_arrow([found], table) == frames.to_arrow([FOUND], table)
    one = row(FOUND)
    assert one["conversation_id"] == "CA1"
    assert one["client_env"] == "live"
    assert one["started_at"] == datetime(2026, 6, 3, 13, 19, 6, 123456, tzinfo=UTC)
    assert one["total_duration_seconds"] == 65
    assert one["in_progress"] is False
    assert one["problems"] == []
    only_v3 = {"variant_name": "York branch", "num_turns": 2, "state": {"a": 1}}
    assert json.loads(one["other"]) == only_v3
    first, second = rows(FOUND, "turns")
    assert (first["turn"], first["agent_response"], first["latency_seconds"]) == (0, "Hello", 1.5)
    assert json.loads(first["intents"]) == ["booking"]
    assert (second["latency_label"], second["problems"]) == ("good", [])
    assert [(each["name"], each["position"], each["value"]) for each in rows(FOUND, "metrics")] == [
        ("CSAT", 0, "5"),
        ("STEP", 0, "a"),
        ("STEP", 1, "b"),
    ]
    assert rows(FOUND, "function_calls") == []


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"turns": 5}, "turns"),
        ({"metrics": [5]}, "metrics"),
        ({"started_at": 5}, "startedAt"),
        ({"id": 5}, "conversationId"),
    ],
)
def test_drift_in_v3_is_kept(fields: dict[str, Any], problem: str) -> None:
    one = row(FOUND | fields)
    assert one["problems"] == [problem]
    assert json.loads(one["other"])[problem] == next(iter(fields.values()))


@pytest.mark.parametrize("latency", ["fast", True])
def test_drift_in_turns_and_metrics_of_v3_is_kept(latency: Any) -> None:
    drifted = FOUND | {"turns": [{"latency": latency}, 5], "metrics": {"CSAT": 5}}
    first, second = rows(drifted, "turns")
    assert (first["problems"], json.loads(first["other"])) == (["latency"], {"latency": latency})
    assert json.loads(second["other"]) == {"value": 5}
    (metric,) = rows(drifted, "metrics")
    assert json.loads(metric["other"]) == {"value": 5}


def test_the_columns_of_v3_have_the_types_of_the_table() -> None:
    types = {column.name: column.type for column in _tables.TABLES["conversations"].columns}
    for field, kind in COLUMN_TYPES["FoundConversation"].items():
        assert types.get(field, kind) == kind
