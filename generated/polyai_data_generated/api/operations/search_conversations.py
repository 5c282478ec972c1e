# Written by `make generate`. Do not edit: the next run overwrites it.
import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.found_page import FoundPage
from ...models.search_conversations_client_env import SearchConversationsClientEnv
from ...models.search_conversations_query_type import SearchConversationsQueryType
from ...models.search_conversations_sample import SearchConversationsSample
from ...models.search_conversations_turn_type import SearchConversationsTurnType
from ...models.v3_error import V3Error
from ...types import UNSET, Response, Unset


def _get_kwargs(
    account_id: str,
    project_id: str,
    *,
    query_type: SearchConversationsQueryType | Unset = UNSET,
    sample: SearchConversationsSample | Unset = UNSET,
    query: str | Unset = UNSET,
    turn_type: SearchConversationsTurnType | Unset = UNSET,
    channel: list[str] | Unset = UNSET,
    client_env: SearchConversationsClientEnv | Unset = SearchConversationsClientEnv.LIVE,
    start_time: datetime.datetime | Unset = UNSET,
    end_time: datetime.datetime | Unset = UNSET,
    limit: int | Unset = 1000,
    offset: int | Unset = 0,
    cursor: str | Unset = UNSET,
    variant_id: str | Unset = UNSET,
    variant_name: str | Unset = UNSET,
    in_progress: bool | Unset = UNSET,
    include_latency: bool | Unset = False,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    json_query_type: str | Unset = UNSET
    if not isinstance(query_type, Unset):
        json_query_type = query_type.value

    params["query_type"] = json_query_type

    json_sample: str | Unset = UNSET
    if not isinstance(sample, Unset):
        json_sample = sample.value

    params["sample"] = json_sample

    params["query"] = query

    json_turn_type: str | Unset = UNSET
    if not isinstance(turn_type, Unset):
        json_turn_type = turn_type.value

    params["turn_type"] = json_turn_type

    json_channel: list[str] | Unset = UNSET
    if not isinstance(channel, Unset):
        json_channel = channel

    params["channel"] = json_channel

    json_client_env: str | Unset = UNSET
    if not isinstance(client_env, Unset):
        json_client_env = client_env.value

    params["client_env"] = json_client_env

    json_start_time: str | Unset = UNSET
    if not isinstance(start_time, Unset):
        json_start_time = start_time.isoformat()
    params["start_time"] = json_start_time

    json_end_time: str | Unset = UNSET
    if not isinstance(end_time, Unset):
        json_end_time = end_time.isoformat()
    params["end_time"] = json_end_time

    params["limit"] = limit

    params["offset"] = offset

    params["cursor"] = cursor

    params["variant_id"] = variant_id

    params["variant_name"] = variant_name

    params["in_progress"] = in_progress

    params["include_latency"] = include_latency

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v3/{account_id}/{project_id}/conversations".format(
            account_id=quote(str(account_id), safe=""),
            project_id=quote(str(project_id), safe=""),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> FoundPage | V3Error | None:
    if response.status_code == 200:
        response_200 = FoundPage.from_dict(response.json())

        return response_200

    if response.status_code == 400:
        response_400 = V3Error.from_dict(response.json())

        return response_400

    if response.status_code == 401:
        response_401 = V3Error.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = V3Error.from_dict(response.json())

        return response_403

    if response.status_code == 404:
        response_404 = V3Error.from_dict(response.json())

        return response_404

    if response.status_code == 500:
        response_500 = V3Error.from_dict(response.json())

        return response_500

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[FoundPage | V3Error]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    account_id: str,
    project_id: str,
    *,
    client: AuthenticatedClient,
    query_type: SearchConversationsQueryType | Unset = UNSET,
    sample: SearchConversationsSample | Unset = UNSET,
    query: str | Unset = UNSET,
    turn_type: SearchConversationsTurnType | Unset = UNSET,
    channel: list[str] | Unset = UNSET,
    client_env: SearchConversationsClientEnv | Unset = SearchConversationsClientEnv.LIVE,
    start_time: datetime.datetime | Unset = UNSET,
    end_time: datetime.datetime | Unset = UNSET,
    limit: int | Unset = 1000,
    offset: int | Unset = 0,
    cursor: str | Unset = UNSET,
    variant_id: str | Unset = UNSET,
    variant_name: str | Unset = UNSET,
    in_progress: bool | Unset = UNSET,
    include_latency: bool | Unset = False,
) -> Response[FoundPage | V3Error]:
    """List or search conversations

    Args:
        account_id (str):
        project_id (str):
        query_type (SearchConversationsQueryType | Unset):
        sample (SearchConversationsSample | Unset):
        query (str | Unset):
        turn_type (SearchConversationsTurnType | Unset):
        channel (list[str] | Unset):
        client_env (SearchConversationsClientEnv | Unset):  Default:
            SearchConversationsClientEnv.LIVE.
        start_time (datetime.datetime | Unset):
        end_time (datetime.datetime | Unset):
        limit (int | Unset):  Default: 1000.
        offset (int | Unset):  Default: 0.
        cursor (str | Unset):
        variant_id (str | Unset):
        variant_name (str | Unset):
        in_progress (bool | Unset):
        include_latency (bool | Unset):  Default: False.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[FoundPage | V3Error]
    """

    kwargs = _get_kwargs(
        account_id=account_id,
        project_id=project_id,
        query_type=query_type,
        sample=sample,
        query=query,
        turn_type=turn_type,
        channel=channel,
        client_env=client_env,
        start_time=start_time,
        end_time=end_time,
        limit=limit,
        offset=offset,
        cursor=cursor,
        variant_id=variant_id,
        variant_name=variant_name,
        in_progress=in_progress,
        include_latency=include_latency,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    account_id: str,
    project_id: str,
    *,
    client: AuthenticatedClient,
    query_type: SearchConversationsQueryType | Unset = UNSET,
    sample: SearchConversationsSample | Unset = UNSET,
    query: str | Unset = UNSET,
    turn_type: SearchConversationsTurnType | Unset = UNSET,
    channel: list[str] | Unset = UNSET,
    client_env: SearchConversationsClientEnv | Unset = SearchConversationsClientEnv.LIVE,
    start_time: datetime.datetime | Unset = UNSET,
    end_time: datetime.datetime | Unset = UNSET,
    limit: int | Unset = 1000,
    offset: int | Unset = 0,
    cursor: str | Unset = UNSET,
    variant_id: str | Unset = UNSET,
    variant_name: str | Unset = UNSET,
    in_progress: bool | Unset = UNSET,
    include_latency: bool | Unset = False,
) -> FoundPage | V3Error | None:
    """List or search conversations

    Args:
        account_id (str):
        project_id (str):
        query_type (SearchConversationsQueryType | Unset):
        sample (SearchConversationsSample | Unset):
        query (str | Unset):
        turn_type (SearchConversationsTurnType | Unset):
        channel (list[str] | Unset):
        client_env (SearchConversationsClientEnv | Unset):  Default:
            SearchConversationsClientEnv.LIVE.
        start_time (datetime.datetime | Unset):
        end_time (datetime.datetime | Unset):
        limit (int | Unset):  Default: 1000.
        offset (int | Unset):  Default: 0.
        cursor (str | Unset):
        variant_id (str | Unset):
        variant_name (str | Unset):
        in_progress (bool | Unset):
        include_latency (bool | Unset):  Default: False.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        FoundPage | V3Error
    """

    return sync_detailed(
        account_id=account_id,
        project_id=project_id,
        client=client,
        query_type=query_type,
        sample=sample,
        query=query,
        turn_type=turn_type,
        channel=channel,
        client_env=client_env,
        start_time=start_time,
        end_time=end_time,
        limit=limit,
        offset=offset,
        cursor=cursor,
        variant_id=variant_id,
        variant_name=variant_name,
        in_progress=in_progress,
        include_latency=include_latency,
    ).parsed


async def asyncio_detailed(
    account_id: str,
    project_id: str,
    *,
    client: AuthenticatedClient,
    query_type: SearchConversationsQueryType | Unset = UNSET,
    sample: SearchConversationsSample | Unset = UNSET,
    query: str | Unset = UNSET,
    turn_type: SearchConversationsTurnType | Unset = UNSET,
    channel: list[str] | Unset = UNSET,
    client_env: SearchConversationsClientEnv | Unset = SearchConversationsClientEnv.LIVE,
    start_time: datetime.datetime | Unset = UNSET,
    end_time: datetime.datetime | Unset = UNSET,
    limit: int | Unset = 1000,
    offset: int | Unset = 0,
    cursor: str | Unset = UNSET,
    variant_id: str | Unset = UNSET,
    variant_name: str | Unset = UNSET,
    in_progress: bool | Unset = UNSET,
    include_latency: bool | Unset = False,
) -> Response[FoundPage | V3Error]:
    """List or search conversations

    Args:
        account_id (str):
        project_id (str):
        query_type (SearchConversationsQueryType | Unset):
        sample (SearchConversationsSample | Unset):
        query (str | Unset):
        turn_type (SearchConversationsTurnType | Unset):
        channel (list[str] | Unset):
        client_env (SearchConversationsClientEnv | Unset):  Default:
            SearchConversationsClientEnv.LIVE.
        start_time (datetime.datetime | Unset):
        end_time (datetime.datetime | Unset):
        limit (int | Unset):  Default: 1000.
        offset (int | Unset):  Default: 0.
        cursor (str | Unset):
        variant_id (str | Unset):
        variant_name (str | Unset):
        in_progress (bool | Unset):
        include_latency (bool | Unset):  Default: False.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[FoundPage | V3Error]
    """

    kwargs = _get_kwargs(
        account_id=account_id,
        project_id=project_id,
        query_type=query_type,
        sample=sample,
        query=query,
        turn_type=turn_type,
        channel=channel,
        client_env=client_env,
        start_time=start_time,
        end_time=end_time,
        limit=limit,
        offset=offset,
        cursor=cursor,
        variant_id=variant_id,
        variant_name=variant_name,
        in_progress=in_progress,
        include_latency=include_latency,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    account_id: str,
    project_id: str,
    *,
    client: AuthenticatedClient,
    query_type: SearchConversationsQueryType | Unset = UNSET,
    sample: SearchConversationsSample | Unset = UNSET,
    query: str | Unset = UNSET,
    turn_type: SearchConversationsTurnType | Unset = UNSET,
    channel: list[str] | Unset = UNSET,
    client_env: SearchConversationsClientEnv | Unset = SearchConversationsClientEnv.LIVE,
    start_time: datetime.datetime | Unset = UNSET,
    end_time: datetime.datetime | Unset = UNSET,
    limit: int | Unset = 1000,
    offset: int | Unset = 0,
    cursor: str | Unset = UNSET,
    variant_id: str | Unset = UNSET,
    variant_name: str | Unset = UNSET,
    in_progress: bool | Unset = UNSET,
    include_latency: bool | Unset = False,
) -> FoundPage | V3Error | None:
    """List or search conversations

    Args:
        account_id (str):
        project_id (str):
        query_type (SearchConversationsQueryType | Unset):
        sample (SearchConversationsSample | Unset):
        query (str | Unset):
        turn_type (SearchConversationsTurnType | Unset):
        channel (list[str] | Unset):
        client_env (SearchConversationsClientEnv | Unset):  Default:
            SearchConversationsClientEnv.LIVE.
        start_time (datetime.datetime | Unset):
        end_time (datetime.datetime | Unset):
        limit (int | Unset):  Default: 1000.
        offset (int | Unset):  Default: 0.
        cursor (str | Unset):
        variant_id (str | Unset):
        variant_name (str | Unset):
        in_progress (bool | Unset):
        include_latency (bool | Unset):  Default: False.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        FoundPage | V3Error
    """

    return (
        await asyncio_detailed(
            account_id=account_id,
            project_id=project_id,
            client=client,
            query_type=query_type,
            sample=sample,
            query=query,
            turn_type=turn_type,
            channel=channel,
            client_env=client_env,
            start_time=start_time,
            end_time=end_time,
            limit=limit,
            offset=offset,
            cursor=cursor,
            variant_id=variant_id,
            variant_name=variant_name,
            in_progress=in_progress,
            include_latency=include_latency,
        )
    ).parsed
