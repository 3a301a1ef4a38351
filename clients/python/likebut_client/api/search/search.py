from http import HTTPStatus
from typing import Any

import httpx

from ...client import AuthenticatedClient, Client
from ...models.problem import Problem
from ...models.search_answer import SearchAnswer
from ...models.search_body import SearchBody
from ...models.search_form import SearchForm
from ...types import Response


def _get_kwargs(
    *,
    body: SearchBody | SearchForm,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/search",
    }

    if isinstance(body, SearchBody):
        _kwargs["json"] = body.to_dict()

        headers["Content-Type"] = "application/json"
    if isinstance(body, SearchForm):
        _kwargs["files"] = body.to_multipart()

        headers["Content-Type"] = "multipart/form-data; boundary=+++"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Problem | SearchAnswer:
    if response.status_code == 200:
        response_200 = SearchAnswer.from_dict(response.json())

        return response_200

    response_default = Problem.from_dict(response.json())

    return response_default


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[Problem | SearchAnswer]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: SearchBody | SearchForm,
) -> Response[Problem | SearchAnswer]:
    """Search with an image, a text, or both

     Finds the items that match the reference image, changed as the text says.

    The image is uploaded as a form file, sent as base64, or named by item id or URL. Send JSON or a
    multipart form.

    Args:
        body (SearchBody): A search: an image, a text, or both (the image, changed as the text
            says).
        body (SearchForm): A search with an image file, as a multipart form.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | SearchAnswer]
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
    body: SearchBody | SearchForm,
) -> Problem | SearchAnswer | None:
    """Search with an image, a text, or both

     Finds the items that match the reference image, changed as the text says.

    The image is uploaded as a form file, sent as base64, or named by item id or URL. Send JSON or a
    multipart form.

    Args:
        body (SearchBody): A search: an image, a text, or both (the image, changed as the text
            says).
        body (SearchForm): A search with an image file, as a multipart form.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | SearchAnswer
    """

    return sync_detailed(
        client=client,
        body=body,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: SearchBody | SearchForm,
) -> Response[Problem | SearchAnswer]:
    """Search with an image, a text, or both

     Finds the items that match the reference image, changed as the text says.

    The image is uploaded as a form file, sent as base64, or named by item id or URL. Send JSON or a
    multipart form.

    Args:
        body (SearchBody): A search: an image, a text, or both (the image, changed as the text
            says).
        body (SearchForm): A search with an image file, as a multipart form.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | SearchAnswer]
    """

    kwargs = _get_kwargs(
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    body: SearchBody | SearchForm,
) -> Problem | SearchAnswer | None:
    """Search with an image, a text, or both

     Finds the items that match the reference image, changed as the text says.

    The image is uploaded as a form file, sent as base64, or named by item id or URL. Send JSON or a
    multipart form.

    Args:
        body (SearchBody): A search: an image, a text, or both (the image, changed as the text
            says).
        body (SearchForm): A search with an image file, as a multipart form.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | SearchAnswer
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
        )
    ).parsed
