from http import HTTPStatus
from typing import Any

import httpx

from ...client import AuthenticatedClient, Client
from ...models.items_page import ItemsPage
from ...models.problem import Problem
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    after: str | Unset = UNSET,
    limit: int | Unset = UNSET,
    filter_: str | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["after"] = after

    params["limit"] = limit

    params["filter"] = filter_

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/items",
        "params": params,
    }

    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> ItemsPage | Problem:
    if response.status_code == 200:
        response_200 = ItemsPage.from_dict(response.json())

        return response_200

    response_default = Problem.from_dict(response.json())

    return response_default


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[ItemsPage | Problem]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    after: str | Unset = UNSET,
    limit: int | Unset = UNSET,
    filter_: str | Unset = UNSET,
) -> Response[ItemsPage | Problem]:
    """List items in the order of their ids

     Returns a page of the items that pass the filter; a large page may end before `limit`, so follow
    `next`.

    An item that exists from the first page to the last is on exactly one of them, whatever changes
    meanwhile.

    Args:
        after (str | Unset): `next` of the page before
        limit (int | Unset):
        filter_ (str | Unset): as in a search, as JSON

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ItemsPage | Problem]
    """

    kwargs = _get_kwargs(
        after=after,
        limit=limit,
        filter_=filter_,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient | Client,
    after: str | Unset = UNSET,
    limit: int | Unset = UNSET,
    filter_: str | Unset = UNSET,
) -> ItemsPage | Problem | None:
    """List items in the order of their ids

     Returns a page of the items that pass the filter; a large page may end before `limit`, so follow
    `next`.

    An item that exists from the first page to the last is on exactly one of them, whatever changes
    meanwhile.

    Args:
        after (str | Unset): `next` of the page before
        limit (int | Unset):
        filter_ (str | Unset): as in a search, as JSON

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ItemsPage | Problem
    """

    return sync_detailed(
        client=client,
        after=after,
        limit=limit,
        filter_=filter_,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    after: str | Unset = UNSET,
    limit: int | Unset = UNSET,
    filter_: str | Unset = UNSET,
) -> Response[ItemsPage | Problem]:
    """List items in the order of their ids

     Returns a page of the items that pass the filter; a large page may end before `limit`, so follow
    `next`.

    An item that exists from the first page to the last is on exactly one of them, whatever changes
    meanwhile.

    Args:
        after (str | Unset): `next` of the page before
        limit (int | Unset):
        filter_ (str | Unset): as in a search, as JSON

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ItemsPage | Problem]
    """

    kwargs = _get_kwargs(
        after=after,
        limit=limit,
        filter_=filter_,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    after: str | Unset = UNSET,
    limit: int | Unset = UNSET,
    filter_: str | Unset = UNSET,
) -> ItemsPage | Problem | None:
    """List items in the order of their ids

     Returns a page of the items that pass the filter; a large page may end before `limit`, so follow
    `next`.

    An item that exists from the first page to the last is on exactly one of them, whatever changes
    meanwhile.

    Args:
        after (str | Unset): `next` of the page before
        limit (int | Unset):
        filter_ (str | Unset): as in a search, as JSON

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ItemsPage | Problem
    """

    return (
        await asyncio_detailed(
            client=client,
            after=after,
            limit=limit,
            filter_=filter_,
        )
    ).parsed
