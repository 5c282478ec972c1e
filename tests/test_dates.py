"""Dates in answers: three forms, and whatever else comes; always aware of their offset."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from polyai_data import Conversation

Make = Callable[..., Conversation]


def at(hour: int, minute: int, second: int, microsecond: int = 0) -> datetime:
    return datetime(2026, 6, 3, hour, minute, second, microsecond, tzinfo=UTC)


MOMENTS = st.datetimes(
    timezones=st.none()
    | st.builds(timezone, st.integers(-1439, 1439).map(lambda minutes: timedelta(minutes=minutes)))
)


@given(MOMENTS)
def test_every_iso_date_is_read_aware(moment: datetime) -> None:
    read = Conversation.from_dict({"conversationId": "CA1", "startedAt": moment.isoformat()})
    assert read.problems == ()
    assert read.started_at is not None
    assert read.started_at.utcoffset() == (moment.utcoffset() or timedelta())
    assert read.started_at.replace(tzinfo=None) == moment.replace(tzinfo=None)


@given(st.text(max_size=40) | MOMENTS.map(lambda moment: moment.ctime()) | MOMENTS.map(str))
@example("Thu, 99999999999999999999 May 2026 20:27:40 GMT")
def test_text_in_a_date_is_an_aware_date_or_a_problem(text: str) -> None:
    read = Conversation.from_dict({"conversationId": "CA1", "startedAt": text})
    if isinstance(read.started_at, datetime):
        assert read.started_at.utcoffset() is not None
        assert read.problems == ()
    elif text:
        assert read.started_at == text
        assert [problem.value for problem in read.problems] == [text]
    else:
        assert read.started_at is None
        assert read.problems == ()


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-06-03T13:18:06.370000+00:00", at(13, 18, 6, 370000)),
        ("2026-06-03T13:18:06Z", at(13, 18, 6)),
        ("2026-06-03T13:18:06.370000", at(13, 18, 6, 370000)),
        ("2026-06-03 15:18:06+02:00", at(13, 18, 6)),
        ("Wed, 03 Jun 2026 13:18:06 GMT", at(13, 18, 6)),
        ("Wed, 03 Jun 2026 13:18:06 -0000", at(13, 18, 6)),
        ("Wed, 03 Jun 2026 15:18:06 +0200", at(13, 18, 6)),
        ("3 Jun 2026 13:18 UT", at(13, 18, 0)),
        ("Wed, 03 Jun 2026 09:18:06 EDT", at(13, 18, 6)),
        ("20260603T131806.370Z", at(13, 18, 6, 370000)),
        ("2026-06-03T13:18", at(13, 18, 0)),
        ("2026-06-03T13:18:06,5Z", at(13, 18, 6, 500000)),
    ],
)
def test_dates_of_every_form_are_read(conversation: Make, text: str, moment: datetime) -> None:
    read = conversation(
        startedAt=text,
        turns=[{"user_input_datetime": text, "agent_response_datetime": text}],
        metrics={"M": [{"timestamp": text}]},
        functionEvents={"1": [{"start_time": text}]},
    )
    assert read.turns is not None
    assert read.metrics is not None
    assert read.function_events is not None
    moments = {
        read.started_at,
        read.turns[0].user_input_datetime,
        read.turns[0].agent_response_datetime,
        read.metrics["M"][0].timestamp,
        read.function_events["1"][0].start_time,
    }
    assert moments == {moment}


@pytest.mark.parametrize(
    "text",
    [
        "2026-06-03",
        "20260603",
        "2026-W23-3",
        "2026-06-03T13",
        "2026-06-03x13:18:06",
        "2026-06-03T13:18:06 PM",
        "2026-06-03T01:18:06 PM",
        "2026-06-03T13:18:06 CET",
        "2026-06-03T13:18:06+02:00 (CEST)",
        "2026-06-03T13:18:06Z, about",
        " 2026-06-03T13:18:06Z",
        "2026-06-03T13:18:06+25:00",
        "2026-02-30T13:18:06Z",
        "Wed, 03 Jun 2026 01:18:06 PM",
        "Wed, 03 Jun 2026 01:18:06 PM GMT",
        "Wed, 03 Jun 2026 13:18:06",
        "Wed, 03 Jun 2026 13:18:06 CET",
        "Wed, 03 Jun 2026 13:18:06 A",
        "Wed, 03 Jun 2026 13:18:06 GMT+2",
        "Wed, 03 Jun 2026 13:18:06 GMT (or so)",
        "Wed, 03 Jun 2026 13:18:06 +9900",
        "Wed, 03 Jun 2026 13:18:06 +0260",
        "Wed, 03 Jun 2026 13:18:60 GMT",
        "Wed, 03 Jun 2026 25:18:06 GMT",
        "Thu, 03 Jun 2026 13:18:06 GMT",
        "Wed, 03 Foo 2026 13:18:06 GMT",
        "Wed, 31 Jun 2026 13:18:06 GMT",
        "Wed, 03 Jun 26 13:18:06 GMT",
        "Wednesday, 03-Jun-26 13:18:06 GMT",
        "Wed Jun  3 13:18:06 2026",
        "06/03/2026 13:18:06",
        "3 June 2026 13:18:06 GMT",
        "1780492686",
        "1780492686.37",
        "yesterday",
        "\u0662\u0660\u0662\u0666-06-03T13:18:06Z",
    ],
)
def test_a_date_that_is_not_fully_understood_is_a_problem_and_not_a_guess(
    conversation: Make, text: str
) -> None:
    read = conversation(startedAt=text, functionEvents={"1": [{"start_time": text}]})
    assert [(problem.field, problem.value) for problem in read.problems] == [
        ("startedAt", text),
        ("functionEvents.1[0].start_time", text),
    ]
    assert read.started_at == text
    assert {problem.reason for problem in read.problems} == {
        "expected a date and time, got another string"
    }
    assert [call.started_at for call in read.function_calls] == [None]
