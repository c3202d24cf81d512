"""OpenAPI 3.1 description of the API, generated from the options' schemas."""

from typing import Any

from daguerre._version import __version__
from daguerre.web.options import WebOptions

__all__ = ["description_of"]

FILE = {"type": "string", "format": "binary"}
PROBLEM = {"description": "It cannot be done; `error` says why, in one line."}


def description_of(schemas: dict[str, Any], options: WebOptions) -> dict[str, Any]:
    """The description.

    Args:
        schemas: schemas of the options of every task and of saving, by name, from `looking.schema`.
        options: how the page is served, for its limits.
    """
    names = {name: f"{name.capitalize()}Options" for name in schemas}
    tasks = [name for name in schemas if name != "saving"]
    steps = [
        {"allOf": [{"properties": {"task": {"const": task}}, "required": ["task"]}, ref(names[task])]} for task in tasks
    ]
    request = {
        "type": "object",
        "required": ["steps"],
        "properties": {
            "steps": {"type": "array", "minItems": 1, "items": {"oneOf": steps}},
            "saving": ref(names["saving"]),
            "format": {"type": "string", "description": "of the result, such as png; by default the photograph's"},
        },
    }
    limits = f"A file has at most {options.max_megabytes} megabytes, a photograph {options.max_megapixels} megapixels."
    paths = {
        f"/api/{task}": operation("post", f"{task}: a photograph in, the result out", form(schemas[task]), picture())
        for task in tasks
    }
    paths |= {
        "/api/photos": {
            "get": {"summary": "All photographs", "responses": answers("A list")},
            **operation("post", "Bring a photograph", form({"properties": {}}), answers("Its id and size", "201")),
        },
        "/api/photos/{photo}": operation("delete", "Forget a photograph and its jobs; results stay", None, answers("")),
        "/api/describe": operation(
            "post",
            "What a request would do, as a command and a recipe",
            sent("NewJob"),
            answers("command, recipe, size"),
        ),
        "/api/jobs": {
            "get": {"summary": "All jobs", "responses": answers("A list")},
            **operation("post", "Add a job", sent("NewJob"), answers("The job", "201")),
        },
        "/api/jobs/{job}": operation("get", "A job: its state, its progress, what was done", None, answers("The job")),
        "/api/jobs/{job}/result": operation("get", "The result, as saved", None, picture()),
        "/api/jobs/{job}/cancel": operation("post", "Stop it at once", None, answers("The job")),
        "/api/jobs/{job}/enough": operation("post", "End an optimization, and keep it", None, answers("The job")),
        "/api/jobs/{job}/again": operation("post", "Do it again, if it failed", None, answers("The job")),
        "/api/results.zip": operation("get", "All results", None, picture()),
        "/api/events": operation("get", "Jobs as they change, as server-sent events", None, answers("A stream")),
        "/api/options": operation("get", "The options of every task, as JSON Schema", None, answers("Schemas")),
    }
    for path, methods in paths.items():
        for name in ("photo", "job"):
            if f"{{{name}}}" in path:
                kind = "string" if name == "photo" else "integer"
                parameter = {"name": name, "in": "path", "required": True, "schema": {"type": kind}}
                for operation_ in methods.values():
                    operation_.setdefault("parameters", []).append(parameter)
    new_job = {
        "type": "object",
        "required": ["photo", "request"],
        "properties": {
            "photo": {"type": "string", "description": "id of a photograph"},
            "request": ref("Request"),
            "first": {"type": "boolean", "description": "before all that waits"},
        },
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Daguerre", "version": __version__, "description": limits},
        "paths": paths,
        "components": {
            "schemas": {names[name]: schema for name, schema in schemas.items()}
            | {"Request": request, "NewJob": new_job}
        },
    }


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def operation(method: str, summary: str, body: dict[str, Any] | None, answers: dict[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {"summary": summary, "responses": answers}
    return {method: said | ({"requestBody": body} if body else {})}


def form(schema: dict[str, Any]) -> dict[str, Any]:
    """A form with a photograph and options; masks and styles are files."""
    properties = {"photo": FILE} | schema["properties"]
    return {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": {"type": "object", "required": ["photo"], "properties": properties}}
        },
    }


def sent(name: str) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": ref(name)}}}


def answers(what: str, status: str = "200") -> dict[str, Any]:
    return {status: {"description": what}, "422": PROBLEM}


def picture() -> dict[str, Any]:
    return {"200": {"description": "A file", "content": {"application/octet-stream": {}}}, "422": PROBLEM}
