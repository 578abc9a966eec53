"""Errors in the shape of the OpenAI API: {"error": {"message", "type", "param", "code"}}."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from limner.errors import UserError
from limner.studio.drawing.batching import Closed, Full

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
GONE = 499
"""What is counted where the client went away; nobody reads it."""


class Fault(BaseModel):
    """What went wrong: a line for people, a kind, the field it is about, and a code for programs."""

    message: str
    type: str
    param: str | None
    code: str | None


class Answer(BaseModel):
    """An error as the OpenAI API tells it."""

    error: Fault


DECLARED: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": Answer, "description": "Something is wrong with the request"},
    "5XX": {"model": Answer, "description": "Something is wrong with the studio, or it closes"},
}
"""What every route may answer besides, for the description of the API."""


class ApiError(Exception):
    """Something wrong with a request, and which field it is about."""

    def __init__(self, status: int, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.param, self.code = status, param, code


class ClientGone(Exception):
    """Nobody waits for the answer any more."""


def body(status: int, message: str, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    """Return an error as the OpenAI API tells it."""
    message = message.encode(errors="replace").decode()  # a field's name may hold what no text has
    param = param and param.encode(errors="replace").decode()
    kind = "server_error" if status >= 500 else "rate_limit_error" if status == 429 else "invalid_request_error"
    code = code or CODES.get(status)
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def answer(
    status: int,
    message: str,
    param: str | None = None,
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return an error as an answer."""
    return JSONResponse(body(status, message, param, code), status, dict(headers or {}))


def told(error: Exception) -> tuple[int, str, str | None, str | None]:
    """Return the status, message, field and code of an error; what is our own mistake tells nothing of itself."""
    if isinstance(error, ApiError):
        return error.status, str(error), error.param, error.code
    if isinstance(error, Full):
        return 429, str(error), None, "queue_full"
    if isinstance(error, Closed):
        return 503, str(error), None, None
    if isinstance(error, UserError):
        return 400, " ".join(str(error).split()), None, "invalid_value"
    return 500, "something went wrong in the studio; its log says what", None, "internal_error"


def handle(app: FastAPI) -> None:
    """Make all errors of an app answer in this shape."""

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        named = len(first["loc"]) > 1 and first["type"] != "json_invalid"
        place = str(first["loc"][1]) if named else None
        code = "unknown_parameter" if first["type"] == "extra_forbidden" else "invalid_value"
        return answer(400, f"{place or 'the body'}: {first['msg']}", place, code)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return answer(error.status_code, str(error.detail), headers=error.headers)

    async def known(request: Request, error: Exception) -> Response:
        status, message, param, code = told(error)
        waits = {"Retry-After": str(error.seconds)} if isinstance(error, Full) else {}
        return answer(status, message, param, code, waits or ({"Retry-After": "5"} if status == 503 else {}))

    async def gone(request: Request, error: Exception) -> Response:
        return Response(status_code=GONE)

    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(ClientGone, gone)
    for kind in (ApiError, Full, Closed, UserError, Exception):
        app.add_exception_handler(kind, known)
