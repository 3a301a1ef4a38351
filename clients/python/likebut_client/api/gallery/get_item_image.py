from http import HTTPStatus
from io import BytesIO
from typing import Any
from urllib.parse import quote

import httpx

from ...client import AuthenticatedClient, Client
from ...models.problem import Problem
from ...types import UNSET, File, Response, Unset


def _get_kwargs(
    id: str,
    *,
    size: int | None | Unset = UNSET,
    image: int | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    json_size: int | None | Unset
    if isinstance(size, Unset):
        json_size = UNSET
    else:
        json_size = size
    params["size"] = json_size

    params["image"] = image

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/images/{id}".format(
            id=quote(str(id), safe=""),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> File | Problem:
    if response.status_code == 200:
        response_200 = File(payload=BytesIO(response.content))

        return response_200

    response_default = Problem.from_dict(response.json())

    return response_default


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[File | Problem]:
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
    size: int | None | Unset = UNSET,
    image: int | Unset = UNSET,
) -> Response[File | Problem]:
    """The image of an item

     Returns the image file, or a JPEG of at most `size` pixels in width and height.

    Args:
        id (str):
        size (int | None | Unset):
        image (int | Unset): number of the image; 0 is the first

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[File | Problem]
    """

    kwargs = _get_kwargs(
        id=id,
        size=size,
        image=image,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    id: str,
    *,
    client: AuthenticatedClient | Client,
    size: int | None | Unset = UNSET,
    image: int | Unset = UNSET,
) -> File | Problem | None:
    """The image of an item

     Returns the image file, or a JPEG of at most `size` pixels in width and height.

    Args:
        id (str):
        size (int | None | Unset):
        image (int | Unset): number of the image; 0 is the first

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        File | Problem
    """

    return sync_detailed(
        id=id,
        client=client,
        size=size,
        image=image,
    ).parsed


async def asyncio_detailed(
    id: str,
    *,
    client: AuthenticatedClient | Client,
    size: int | None | Unset = UNSET,
    image: int | Unset = UNSET,
) -> Response[File | Problem]:
    """The image of an item

     Returns the image file, or a JPEG of at most `size` pixels in width and height.

    Args:
        id (str):
        size (int | None | Unset):
        image (int | Unset): number of the image; 0 is the first

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[File | Problem]
    """

    kwargs = _get_kwargs(
        id=id,
        size=size,
        image=image,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    id: str,
    *,
    client: AuthenticatedClient | Client,
    size: int | None | Unset = UNSET,
    image: int | Unset = UNSET,
) -> File | Problem | None:
    """The image of an item

     Returns the image file, or a JPEG of at most `size` pixels in width and height.

    Args:
        id (str):
        size (int | None | Unset):
        image (int | Unset): number of the image; 0 is the first

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        File | Problem
    """

    return (
        await asyncio_detailed(
            id=id,
            client=client,
            size=size,
            image=image,
        )
    ).parsed
