# Written by `make generate`. Do not edit: the next run overwrites it.
from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.found_turn import FoundTurn


T = TypeVar("T", bound="FoundConversation")


@_attrs_define
class FoundConversation:
    """
    Attributes:
        id (str):
        account_id (None | str):
        project_id (None | str):
        variant_id (None | str):
        variant_name (None | str):
        environment (None | str):
        started_at (datetime.datetime | None):
        channel (None | str):
        from_number (None | str):
        to_number (None | str):
        in_progress (bool | None):
        num_turns (int | None):
        total_duration (int | None):
        polyai_duration (int | None):
        handoff (bool | None):
        handoff_reason (None | str):
        handoff_destination (None | str):
        num_silences (int | None):
        num_ood (int | None):
        metrics (Any):
        state (Any):
        turns (list[FoundTurn] | None):
    """

    id: str
    account_id: None | str
    project_id: None | str
    variant_id: None | str
    variant_name: None | str
    environment: None | str
    started_at: datetime.datetime | None
    channel: None | str
    from_number: None | str
    to_number: None | str
    in_progress: bool | None
    num_turns: int | None
    total_duration: int | None
    polyai_duration: int | None
    handoff: bool | None
    handoff_reason: None | str
    handoff_destination: None | str
    num_silences: int | None
    num_ood: int | None
    metrics: Any
    state: Any
    turns: list[FoundTurn] | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        account_id: None | str
        account_id = self.account_id

        project_id: None | str
        project_id = self.project_id

        variant_id: None | str
        variant_id = self.variant_id

        variant_name: None | str
        variant_name = self.variant_name

        environment: None | str
        environment = self.environment

        started_at: None | str
        if isinstance(self.started_at, datetime.datetime):
            started_at = self.started_at.isoformat()
        else:
            started_at = self.started_at

        channel: None | str
        channel = self.channel

        from_number: None | str
        from_number = self.from_number

        to_number: None | str
        to_number = self.to_number

        in_progress: bool | None
        in_progress = self.in_progress

        num_turns: int | None
        num_turns = self.num_turns

        total_duration: int | None
        total_duration = self.total_duration

        polyai_duration: int | None
        polyai_duration = self.polyai_duration

        handoff: bool | None
        handoff = self.handoff

        handoff_reason: None | str
        handoff_reason = self.handoff_reason

        handoff_destination: None | str
        handoff_destination = self.handoff_destination

        num_silences: int | None
        num_silences = self.num_silences

        num_ood: int | None
        num_ood = self.num_ood

        metrics = self.metrics

        state = self.state

        turns: list[dict[str, Any]] | None
        if isinstance(self.turns, list):
            turns = []
            for turns_type_0_item_data in self.turns:
                turns_type_0_item = turns_type_0_item_data.to_dict()
                turns.append(turns_type_0_item)

        else:
            turns = self.turns

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "account_id": account_id,
                "project_id": project_id,
                "variant_id": variant_id,
                "variant_name": variant_name,
                "environment": environment,
                "started_at": started_at,
                "channel": channel,
                "from_number": from_number,
                "to_number": to_number,
                "in_progress": in_progress,
                "num_turns": num_turns,
                "total_duration": total_duration,
                "polyai_duration": polyai_duration,
                "handoff": handoff,
                "handoff_reason": handoff_reason,
                "handoff_destination": handoff_destination,
                "num_silences": num_silences,
                "num_ood": num_ood,
                "metrics": metrics,
                "state": state,
                "turns": turns,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.found_turn import FoundTurn  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        def _parse_account_id(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        account_id = _parse_account_id(d.pop("account_id"))

        def _parse_project_id(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        project_id = _parse_project_id(d.pop("project_id"))

        def _parse_variant_id(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        variant_id = _parse_variant_id(d.pop("variant_id"))

        def _parse_variant_name(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        variant_name = _parse_variant_name(d.pop("variant_name"))

        def _parse_environment(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        environment = _parse_environment(d.pop("environment"))

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

        started_at = _parse_started_at(d.pop("started_at"))

        def _parse_channel(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        channel = _parse_channel(d.pop("channel"))

        def _parse_from_number(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        from_number = _parse_from_number(d.pop("from_number"))

        def _parse_to_number(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        to_number = _parse_to_number(d.pop("to_number"))

        def _parse_in_progress(data: object) -> bool | None:
            if data is None:
                return data
            return cast(bool | None, data)

        in_progress = _parse_in_progress(d.pop("in_progress"))

        def _parse_num_turns(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        num_turns = _parse_num_turns(d.pop("num_turns"))

        def _parse_total_duration(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        total_duration = _parse_total_duration(d.pop("total_duration"))

        def _parse_polyai_duration(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        polyai_duration = _parse_polyai_duration(d.pop("polyai_duration"))

        def _parse_handoff(data: object) -> bool | None:
            if data is None:
                return data
            return cast(bool | None, data)

        handoff = _parse_handoff(d.pop("handoff"))

        def _parse_handoff_reason(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        handoff_reason = _parse_handoff_reason(d.pop("handoff_reason"))

        def _parse_handoff_destination(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        handoff_destination = _parse_handoff_destination(d.pop("handoff_destination"))

        def _parse_num_silences(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        num_silences = _parse_num_silences(d.pop("num_silences"))

        def _parse_num_ood(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        num_ood = _parse_num_ood(d.pop("num_ood"))

        metrics = d.pop("metrics")

        state = d.pop("state")

        def _parse_turns(data: object) -> list[FoundTurn] | None:
            if data is None:
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                turns_type_0 = []
                _turns_type_0 = data
                for turns_type_0_item_data in _turns_type_0:
                    turns_type_0_item = FoundTurn.from_dict(turns_type_0_item_data)

                    turns_type_0.append(turns_type_0_item)

                return turns_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[FoundTurn] | None, data)

        turns = _parse_turns(d.pop("turns"))

        found_conversation = cls(
            id=id,
            account_id=account_id,
            project_id=project_id,
            variant_id=variant_id,
            variant_name=variant_name,
            environment=environment,
            started_at=started_at,
            channel=channel,
            from_number=from_number,
            to_number=to_number,
            in_progress=in_progress,
            num_turns=num_turns,
            total_duration=total_duration,
            polyai_duration=polyai_duration,
            handoff=handoff,
            handoff_reason=handoff_reason,
            handoff_destination=handoff_destination,
            num_silences=num_silences,
            num_ood=num_ood,
            metrics=metrics,
            state=state,
            turns=turns,
        )

        found_conversation.additional_properties = d
        return found_conversation

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
