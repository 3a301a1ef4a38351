from http import HTTPStatus
from typing import Any

import httpx

from ...client import AuthenticatedClient, Client
from ...models.browse_answer import BrowseAnswer
from ...models.problem import Problem
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    offset: int | Unset = UNSET,
    limit: int | Unset = UNSET,
    filter_: str | Unset = UNSET,
    sort: str | Unset = UNSET,
    last: str | Unset = UNSET,
    facets: str | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["offset"] = offset

    params["limit"] = limit

    params["filter"] = filter_

    params["sort"] = sort

    params["last"] = last

    params["facets"] = facets

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/browse",
        "params": params,
    }

    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> BrowseAnswer | Problem:
    if response.status_code == 200:
        response_200 = BrowseAnswer.from_dict(response.json())

        return response_200

    response_default = Problem.from_dict(response.json())

    return response_default


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[BrowseAnswer | Problem]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    offset: int | Unset = UNSET,
    limit: int | Unset = UNSET,
    filter_: str | Unset = UNSET,
    sort: str | Unset = UNSET,
    last: str | Unset = UNSET,
    facets: str | Unset = UNSET,
) -> Response[BrowseAnswer | Problem]:
    """Browse the gallery without a query

     Returns a page of the items that pass the filter, sorted, or in a mixed order that stays for a
    snapshot.

    Args:
        offset (int | Unset):
        limit (int | Unset):
        filter_ (str | Unset): as in a search, as JSON
        sort (str | Unset): as in a search, as JSON, without `score`
        last (str | Unset): as in a search, as JSON
        facets (str | Unset): as in a search, as JSON

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[BrowseAnswer | Problem]
    """

    kwargs = _get_kwargs(
        offset=offset,
        limit=limit,
        filter_=filter_,
        sort=sort,
        last=last,
        facets=facets,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient | Client,
    offset: int | Unset = UNSET,
    limit: int | Unset = UNSET,
    filter_: str | Unset = UNSET,
    sort: str | Unset = UNSET,
    last: str | Unset = UNSET,
    facets: str | Unset = UNSET,
) -> BrowseAnswer | Problem | None:
    """Browse the gallery without a query

     Returns a page of the items that pass the filter, sorted, or in a mixed order that stays for a
    snapshot.

    Args:
        offset (int | Unset):
        limit (int | Unset):
        filter_ (str | Unset): as in a search, as JSON
        sort (str | Unset): as in a search, as JSON, without `score`
        last (str | Unset): as in a search, as JSON
        facets (str | Unset): as in a search, as JSON

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        BrowseAnswer | Problem
    """

    return sync_detailed(
        client=client,
        offset=offset,
        limit=limit,
        filter_=filter_,
        sort=sort,
        last=last,
        facets=facets,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    offset: int | Unset = UNSET,
    limit: int | Unset = UNSET,
    filter_: str | Unset = UNSET,
    sort: str | Unset = UNSET,
    last: str | Unset = UNSET,
    facets: str | Unset = UNSET,
) -> Response[BrowseAnswer | Problem]:
    """Browse the gallery without a query

     Returns a page of the items that pass the filter, sorted, or in a mixed order that stays for a
    snapshot.

    Args:
        offset (int | Unset):
        limit (int | Unset):
        filter_ (str | Unset): as in a search, as JSON
        sort (str | Unset): as in a search, as JSON, without `score`
        last (str | Unset): as in a search, as JSON
        facets (str | Unset): as in a search, as JSON

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[BrowseAnswer | Problem]
    """

    kwargs = _get_kwargs(
        offset=offset,
        limit=limit,
        filter_=filter_,
        sort=sort,
        last=last,
        facets=facets,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    offset: int | Unset = UNSET,
    limit: int | Unset = UNSET,
    filter_: str | Unset = UNSET,
    sort: str | Unset = UNSET,
    last: str | Unset = UNSET,
    facets: str | Unset = UNSET,
) -> BrowseAnswer | Problem | None:
    """Browse the gallery without a query

     Returns a page of the items that pass the filter, sorted, or in a mixed order that stays for a
    snapshot.

    Args:
        offset (int | Unset):
        limit (int | Unset):
        filter_ (str | Unset): as in a search, as JSON
        sort (str | Unset): as in a search, as JSON, without `score`
        last (str | Unset): as in a search, as JSON
        facets (str | Unset): as in a search, as JSON

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        BrowseAnswer | Problem
    """

    return (
        await asyncio_detailed(
            client=client,
            offset=offset,
            limit=limit,
            filter_=filter_,
            sort=sort,
            last=last,
            facets=facets,
        )
    ).parsed
