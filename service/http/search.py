"""The search routes: one search, several searches in one call, and the limits of a search."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Query as Parameter
from pydantic_core import to_json

from index.search.deadline import Deadline
from models.errors import LikebutError
from service import errors
from service.auth import guard
from service.http import body, openapi
from service.http.state import AppState, AppStateDep, root_path
from service.schemas import search as schemas
from service.schemas.suggestions import SuggestionsAnswer, suggestions_answer
from service.search.query import Query
from service.search.stopwatch import Stopwatch
from service.workers.pool import Permit

SUGGESTIONS_S = 0.2  # after which there are those that were found until then
LOG = logging.getLogger("likebut")
routes = APIRouter(dependencies=[guard.SEARCH])


@routes.post(
    "/search", operation_id="search", tags=["search"], summary="Search with an image, a text, or both",
    openapi_extra={"requestBody": openapi.SEARCH_BODY}, response_model=schemas.SearchAnswer,
)  # fmt: skip
async def search(request: Request, state: AppStateDep) -> Response:
    """Finds the items that match the reference image, changed as the text says.

    The image is uploaded as a form file, sent as base64, or named by item id or URL. Send JSON or a multipart form.
    """
    watch = Stopwatch()
    request.state.took_ms = watch.took_ms  # for the log, also if the search fails
    with state.searcher.permit(
        guard.caller_name(request)
    ) as permit:  # first, so that an overload is answered before the body is read
        guard.spend(request, searches=1)
        posted = await body.search_body(request, state.settings)
        parse = partial(body.query, posted, state.settings)
        try:
            work = state.searcher.search(
                _parsed(parse, watch) if posted.is_small else parse,
                permit=permit,
                watch=watch,
                fetch=state.remote_references.fetch,
                spend=_spend(request),
            )
            answer = await body.unless_disconnected(request, work)
        finally:
            state.metrics.observe_stages(watch.took_ms)
    timing = ", ".join(f"{stage};dur={ms}" for stage, ms in answer.took_ms.items())
    return Response(
        to_json(schemas.answer(answer, root_path=root_path(request))),
        media_type="application/json",
        headers={"Server-Timing": timing},
    )


@routes.post(
    "/searches", operation_id="searches", tags=["search"], summary="Several searches in one call",
    openapi_extra={"requestBody": openapi.SEARCHES_BODY}, response_model=schemas.SearchesAnswer,
)  # fmt: skip
async def searches(request: Request, state: AppStateDep) -> Response:
    """Answers each search separately, in the order of the request.

    Each search counts as one for the rate limit and for the queue.
    """
    with state.searcher.permit(guard.caller_name(request)) as permit:
        guard.spend_first(request)  # before the body is read, so that a call beyond the rate costs no memory
        posted = await body.json_bytes(request, max_bytes=body.searches_bytes(state.settings))
        max_searches = min(state.settings.max_searches, state.searcher.most_of(permit.caller))
        bodies = await permit.run(partial(body.searches, posted, max_searches=max_searches))
        state.searcher.widen(permit, len(bodies) - 1)
        guard.spend(request, searches=len(bodies) - 1, before=1)
        parsers = [partial(body.one_of_many, item, state.settings) for item in bodies]
        answers = await body.unless_disconnected(request, _answers(parsers, permit, request, state))
    answers[0] = b'{"answers":[' + answers[0]
    answers[-1] += b"]}"
    return Response(b",".join(answers), media_type="application/json")  # one copy: they may have megabytes


@routes.get(
    "/suggestions", operation_id="getSuggestions", tags=["search"], summary="Completions of a text while it is typed",
    response_model=SuggestionsAnswer,
)  # fmt: skip
async def suggestions(
    request: Request,
    state: AppStateDep,
    q: Annotated[str, Parameter(max_length=500, description="the text so far; empty for frequent values")] = "",
    limit: Annotated[int, Parameter(ge=1, le=20)] = 8,
) -> Response:
    """Returns texts to search for: values of attributes, and words that items have together, the best first.

    The last word is completed, slips of the finger are put right, and case and accents do not count.
    """

    def work() -> bytes:
        deadline = Deadline(time.monotonic() + min(SUGGESTIONS_S, state.settings.deadline_s))
        view = state.searcher.live().view()
        best = view.suggestions(q, limit=limit, deadline=deadline)
        return to_json(suggestions_answer(best, view.manifest.name))

    answer = await state.suggestion_pool.run(work, caller=guard.caller_name(request))
    return Response(answer, media_type="application/json")


@routes.get("/limits", operation_id="getLimits", tags=["search"], summary="Limits of a search")
async def limits(state: AppStateDep) -> schemas.Limits:
    """Returns the largest values that a search may use."""
    return schemas.Limits.model_validate(state.settings, from_attributes=True)


def _parsed(parse: Callable[[], Query], watch: Stopwatch) -> Query:
    """Return the query of a small body, parsed in the event loop: it waits for no thread."""
    watch.add("wait", 0.0)
    with watch.stage("decode"):
        return parse()


def _spend(request: Request) -> Callable[[int], None]:
    """Return a function that counts further images of a query against the rate limit, each as a search."""
    return lambda images: guard.spend(request, searches=images, before=1)


async def _answers(
    parsers: Sequence[Callable[[], Query]], permit: Permit, request: Request, state: AppState
) -> list[bytes]:
    return await asyncio.gather(*[_answer(parse, permit, request, state) for parse in parsers])


async def _answer(parse: Callable[[], Query], permit: Permit, request: Request, state: AppState) -> bytes:
    """Return the answer of one search of several as JSON, or the problem that it failed with.

    Each is encoded by itself: all at once would keep the event loop from other callers.
    """
    watch = Stopwatch()
    try:
        fetch = state.remote_references.fetch
        answer = await state.searcher.search(parse, permit=permit, watch=watch, fetch=fetch, spend=_spend(request))
        return to_json(schemas.answer(answer, root_path=root_path(request)))
    except Exception as raised:  # a failure of one search must not fail the others
        error = errors.blameless(raised) if isinstance(raised, LikebutError) else errors.shortage(raised)
        if error is not None:
            state.metrics.rejected.labels(errors.reason(error)).inc()
            return to_json(errors.facts(error, request_id=request.state.request_id))
        LOG.exception("one of several searches failed", extra={"facts": {"request_id": request.state.request_id}})
        return to_json(errors.unexpected(request_id=request.state.request_id))
    finally:
        state.metrics.observe_stages(watch.took_ms)
