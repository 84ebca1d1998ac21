"""The router of a page."""

from fastapi import APIRouter, Depends

from entrepot.http.web.same_origin import same_origin


def page_router() -> APIRouter:
    """A router for the routes of a page: no form of another site reaches them."""
    return APIRouter(include_in_schema=False, dependencies=[Depends(same_origin)])
