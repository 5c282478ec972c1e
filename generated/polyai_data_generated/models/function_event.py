# Written by `make generate`. Do not edit: the next run overwrites it.
from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.function_handoff import FunctionHandoff
    from ..models.state_changes import StateChanges


T = TypeVar("T", bound="FunctionEvent")


@_attrs_define
class FunctionEvent:
    """One call of a function by the agent.

    Attributes:
        id (None | str):
        name (None | str):
        function_id (None | str):
        function_version (int | None | str):
        conversation_id (None | str):
        turn_id (int | None): The index of the turn, counted from zero
        start_time (datetime.datetime | None): When the call began
        duration (float | None): Milliseconds
        arguments (Any):
        content (Any):
        error (Any):
        handoff (FunctionHandoff | None):
        hangup (Any):
        llm_request_id (None | str):
        logs (Any):
        state_changes (None | StateChanges):
        transition (Any):
        utterance (Any):
        variant_id_change (Any):
    """

    id: None | str
    name: None | str
    function_id: None | str
    function_version: int | None | str
    conversation_id: None | str
    turn_id: int | None
    start_time: datetime.datetime | None
    duration: float | None
    arguments: Any
    content: Any
    error: Any
    handoff: FunctionHandoff | None
    hangup: Any
    llm_request_id: None | str
    logs: Any
    state_changes: None | StateChanges
    transition: Any
    utterance: Any
    variant_id_change: Any
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.function_handoff import FunctionHandoff  # noqa: PLC0415
        from ..models.state_changes import StateChanges  # noqa: PLC0415

        id: None | str
        id = self.id

        name: None | str
        name = self.name

        function_id: None | str
        function_id = self.function_id

        function_version: int | None | str
        function_version = self.function_version

        conversation_id: None | str
        conversation_id = self.conversation_id

        turn_id: int | None
        turn_id = self.turn_id

        start_time: None | str
        if isinstance(self.start_time, datetime.datetime):
            start_time = self.start_time.isoformat()
        else:
            start_time = self.start_time

        duration: float | None
        duration = self.duration

        arguments = self.arguments

        content = self.content

        error = self.error

        handoff: dict[str, Any] | None
        if isinstance(self.handoff, FunctionHandoff):
            handoff = self.handoff.to_dict()
        else:
            handoff = self.handoff

        hangup = self.hangup

        llm_request_id: None | str
        llm_request_id = self.llm_request_id

        logs = self.logs

        state_changes: dict[str, Any] | None
        if isinstance(self.state_changes, StateChanges):
            state_changes = self.state_changes.to_dict()
        else:
            state_changes = self.state_changes

        transition = self.transition

        utterance = self.utterance

        variant_id_change = self.variant_id_change

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "name": name,
                "function_id": function_id,
                "function_version": function_version,
                "conversation_id": conversation_id,
                "turn_id": turn_id,
                "start_time": start_time,
                "duration": duration,
                "arguments": arguments,
                "content": content,
                "error": error,
                "handoff": handoff,
                "hangup": hangup,
                "llm_request_id": llm_request_id,
                "logs": logs,
                "state_changes": state_changes,
                "transition": transition,
                "utterance": utterance,
                "variant_id_change": variant_id_change,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.function_handoff import FunctionHandoff  # noqa: PLC0415
        from ..models.state_changes import StateChanges  # noqa: PLC0415

        d = dict(src_dict)

        def _parse_id(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        id = _parse_id(d.pop("id"))

        def _parse_name(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        name = _parse_name(d.pop("name"))

        def _parse_function_id(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        function_id = _parse_function_id(d.pop("function_id"))

        def _parse_function_version(data: object) -> int | None | str:
            if data is None:
                return data
            return cast(int | None | str, data)

        function_version = _parse_function_version(d.pop("function_version"))

        def _parse_conversation_id(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        conversation_id = _parse_conversation_id(d.pop("conversation_id"))

        def _parse_turn_id(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        turn_id = _parse_turn_id(d.pop("turn_id"))

        def _parse_start_time(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                start_time_type_0 = datetime.datetime.fromisoformat(data)

                return start_time_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        start_time = _parse_start_time(d.pop("start_time"))

        def _parse_duration(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        duration = _parse_duration(d.pop("duration"))

        arguments = d.pop("arguments")

        content = d.pop("content")

        error = d.pop("error")

        def _parse_handoff(data: object) -> FunctionHandoff | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                handoff_type_0 = FunctionHandoff.from_dict(data)

                return handoff_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(FunctionHandoff | None, data)

        handoff = _parse_handoff(d.pop("handoff"))

        hangup = d.pop("hangup")

        def _parse_llm_request_id(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        llm_request_id = _parse_llm_request_id(d.pop("llm_request_id"))

        logs = d.pop("logs")

        def _parse_state_changes(data: object) -> None | StateChanges:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                state_changes_type_0 = StateChanges.from_dict(data)

                return state_changes_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | StateChanges, data)

        state_changes = _parse_state_changes(d.pop("state_changes"))

        transition = d.pop("transition")

        utterance = d.pop("utterance")

        variant_id_change = d.pop("variant_id_change")

        function_event = cls(
            id=id,
            name=name,
            function_id=function_id,
            function_version=function_version,
            conversation_id=conversation_id,
            turn_id=turn_id,
            start_time=start_time,
            duration=duration,
            arguments=arguments,
            content=content,
            error=error,
            handoff=handoff,
            hangup=hangup,
            llm_request_id=llm_request_id,
            logs=logs,
            state_changes=state_changes,
            transition=transition,
            utterance=utterance,
            variant_id_change=variant_id_change,
        )

        function_event.additional_properties = d
        return function_event

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
