# Written by `make generate`. Do not edit: the next run overwrites it.
from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.summary import Summary
    from ..models.turn import Turn


T = TypeVar("T", bound="Conversation")


@_attrs_define
class Conversation:
    """Public-facing conversation detail (includes turns, metrics).

    Attributes:
        conversation_id (str):
        account_id (None | str):
        project_id (None | str):
        created_at (datetime.datetime | None):
        started_at (datetime.datetime | None):
        finished_at (datetime.datetime | None):
        channel (None | str):
        from_number (None | str):
        to_number (None | str):
        language (None | str):
        variant_id (None | str):
        client_env (None | str):
        total_duration (int | None):
        polyai_duration (int | None):
        duration (int | None):
        in_progress (bool | None):
        handoff (bool | None):
        handoff_destination (None | str):
        handoff_reason (None | str):
        direction (None | str):
        tags (list[str] | None):
        poly_score (float | None):
        short_summary (None | str | Summary):
        deployment_id (None | str):
        note (None | str):
        audio_url (None | str):
        turns (list[Turn] | None):
        metrics (Any):
        function_events (Any):
    """

    conversation_id: str
    account_id: None | str
    project_id: None | str
    created_at: datetime.datetime | None
    started_at: datetime.datetime | None
    finished_at: datetime.datetime | None
    channel: None | str
    from_number: None | str
    to_number: None | str
    language: None | str
    variant_id: None | str
    client_env: None | str
    total_duration: int | None
    polyai_duration: int | None
    duration: int | None
    in_progress: bool | None
    handoff: bool | None
    handoff_destination: None | str
    handoff_reason: None | str
    direction: None | str
    tags: list[str] | None
    poly_score: float | None
    short_summary: None | str | Summary
    deployment_id: None | str
    note: None | str
    audio_url: None | str
    turns: list[Turn] | None
    metrics: Any
    function_events: Any
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.summary import Summary  # noqa: PLC0415

        conversation_id = self.conversation_id

        account_id: None | str
        account_id = self.account_id

        project_id: None | str
        project_id = self.project_id

        created_at: None | str
        if isinstance(self.created_at, datetime.datetime):
            created_at = self.created_at.isoformat()
        else:
            created_at = self.created_at

        started_at: None | str
        if isinstance(self.started_at, datetime.datetime):
            started_at = self.started_at.isoformat()
        else:
            started_at = self.started_at

        finished_at: None | str
        if isinstance(self.finished_at, datetime.datetime):
            finished_at = self.finished_at.isoformat()
        else:
            finished_at = self.finished_at

        channel: None | str
        channel = self.channel

        from_number: None | str
        from_number = self.from_number

        to_number: None | str
        to_number = self.to_number

        language: None | str
        language = self.language

        variant_id: None | str
        variant_id = self.variant_id

        client_env: None | str
        client_env = self.client_env

        total_duration: int | None
        total_duration = self.total_duration

        polyai_duration: int | None
        polyai_duration = self.polyai_duration

        duration: int | None
        duration = self.duration

        in_progress: bool | None
        in_progress = self.in_progress

        handoff: bool | None
        handoff = self.handoff

        handoff_destination: None | str
        handoff_destination = self.handoff_destination

        handoff_reason: None | str
        handoff_reason = self.handoff_reason

        direction: None | str
        direction = self.direction

        tags: list[str] | None
        if isinstance(self.tags, list):
            tags = self.tags

        else:
            tags = self.tags

        poly_score: float | None
        poly_score = self.poly_score

        short_summary: dict[str, Any] | None | str
        if isinstance(self.short_summary, Summary):
            short_summary = self.short_summary.to_dict()
        else:
            short_summary = self.short_summary

        deployment_id: None | str
        deployment_id = self.deployment_id

        note: None | str
        note = self.note

        audio_url: None | str
        audio_url = self.audio_url

        turns: list[dict[str, Any]] | None
        if isinstance(self.turns, list):
            turns = []
            for turns_type_0_item_data in self.turns:
                turns_type_0_item = turns_type_0_item_data.to_dict()
                turns.append(turns_type_0_item)

        else:
            turns = self.turns

        metrics = self.metrics

        function_events = self.function_events

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "conversationId": conversation_id,
                "accountId": account_id,
                "projectId": project_id,
                "createdAt": created_at,
                "startedAt": started_at,
                "finishedAt": finished_at,
                "channel": channel,
                "fromNumber": from_number,
                "toNumber": to_number,
                "language": language,
                "variantId": variant_id,
                "clientEnv": client_env,
                "totalDuration": total_duration,
                "polyaiDuration": polyai_duration,
                "duration": duration,
                "inProgress": in_progress,
                "handoff": handoff,
                "handoffDestination": handoff_destination,
                "handoffReason": handoff_reason,
                "direction": direction,
                "tags": tags,
                "polyScore": poly_score,
                "shortSummary": short_summary,
                "deploymentId": deployment_id,
                "note": note,
                "audioUrl": audio_url,
                "turns": turns,
                "metrics": metrics,
                "functionEvents": function_events,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.summary import Summary  # noqa: PLC0415
        from ..models.turn import Turn  # noqa: PLC0415

        d = dict(src_dict)
        conversation_id = d.pop("conversationId")

        def _parse_account_id(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        account_id = _parse_account_id(d.pop("accountId"))

        def _parse_project_id(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        project_id = _parse_project_id(d.pop("projectId"))

        def _parse_created_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                created_at_type_0 = datetime.datetime.fromisoformat(data)

                return created_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        created_at = _parse_created_at(d.pop("createdAt"))

        def _parse_started_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                started_at_type_0 = datetime.datetime.fromisoformat(data)

                return started_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        started_at = _parse_started_at(d.pop("startedAt"))

        def _parse_finished_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                finished_at_type_0 = datetime.datetime.fromisoformat(data)

                return finished_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        finished_at = _parse_finished_at(d.pop("finishedAt"))

        def _parse_channel(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        channel = _parse_channel(d.pop("channel"))

        def _parse_from_number(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        from_number = _parse_from_number(d.pop("fromNumber"))

        def _parse_to_number(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        to_number = _parse_to_number(d.pop("toNumber"))

        def _parse_language(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        language = _parse_language(d.pop("language"))

        def _parse_variant_id(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        variant_id = _parse_variant_id(d.pop("variantId"))

        def _parse_client_env(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        client_env = _parse_client_env(d.pop("clientEnv"))

        def _parse_total_duration(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        total_duration = _parse_total_duration(d.pop("totalDuration"))

        def _parse_polyai_duration(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        polyai_duration = _parse_polyai_duration(d.pop("polyaiDuration"))

        def _parse_duration(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        duration = _parse_duration(d.pop("duration"))

        def _parse_in_progress(data: object) -> bool | None:
            if data is None:
                return data
            return cast(bool | None, data)

        in_progress = _parse_in_progress(d.pop("inProgress"))

        def _parse_handoff(data: object) -> bool | None:
            if data is None:
                return data
            return cast(bool | None, data)

        handoff = _parse_handoff(d.pop("handoff"))

        def _parse_handoff_destination(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        handoff_destination = _parse_handoff_destination(d.pop("handoffDestination"))

        def _parse_handoff_reason(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        handoff_reason = _parse_handoff_reason(d.pop("handoffReason"))

        def _parse_direction(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        direction = _parse_direction(d.pop("direction"))

        def _parse_tags(data: object) -> list[str] | None:
            if data is None:
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                tags_type_0 = cast(list[str], data)

                return tags_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None, data)

        tags = _parse_tags(d.pop("tags"))

        def _parse_poly_score(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        poly_score = _parse_poly_score(d.pop("polyScore"))

        def _parse_short_summary(data: object) -> None | str | Summary:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                short_summary_type_0 = Summary.from_dict(data)

                return short_summary_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | str | Summary, data)

        short_summary = _parse_short_summary(d.pop("shortSummary"))

        def _parse_deployment_id(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        deployment_id = _parse_deployment_id(d.pop("deploymentId"))

        def _parse_note(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        note = _parse_note(d.pop("note"))

        def _parse_audio_url(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        audio_url = _parse_audio_url(d.pop("audioUrl"))

        def _parse_turns(data: object) -> list[Turn] | None:
            if data is None:
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                turns_type_0 = []
                _turns_type_0 = data
                for turns_type_0_item_data in _turns_type_0:
                    turns_type_0_item = Turn.from_dict(turns_type_0_item_data)

                    turns_type_0.append(turns_type_0_item)

                return turns_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[Turn] | None, data)

        turns = _parse_turns(d.pop("turns"))

        metrics = d.pop("metrics")

        function_events = d.pop("functionEvents")

        conversation = cls(
            conversation_id=conversation_id,
            account_id=account_id,
            project_id=project_id,
            created_at=created_at,
            started_at=started_at,
            finished_at=finished_at,
            channel=channel,
            from_number=from_number,
            to_number=to_number,
            language=language,
            variant_id=variant_id,
            client_env=client_env,
            total_duration=total_duration,
            polyai_duration=polyai_duration,
            duration=duration,
            in_progress=in_progress,
            handoff=handoff,
            handoff_destination=handoff_destination,
            handoff_reason=handoff_reason,
            direction=direction,
            tags=tags,
            poly_score=poly_score,
            short_summary=short_summary,
            deployment_id=deployment_id,
            note=note,
            audio_url=audio_url,
            turns=turns,
            metrics=metrics,
            function_events=function_events,
        )

        conversation.additional_properties = d
        return conversation

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
