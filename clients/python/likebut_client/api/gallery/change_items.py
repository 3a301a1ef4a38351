from http import HTTPStatus
from typing import Any

import httpx

from ...client import AuthenticatedClient, Client
from ...models.items_answer import ItemsAnswer
from ...models.items_body import ItemsBody
from ...models.items_form import ItemsForm
from ...models.problem import Problem
from ...types import Response


def _get_kwargs(
    *,
    body: ItemsBody | ItemsForm,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/items",
    }

    if isinstance(body, ItemsBody):
        _kwargs["json"] = body.to_dict()

        headers["Content-Type"] = "application/json"
    if isinstance(body, ItemsForm):
        _kwargs["files"] = body.to_multipart()

        headers["Content-Type"] = "multipart/form-data; boundary=+++"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> ItemsAnswer | Problem:
    if response.status_code == 200:
        response_200 = ItemsAnswer.from_dict(response.json())

        return response_200

    response_default = Problem.from_dict(response.json())

    return response_default


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[ItemsAnswer | Problem]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: ItemsBody | ItemsForm,
) -> Response[ItemsAnswer | Problem]:
    """Add, change and delete many items

     Makes many changes, with one result for each, in the order of the request; a failed change stops no
    other.

    In a form, `items` are the changes, and each other part is an image file of the item of that id.

    Args:
        body (ItemsBody): Many changes, made in order.
        body (ItemsForm): Many changes, with image files, as a multipart form.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ItemsAnswer | Problem]
    """

    kwargs = _get_kwargs(
        body=body,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient | Client,
    body: ItemsBody | ItemsForm,
) -> ItemsAnswer | Problem | None:
    """Add, change and delete many items

     Makes many changes, with one result for each, in the order of the request; a failed change stops no
    other.

    In a form, `items` are the changes, and each other part is an image file of the item of that id.

    Args:
        body (ItemsBody): Many changes, made in order.
        body (ItemsForm): Many changes, with image files, as a multipart form.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ItemsAnswer | Problem
    """

    return sync_detailed(
        client=client,
        body=body,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: ItemsBody | ItemsForm,
) -> Response[ItemsAnswer | Problem]:
    """Add, change and delete many items

     Makes many changes, with one result for each, in the order of the request; a failed change stops no
    other.

    In a form, `items` are the changes, and each other part is an image file of the item of that id.

    Args:
        body (ItemsBody): Many changes, made in order.
        body (ItemsForm): Many changes, with image files, as a multipart form.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ItemsAnswer | Problem]
    """

    kwargs = _get_kwargs(
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    body: ItemsBody | ItemsForm,
) -> ItemsAnswer | Problem | None:
    """Add, change and delete many items

     Makes many changes, with one result for each, in the order of the request; a failed change stops no
    other.

    In a form, `items` are the changes, and each other part is an image file of the item of that id.

    Args:
        body (ItemsBody): Many changes, made in order.
        body (ItemsForm): Many changes, with image files, as a multipart form.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ItemsAnswer | Problem
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
        )
    ).parsed
