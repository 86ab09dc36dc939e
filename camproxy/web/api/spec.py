"""The API's description and validation: models in, models out, one OpenAPI document from both."""

from __future__ import annotations

from typing import Any

from flask import Blueprint
from pydantic import ValidationError
from spectree import Response, SpecTree

from camproxy import __version__
from camproxy.messages import refusal
from camproxy.web.errors import Problem
from camproxy.web.guards import ANYONE, allow

bp = Blueprint("openapi_document", __name__)


def refuse(_request: Any, _response: Any, error: Exception | None, *_: Any) -> None:
    """Give a validation error the same shape as every other error."""
    if isinstance(error, ValidationError):
        raise refusal(error)


api = SpecTree(
    "flask",
    title="CamProxy",
    version=__version__,
    description="Live video and steering. Authenticate with the session cookie (changes then need the header "
    "X-CSRFToken) or with `Authorization: Bearer <personal token>`.",
    mode="strict",
    annotations=True,
    before=refuse,
    validation_error_status=400,
    validation_error_model=Problem,
    naming_strategy=lambda model: model.__name__,
    nested_naming_strategy=lambda _parent, child: child,
)


def gives(success: Any = None, *, status: int = 200, errors: tuple[int, ...] = ()) -> Response:
    """What a route answers: `success`, and a Problem for the errors that every route or this one has."""
    problems = {f"HTTP_{code}": Problem for code in sorted({401, 403, *errors})}
    return Response(**{f"HTTP_{status}": success}, **problems)


@bp.get("/api/openapi.json")
@allow(ANYONE)
def openapi() -> dict[str, Any]:
    document: dict[str, Any] = api.spec
    return document
