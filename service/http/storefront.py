"""The route of the shop's own settings, which a page needs before it can search."""

from fastapi import APIRouter, Request

from service.auth import guard
from service.http.state import AppStateDep
from service.schemas.storefront import StorefrontAnswer

routes = APIRouter(dependencies=[guard.OPEN])


@routes.get("/storefront", operation_id="getStorefront", tags=["search"], summary="The shop's settings for pages")
async def storefront(request: Request, state: AppStateDep) -> StorefrontAnswer:
    """Returns what a search page of this shop needs to know, such as the currency of prices. It needs no key."""
    settings, guarding = state.settings, guard.guard_of(request)
    caller = guarding.caller(request)
    return StorefrontAnswer(
        currency=settings.currency or None,
        link=settings.link or None,
        basket_url=settings.basket_url or None,
        events_url=settings.events_url or None,
        public=guarding.public,
        operator=caller is not None and caller.role == "admin" and settings.admin_port is None,
    )
