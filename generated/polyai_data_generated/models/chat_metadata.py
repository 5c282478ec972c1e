# Written by `make generate`. Do not edit: the next run overwrites it.
from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="ChatMetadata")


@_attrs_define
class ChatMetadata:
    """What the agent did to produce one reply.

    Attributes:
        state (Any):
        current_node (None | str):
        node_trace (list[str] | None):
        metrics (Any):
        function_events (list[Any] | None):
        handoff_destination (None | str):
        retrieved_topics (list[str] | None):
        retrieved_sources (list[str] | None):
        cited_topic (None | str):
        in_flow (None | str):
        in_step (None | str):
        llm_requests (list[Any] | None):
        asr_lang_code (None | str):
        tts_lang_code (None | str):
    """

    state: Any
    current_node: None | str
    node_trace: list[str] | None
    metrics: Any
    function_events: list[Any] | None
    handoff_destination: None | str
    retrieved_topics: list[str] | None
    retrieved_sources: list[str] | None
    cited_topic: None | str
    in_flow: None | str
    in_step: None | str
    llm_requests: list[Any] | None
    asr_lang_code: None | str
    tts_lang_code: None | str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        state = self.state

        current_node: None | str
        current_node = self.current_node

        node_trace: list[str] | None
        if isinstance(self.node_trace, list):
            node_trace = self.node_trace

        else:
            node_trace = self.node_trace

        metrics = self.metrics

        function_events: list[Any] | None
        if isinstance(self.function_events, list):
            function_events = self.function_events

        else:
            function_events = self.function_events

        handoff_destination: None | str
        handoff_destination = self.handoff_destination

        retrieved_topics: list[str] | None
        if isinstance(self.retrieved_topics, list):
            retrieved_topics = self.retrieved_topics

        else:
            retrieved_topics = self.retrieved_topics

        retrieved_sources: list[str] | None
        if isinstance(self.retrieved_sources, list):
            retrieved_sources = self.retrieved_sources

        else:
            retrieved_sources = self.retrieved_sources

        cited_topic: None | str
        cited_topic = self.cited_topic

        in_flow: None | str
        in_flow = self.in_flow

        in_step: None | str
        in_step = self.in_step

        llm_requests: list[Any] | None
        if isinstance(self.llm_requests, list):
            llm_requests = self.llm_requests

        else:
            llm_requests = self.llm_requests

        asr_lang_code: None | str
        asr_lang_code = self.asr_lang_code

        tts_lang_code: None | str
        tts_lang_code = self.tts_lang_code

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "state": state,
                "currentNode": current_node,
                "nodeTrace": node_trace,
                "metrics": metrics,
                "functionEvents": function_events,
                "handoffDestination": handoff_destination,
                "retrievedTopics": retrieved_topics,
                "retrievedSources": retrieved_sources,
                "citedTopic": cited_topic,
                "inFlow": in_flow,
                "inStep": in_step,
                "llmRequests": llm_requests,
                "asrLangCode": asr_lang_code,
                "ttsLangCode": tts_lang_code,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        state = d.pop("state")

        def _parse_current_node(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        current_node = _parse_current_node(d.pop("currentNode"))

        def _parse_node_trace(data: object) -> list[str] | None:
            if data is None:
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                node_trace_type_0 = cast(list[str], data)

                return node_trace_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None, data)

        node_trace = _parse_node_trace(d.pop("nodeTrace"))

        metrics = d.pop("metrics")

        def _parse_function_events(data: object) -> list[Any] | None:
            if data is None:
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                function_events_type_0 = cast(list[Any], data)

                return function_events_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[Any] | None, data)

        function_events = _parse_function_events(d.pop("functionEvents"))

        def _parse_handoff_destination(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        handoff_destination = _parse_handoff_destination(d.pop("handoffDestination"))

        def _parse_retrieved_topics(data: object) -> list[str] | None:
            if data is None:
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                retrieved_topics_type_0 = cast(list[str], data)

                return retrieved_topics_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None, data)

        retrieved_topics = _parse_retrieved_topics(d.pop("retrievedTopics"))

        def _parse_retrieved_sources(data: object) -> list[str] | None:
            if data is None:
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                retrieved_sources_type_0 = cast(list[str], data)

                return retrieved_sources_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None, data)

        retrieved_sources = _parse_retrieved_sources(d.pop("retrievedSources"))

        def _parse_cited_topic(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        cited_topic = _parse_cited_topic(d.pop("citedTopic"))

        def _parse_in_flow(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        in_flow = _parse_in_flow(d.pop("inFlow"))

        def _parse_in_step(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        in_step = _parse_in_step(d.pop("inStep"))

        def _parse_llm_requests(data: object) -> list[Any] | None:
            if data is None:
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                llm_requests_type_0 = cast(list[Any], data)

                return llm_requests_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[Any] | None, data)

        llm_requests = _parse_llm_requests(d.pop("llmRequests"))

        def _parse_asr_lang_code(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        asr_lang_code = _parse_asr_lang_code(d.pop("asrLangCode"))

        def _parse_tts_lang_code(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        tts_lang_code = _parse_tts_lang_code(d.pop("ttsLangCode"))

        chat_metadata = cls(
            state=state,
            current_node=current_node,
            node_trace=node_trace,
            metrics=metrics,
            function_events=function_events,
            handoff_destination=handoff_destination,
            retrieved_topics=retrieved_topics,
            retrieved_sources=retrieved_sources,
            cited_topic=cited_topic,
            in_flow=in_flow,
            in_step=in_step,
            llm_requests=llm_requests,
            asr_lang_code=asr_lang_code,
            tts_lang_code=tts_lang_code,
        )

        chat_metadata.additional_properties = d
        return chat_metadata

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
