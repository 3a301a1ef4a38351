"""The routes of the probes: liveness and readiness; they need no key and are served at every port."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from service import errors
from service.http.state import AppStateDep
from service.schemas import search as schemas

routes = APIRouter()


@routes.get("/livez", operation_id="live", tags=["health"], summary="Liveness probe")
async def livez() -> dict[str, bool]:
    """Answers as long as the event loop runs."""
    return {"alive": True}


@routes.get(
    "/readyz", operation_id="ready", tags=["health"], summary="Readiness probe", response_model=schemas.ReadyAnswer
)
async def readyz(request: Request, state: AppStateDep) -> Response:
    """Reports the result of the last trial search, which runs every few seconds; 503 with the reasons if it failed."""
    reasons = await state.prober.current_reasons()
    if reasons:
        return errors.answer(errors.NotReady("; ".join(reasons)), request_id=request.state.request_id)
    return JSONResponse({"ready": True, "snapshot": state.searcher.live().manifest.name})
