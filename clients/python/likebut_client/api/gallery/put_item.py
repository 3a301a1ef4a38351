from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ...client import AuthenticatedClient, Client
from ...models.item_answer import ItemAnswer
from ...models.item_body import ItemBody
from ...models.item_form import ItemForm
from ...models.problem import Problem
from ...types import Response


def _get_kwargs(
    id: str,
    *,
    body: ItemBody | ItemForm,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "put",
        "url": "/items/{id}".format(
            id=quote(str(id), safe=""),
        ),
    }

    if isinstance(body, ItemBody):
        _kwargs["json"] = body.to_dict()

        headers["Content-Type"] = "application/json"
    if isinstance(body, ItemForm):
        _kwargs["files"] = body.to_multipart()

        headers["Content-Type"] = "multipart/form-data; boundary=+++"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> ItemAnswer | Problem:
    if response.status_code == 200:
        response_200 = ItemAnswer.from_dict(response.json())

        return response_200

    response_default = Problem.from_dict(response.json())

    return response_default


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[ItemAnswer | Problem]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    id: str,
    *,
    client: AuthenticatedClient | Client,
    body: ItemBody | ItemForm,
) -> Response[ItemAnswer | Problem]:
    """Add or change an item

     Adds or replaces an item; without an image, an existing item keeps its images. PATCH keeps its
    attributes, too.

    Images are sent as base64, as files `image` of a form, or named by URLs whose hosts the operator
    allows. Those that
    are sent replace all that the item has.
    When this is answered, the item is durable and searchable.

    Args:
        id (str):
        body (ItemBody): The new state of an item, or for PATCH what changes in it.
        body (ItemForm): The new state of an item, or for PATCH what changes in it, as a multipart
            form.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ItemAnswer | Problem]
    """

    kwargs = _get_kwargs(
        id=id,
        body=body,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    id: str,
    *,
    client: AuthenticatedClient | Client,
    body: ItemBody | ItemForm,
) -> ItemAnswer | Problem | None:
    """Add or change an item

     Adds or replaces an item; without an image, an existing item keeps its images. PATCH keeps its
    attributes, too.

    Images are sent as base64, as files `image` of a form, or named by URLs whose hosts the operator
    allows. Those that
    are sent replace all that the item has.
    When this is answered, the item is durable and searchable.

    Args:
        id (str):
        body (ItemBody): The new state of an item, or for PATCH what changes in it.
        body (ItemForm): The new state of an item, or for PATCH what changes in it, as a multipart
            form.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ItemAnswer | Problem
    """

    return sync_detailed(
        id=id,
        client=client,
        body=body,
    ).parsed


async def asyncio_detailed(
    id: str,
    *,
    client: AuthenticatedClient | Client,
    body: ItemBody | ItemForm,
) -> Response[ItemAnswer | Problem]:
    """Add or change an item

     Adds or replaces an item; without an image, an existing item keeps its images. PATCH keeps its
    attributes, too.

    Images are sent as base64, as files `image` of a form, or named by URLs whose hosts the operator
    allows. Those that
    are sent replace all that the item has.
    When this is answered, the item is durable and searchable.

    Args:
        id (str):
        body (ItemBody): The new state of an item, or for PATCH what changes in it.
        body (ItemForm): The new state of an item, or for PATCH what changes in it, as a multipart
            form.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ItemAnswer | Problem]
    """

    kwargs = _get_kwargs(
        id=id,
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    id: str,
    *,
    client: AuthenticatedClient | Client,
    body: ItemBody | ItemForm,
) -> ItemAnswer | Problem | None:
    """Add or change an item

     Adds or replaces an item; without an image, an existing item keeps its images. PATCH keeps its
    attributes, too.

    Images are sent as base64, as files `image` of a form, or named by URLs whose hosts the operator
    allows. Those that
    are sent replace all that the item has.
    When this is answered, the item is durable and searchable.

    Args:
        id (str):
        body (ItemBody): The new state of an item, or for PATCH what changes in it.
        body (ItemForm): The new state of an item, or for PATCH what changes in it, as a multipart
            form.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ItemAnswer | Problem
    """

    return (
        await asyncio_detailed(
            id=id,
            client=client,
            body=body,
        )
    ).parsed
