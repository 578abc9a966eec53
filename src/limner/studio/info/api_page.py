"""`/docs`: the OpenAPI description as a page, without scripts, so that it works offline and under our policy."""

from __future__ import annotations

import functools
import html
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

PATH, STYLE = "/docs", "/docs.css"
PUBLIC = frozenset({PATH, STYLE})
_SCHEMAS = "#/components/schemas/"
_CSS = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; }
h2 { margin-top: 3rem; }
h3 { font: 600 1rem/1.5 ui-monospace, monospace; margin: 2rem 0 .25rem; overflow-wrap: anywhere; }
code, pre { font: .875rem/1.5 ui-monospace, monospace; }
pre { border: 1px solid #8886; border-radius: .5rem; overflow-x: auto; padding: .5rem .75rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { border-bottom: 1px solid #8884; padding: .25rem .75rem .25rem 0; text-align: left; vertical-align: top; }
nav a { display: inline-block; margin: 0 1rem .25rem 0; }
:target { outline: 2px solid; outline-offset: .25rem; }
"""
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}: the API</title>
<link rel="stylesheet" href="{style}">
</head>
<body>
<h1>{title}, version {version}: the API</h1>
<p>Programs written for the OpenAI images API speak to <code>/v1</code>. Where the studio has a token, requests bear
it: <code>Authorization: Bearer TOKEN</code>. The same description for programs:
<a href="/openapi.json">/openapi.json</a>.</p>
<nav>{contents}</nav>
<h2>Routes</h2>
{routes}
<h2>What is sent and answered</h2>
{schemas}
</body>
</html>
"""

Schema = Mapping[str, Any]


def router(described: Callable[[], Schema]) -> APIRouter:
    """Make the routes of the page and its style; `described` gives the OpenAPI description."""
    routes = APIRouter(include_in_schema=False)
    written = functools.cache(lambda: page(described()))  # once: nothing limits how often it is asked for

    @routes.get(PATH)
    def docs() -> HTMLResponse:
        """Return the page."""
        return HTMLResponse(written())

    @routes.get(STYLE)
    async def style() -> Response:
        """Return its style sheet."""
        return Response(_CSS, media_type="text/css")

    return routes


def page(api: Schema) -> str:
    """Write the page of an OpenAPI description: every route with its fields, every schema, and what to type."""
    routes = [(method, path, one) for path, methods in api["paths"].items() for method, one in methods.items()]
    schemas = api.get("components", {}).get("schemas", {})
    contents = "".join(
        f'<a href="#{_id(method, path)}"><code>{method.upper()} {html.escape(path)}</code></a>\n'
        for method, path, _ in routes
    )
    return _PAGE.format(
        title=html.escape(api["info"]["title"]),
        version=html.escape(api["info"]["version"]),
        style=STYLE,
        contents=contents,
        routes="\n".join(_route(method, path, one) for method, path, one in routes),
        schemas="\n".join(_section(name, schema) for name, schema in sorted(schemas.items())),
    )


def _id(method: str, path: str) -> str:
    return html.escape(f"{method}{path}".replace("/", "-").replace("{", "").replace("}", ""))


def _route(method: str, path: str, route: Schema) -> str:
    parts = [f'<h3 id="{_id(method, path)}">{method.upper()} {html.escape(path)}</h3>', _text(route.get("description"))]
    if parameters := route.get("parameters"):
        rows = [(one["name"], one["schema"], one.get("required", False), one["in"]) for one in parameters]
        parts.append(_table(_row(name, schema, required, place) for name, schema, required, place in rows))
    for kind, content in route.get("requestBody", {}).get("content", {}).items():
        parts.append(f"<p>Body, <code>{html.escape(kind)}</code>: {_type(content.get('schema', {}))}</p>")
    answer = route.get("responses", {}).get("200") or route.get("responses", {}).get("201") or {}
    for kind, content in answer.get("content", {}).items():
        parts.append(f"<p>Answer, <code>{html.escape(kind)}</code>: {_type(content.get('schema', {}))}</p>")
    return "\n".join([*parts, f"<pre>{html.escape(_command(method, path, route))}</pre>"])


def _command(method: str, path: str, route: Schema) -> str:
    """Return how a route is called from a shell."""
    kinds = route.get("requestBody", {}).get("content", {})
    if "application/json" in kinds:
        return f"curl http://127.0.0.1:8000{path} -X {method.upper()} -H 'Content-Type: application/json' -d '{{...}}'"
    sends = " --data-binary @FILE" if kinds else ""
    return f"curl http://127.0.0.1:8000{path}{'' if method == 'get' else f' -X {method.upper()}'}{sends}"


def _section(name: str, schema: Schema) -> str:
    head = f'<h3 id="{html.escape(name)}">{html.escape(name)}</h3>{_text(schema.get("description"))}'
    fields, required = schema.get("properties"), schema.get("required", ())
    if not fields:
        return head + f"<p>{_type(schema)}</p>"
    return head + _table(_row(field, one, field in required) for field, one in fields.items())


def _table(rows: Iterator[str]) -> str:
    return f"<table><tr><th>field<th>is<th>without it<th></tr>{''.join(rows)}</table>"


def _row(name: str, schema: Schema, required: bool, place: str = "") -> str:
    default = "required" if required else json.dumps(schema.get("default"), ensure_ascii=False)
    about = _text(schema.get("description")) or html.escape(place and f"in the {place}")
    code = f"<code>{html.escape(name)}</code>"
    return f"<tr><td>{code}<td>{_type(schema)}<td><code>{html.escape(default)}</code><td>{about}</tr>"


def _text(description: str | None) -> str:
    return "".join(f"<p>{html.escape(part)}</p>" for part in (description or "").split("\n\n") if part.strip())


def _type(schema: Schema) -> str:
    """Say in HTML what a schema takes."""
    if reference := schema.get("$ref"):
        name = html.escape(reference.removeprefix(_SCHEMAS))
        return f'<a href="#{name}">{name}</a>'
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(map(_type, schema[several])))
    if "const" in schema or "enum" in schema:
        return html.escape(" or ".join(json.dumps(one) for one in schema.get("enum", [schema.get("const")])))
    kind = schema.get("type")
    if kind == "array":
        inner = schema.get("prefixItems")
        return (
            f"[{', '.join(map(_type, inner))}]" if inner else f"list of {_type(schema.get('items', {}))}{_span(schema)}"
        )
    if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"object of {_type(schema['additionalProperties'])}{_span(schema)}"
    return html.escape(str(kind or "anything")) + _span(schema)


def _span(schema: Schema) -> str:
    """Say between which bounds a number or a length lies."""
    bounds = ("minimum", "maximum", ""), ("minLength", "maxLength", " characters"), ("minItems", "maxItems", " entries")
    for low, high, unit in bounds:
        said = [f"{word} {_number(schema[key])}" for word, key in (("from", low), ("to", high)) if key in schema]
        if said:
            return f" ({' '.join(said)}{unit})"
    return ""


def _number(value: float) -> str:
    return f"{int(value) if float(value).is_integer() else value:,}"
