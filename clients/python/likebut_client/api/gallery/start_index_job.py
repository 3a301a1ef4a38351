from http import HTTPStatus
from typing import Any

import httpx

from ...client import AuthenticatedClient, Client
from ...models.index_body import IndexBody
from ...models.job_accepted import JobAccepted
from ...models.problem import Problem
from ...models.start_index_job_format import StartIndexJobFormat
from ...types import UNSET, File, Response, Unset


def _get_kwargs(
    *,
    body: IndexBody | File,
    format_: StartIndexJobFormat | Unset = UNSET,
    map_: list[str] | Unset = UNSET,
    max_loss: float | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    params: dict[str, Any] = {}

    json_format_: str | Unset = UNSET
    if not isinstance(format_, Unset):
        json_format_ = format_

    params["format"] = json_format_

    json_map_: list[str] | Unset = UNSET
    if not isinstance(map_, Unset):
        json_map_ = map_

    params["map"] = json_map_

    params["max_loss"] = max_loss

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/index",
        "params": params,
    }

    if isinstance(body, IndexBody):
        _kwargs["json"] = body.to_dict()

        headers["Content-Type"] = "application/json"
    if isinstance(body, File):
        _kwargs["content"] = body.payload
        headers["Content-Type"] = "application/octet-stream"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> JobAccepted | Problem:
    if response.status_code == 202:
        response_202 = JobAccepted.from_dict(response.json())

        return response_202

    response_default = Problem.from_dict(response.json())

    return response_default


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[JobAccepted | Problem]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: IndexBody | File,
    format_: StartIndexJobFormat | Unset = UNSET,
    map_: list[str] | Unset = UNSET,
    max_loss: float | Unset = UNSET,
) -> Response[JobAccepted | Problem]:
    """Start an index job

     Starts a job that builds a new snapshot, with another model if `bundle` names one. Searches go on
    meanwhile.

    Model and snapshot are swapped together when the snapshot is complete, so every search is answered
    by the old two
    or by the new two. A job that fails changes nothing. A table may be sent itself, as the body: its
    images are URLs.

    Args:
        format_ (StartIndexJobFormat | Unset):
        map_ (list[str] | Unset):
        max_loss (float | Unset):
        body (IndexBody): The work of a job: build from a source, serve another model, compact the
            changes, or roll back.
        body (File): the table or feed itself

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[JobAccepted | Problem]
    """

    kwargs = _get_kwargs(
        body=body,
        format_=format_,
        map_=map_,
        max_loss=max_loss,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient | Client,
    body: IndexBody | File,
    format_: StartIndexJobFormat | Unset = UNSET,
    map_: list[str] | Unset = UNSET,
    max_loss: float | Unset = UNSET,
) -> JobAccepted | Problem | None:
    """Start an index job

     Starts a job that builds a new snapshot, with another model if `bundle` names one. Searches go on
    meanwhile.

    Model and snapshot are swapped together when the snapshot is complete, so every search is answered
    by the old two
    or by the new two. A job that fails changes nothing. A table may be sent itself, as the body: its
    images are URLs.

    Args:
        format_ (StartIndexJobFormat | Unset):
        map_ (list[str] | Unset):
        max_loss (float | Unset):
        body (IndexBody): The work of a job: build from a source, serve another model, compact the
            changes, or roll back.
        body (File): the table or feed itself

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        JobAccepted | Problem
    """

    return sync_detailed(
        client=client,
        body=body,
        format_=format_,
        map_=map_,
        max_loss=max_loss,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: IndexBody | File,
    format_: StartIndexJobFormat | Unset = UNSET,
    map_: list[str] | Unset = UNSET,
    max_loss: float | Unset = UNSET,
) -> Response[JobAccepted | Problem]:
    """Start an index job

     Starts a job that builds a new snapshot, with another model if `bundle` names one. Searches go on
    meanwhile.

    Model and snapshot are swapped together when the snapshot is complete, so every search is answered
    by the old two
    or by the new two. A job that fails changes nothing. A table may be sent itself, as the body: its
    images are URLs.

    Args:
        format_ (StartIndexJobFormat | Unset):
        map_ (list[str] | Unset):
        max_loss (float | Unset):
        body (IndexBody): The work of a job: build from a source, serve another model, compact the
            changes, or roll back.
        body (File): the table or feed itself

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[JobAccepted | Problem]
    """

    kwargs = _get_kwargs(
        body=body,
        format_=format_,
        map_=map_,
        max_loss=max_loss,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    body: IndexBody | File,
    format_: StartIndexJobFormat | Unset = UNSET,
    map_: list[str] | Unset = UNSET,
    max_loss: float | Unset = UNSET,
) -> JobAccepted | Problem | None:
    """Start an index job

     Starts a job that builds a new snapshot, with another model if `bundle` names one. Searches go on
    meanwhile.

    Model and snapshot are swapped together when the snapshot is complete, so every search is answered
    by the old two
    or by the new two. A job that fails changes nothing. A table may be sent itself, as the body: its
    images are URLs.

    Args:
        format_ (StartIndexJobFormat | Unset):
        map_ (list[str] | Unset):
        max_loss (float | Unset):
        body (IndexBody): The work of a job: build from a source, serve another model, compact the
            changes, or roll back.
        body (File): the table or feed itself

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        JobAccepted | Problem
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
            format_=format_,
            map_=map_,
            max_loss=max_loss,
        )
    ).parsed
