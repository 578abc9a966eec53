"""Errors in the shape of the OpenAI API: {"error": {"message", "type", "param", "code"}}."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from limner import requests
from limner.errors import UserError
from limner.studio.faults import first_fault

CODES = {
    401: "invalid_api_key",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "request_too_large",
    429: "rate_limit_exceeded",
    503: "unavailable",
}
HOLDS = ("request", "first", "second")
"""Fields of bodies that hold a request of any kind."""
OWN = "own"
"""What stands for a kind of request of one's own."""
CLIENT_CLOSED_REQUEST = 499
"""The status that is counted where the client disconnected; it is never sent."""


class ErrorDetail(BaseModel):
    """What went wrong: a message for people, a type, the field it is about, and a code for programs."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(BaseModel):
    """The body of an error response, as in the OpenAI API."""

    error: ErrorDetail


ERROR_RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorBody, "description": "Something is wrong with the request"},
    "5XX": {"model": ErrorBody, "description": "Something is wrong with the studio, or it is closing"},
}
"""The error responses of every route, for the OpenAPI document."""


class ApiError(Exception):
    """Something is wrong with a request; `param` names the field."""

    def __init__(self, status: int, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.param, self.code = status, param, code


class ClientDisconnected(Exception):
    """The client disconnected before it had a response."""


class QueueFull(Exception):
    """An artist's queue has no room; `retry_after` is in seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many pictures are asked for at once: try again in {retry_after} s")
        self.retry_after = retry_after


class StudioClosing(Exception):
    """The studio is shutting down and takes no more requests."""

    def __init__(self) -> None:
        super().__init__("the studio is closing")


def unknown_artist(name: str) -> ApiError:
    """Return the error for the name of an artist that does not draw here."""
    return ApiError(404, f"there is no artist {name!r}; GET /v1/models lists them", "model", "model_not_found")


def error_body(status: int, message: str, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    """Return the JSON body of an error response."""
    message = message.encode(errors="replace").decode()  # a field's name may hold a lone surrogate
    param = param and param.encode(errors="replace").decode()
    kind = "server_error" if status >= 500 else "rate_limit_error" if status == 429 else "invalid_request_error"
    code = code or CODES.get(status)
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def error_response(
    status: int,
    message: str,
    param: str | None = None,
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return an error response."""
    return JSONResponse(error_body(status, message, param, code), status, dict(headers or {}))


def error_fields(error: Exception) -> tuple[int, str, str | None, str | None]:
    """Return the status, message, field and code of an exception; those of a bug reveal nothing of it."""
    if isinstance(error, ApiError):
        return error.status, str(error), error.param, error.code
    if isinstance(error, QueueFull):
        return 429, str(error), None, "queue_full"
    if isinstance(error, StudioClosing):
        return 503, str(error), None, None
    if isinstance(error, UserError):
        return 400, " ".join(str(error).split()), None, "invalid_value"
    return 500, "something went wrong in the studio; see its log", None, "internal_error"


def add_error_handlers(app: FastAPI) -> None:
    """Make all errors of an app respond in this shape."""

    async def invalid_request(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        (_, *place), said, fault = first_fault(error.errors(), {*requests.kinds(), OWN}, HOLDS)
        if fault["type"] == "json_invalid":
            place = []
        code = "unknown_parameter" if fault["type"] == "extra_forbidden" else "invalid_value"
        where = " ".join(".".join(map(str, place)).split()) or "the body"
        return error_response(400, f"{where}: {said}", str(place[0]) if place else None, code)

    async def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return error_response(error.status_code, str(error.detail), headers=error.headers)

    async def other_error(request: Request, error: Exception) -> Response:
        status, message, param, code = error_fields(error)
        retry_after = str(error.retry_after) if isinstance(error, QueueFull) else "5" if status == 503 else None
        return error_response(status, message, param, code, {"Retry-After": retry_after} if retry_after else None)

    async def disconnected(request: Request, error: Exception) -> Response:
        return Response(status_code=CLIENT_CLOSED_REQUEST)

    app.add_exception_handler(RequestValidationError, invalid_request)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(ClientDisconnected, disconnected)
    for kind in (ApiError, QueueFull, StudioClosing, UserError, Exception):
        app.add_exception_handler(kind, other_error)
