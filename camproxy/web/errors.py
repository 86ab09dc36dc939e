"""One shape for every error: JSON for programs, a page for people."""

from __future__ import annotations

import logging
from gettext import NullTranslations
from typing import Any

from flask import Flask, jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import get_translations, gettext
from flask_wtf.csrf import CSRFError
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.datastructures import ContentRange
from werkzeug.exceptions import HTTPException, RequestedRangeNotSatisfiable

from camproxy.database import is_unusable, reason
from camproxy.errors import N_, CamProxyError, Unavailable
from camproxy.web.auth import after_a_failure
from camproxy.web.services import services

log = logging.getLogger(__name__)

CODES = {400: "bad_request", 401: "unauthorized", 403: "forbidden", 404: "not_found", 409: "conflict"}
CODES |= {405: "bad_request", 413: "too_large", 415: "bad_request", 429: "rate_limited"}

FAULT = N_("The server made a mistake; it is in its log.")


class Problem(BaseModel):
    """The answer of every JSON route that could not do what was asked."""

    error: str
    message: str


def known_error(error: BaseException) -> CamProxyError:
    """What may be told of any error: `Unavailable` when it is the database's, `internal` for a fault in the server."""
    if isinstance(error, CamProxyError):
        return error
    if not is_unusable(error):
        return CamProxyError(str(error))
    log.error("the database cannot be used: %s", reason(error))
    services().probe.doubt()
    return Unavailable("The database does not answer just now. Try again shortly.")


def problem(error: CamProxyError, texts: NullTranslations | None = None) -> dict[str, Any]:
    """What is told of an error: never what a fault inside the server looks like.

    `texts`: the language of who asked, from `get_translations()`, for threads that answer later and serve no request.
    """
    texts = texts or get_translations()
    if error.code == "internal":
        return {"error": error.code, "message": texts.gettext(FAULT)}
    return {"error": error.code, "message": error.told(texts.gettext(error.message))}


def wants_page() -> bool:
    """Whether a person with a browser asked for a page."""
    if request.blueprint in ("pages", "auth"):
        return request.accept_mimetypes.accept_html
    # An address that does not exist, or is no page: only who names HTML is a browser.
    return not request.path.startswith("/api/") and "text/html" in request.accept_mimetypes.values()


def answer(status: int, code: str, message: str) -> ResponseReturnValue:
    if wants_page():
        return render_template("error.html", code=status, title=title(status), message=message), status
    return jsonify(Problem(error=code, message=message).model_dump()), status


def title(status: int) -> str:
    titles: dict[int, str] = {
        403: gettext("Not allowed"),
        404: gettext("Not found"),
        429: gettext("Too many attempts"),
        503: gettext("Not available"),
    }
    return titles.get(status) or str(gettext("That did not work"))


def handle_errors(app: Flask) -> None:
    @app.errorhandler(CamProxyError)
    def known(error: CamProxyError) -> ResponseReturnValue:
        if error.status == 500:
            log.error("%s %s: %s", request.method, request.path, error)
        return answer(error.status, error.code, problem(error)["message"])

    @app.errorhandler(CSRFError)
    def csrf(error: CSRFError) -> ResponseReturnValue:
        return answer(400, "bad_request", gettext("The page is too old for that. Reload it and try again."))

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> ResponseReturnValue:
        status = error.code or 500
        if status < 400:
            return error.get_response()
        messages = {
            404: gettext("There is nothing at this address."),
            405: gettext("This address does not take that method."),
            413: gettext("That is more than this server takes."),
            429: gettext("Too many attempts. Wait a minute and try again."),
        }
        code = CODES.get(status, "internal" if status >= 500 else "bad_request")
        response = make_response(answer(status, code, messages.get(status, error.description or error.name)))
        if isinstance(error, RequestedRangeNotSatisfiable):
            response.content_range = ContentRange("bytes", None, None, error.length)
        return response

    @app.errorhandler(Exception)
    def fault(error: Exception) -> ResponseReturnValue:
        log.exception("%s %s failed", request.method, request.path)
        return answer(500, "internal", gettext(FAULT))

    @app.errorhandler(SQLAlchemyError)
    def database(error: SQLAlchemyError) -> ResponseReturnValue:
        after_a_failure()
        ours = known_error(error)
        return known(ours) if isinstance(ours, Unavailable) else fault(error)
