"""The application: the page, and the API for programs that it is built on."""

import asyncio
import contextlib
import json
import logging
import secrets
import tempfile
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, select_autoescape
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from daguerre._version import __version__
from daguerre.errors import DaguerreError, OptionError
from daguerre.web.folder import PhotoFolder, clean_name
from daguerre.web.gallery import GALLERY
from daguerre.web.guard import GuardedApp
from daguerre.web.jobs import JobQueue, Watcher
from daguerre.web.openapi import description_of
from daguerre.web.options import WebOptions
from daguerre.web.recipes import steps_in
from daguerre.web.texts import LANGUAGES, language_for, texts_in
from daguerre.web.worker import Worker

__all__ = ["Page", "make_app"]

HERE = Path(__file__).parent
LARGE_NAME = "large.jpg"  # made when somebody zooms in
CHECKED_HEAD = 2**18  # first bytes of a large file, from which its size is checked before it is sent
MAX_BODY = 2**20  # maximum bytes of a request that is not a file
MAX_DRAINED = 2**26  # bytes of a refused file that are still accepted and discarded
HEARTBEAT = 15.0  # seconds between heartbeats to a waiting page

logger = logging.getLogger(__name__)


class Page:
    """State of the page: the folder, the queue, and two processes.

    Args:
        options: how it is served.
        folder: where it stores files.
    """

    def __init__(self, options: WebOptions, folder: PhotoFolder) -> None:
        self.options, self.folder = options, folder
        self.worker = Worker("daguerre.web.working:warm")
        self.looker = Worker("daguerre.web.looking:warm")
        self.queue = JobQueue(folder, self.worker)
        self.token = folder.token()
        self.described: dict[str, Any] | None = None
        templates = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=select_autoescape())
        self.template = templates.get_template("page.html")

    @contextlib.asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """From the start of the server to its end."""
        self.looker.start()
        self.worker.start()
        work = asyncio.create_task(self.queue.run())
        try:
            yield
        finally:
            work.cancel()
            self.worker.stop()
            self.looker.stop()
            self.queue.close()

    async def look(self, function: str, *arguments: Any) -> Any:
        """Call a function of `looking` in the looking process."""
        return await self.looker.call(f"daguerre.web.looking:{function}", *arguments)

    # The page itself.

    async def page(self, request: Request) -> Response:
        asked = request.query_params.get("lang", request.cookies.get("daguerre-lang", ""))
        language = language_for(asked, request.headers.get("accept-language", ""))
        texts = texts_in(language)
        html = self.template.render(
            t=texts,
            texts=json.dumps(texts, ensure_ascii=False).replace("<", "\\u003c"),
            language=language,
            languages=LANGUAGES,
            token=self.token,
            version=__version__,
            kept=str(self.folder.root) if self.folder.kept else "",
            max_bytes=self.options.max_bytes,
        )
        answer = HTMLResponse(html)
        if asked:
            answer.set_cookie("daguerre-lang", language, max_age=31536000, samesite="strict", httponly=True)
        return answer

    # Photographs.

    async def photos(self, request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(self.folder.photos))

    async def check(self, request: Request) -> Response:
        """Check a large file from its first bytes, before all of it is sent."""
        self.refuse_large(int(request.query_params.get("bytes", "0") or 0))
        with tempfile.NamedTemporaryFile(dir=self.folder.own, prefix="head-") as file:
            file.write(await body_of(request, CHECKED_HEAD))
            file.flush()
            await self.look("inspect", file.name, "", self.options.max_pixels)
        return JSONResponse({})

    async def bring(self, request: Request) -> Response:
        """Accept a photograph, as the body of the request or in a form."""
        if request.headers.get("content-type", "").startswith("multipart/"):
            async with self.form(request) as form:
                return JSONResponse(await self.keep_photo(form_file(form, "photo")), status_code=201)
        name, body = clean_name(request.query_params.get("name", "")), request.stream()
        try:
            return JSONResponse(await self.keep(name, body, request), status_code=201)
        except DaguerreError:
            await drained(body)
            raise

    def form(self, request: Request) -> Any:
        self.refuse_large(int(request.headers.get("content-length", "0") or 0) - MAX_BODY)
        return request.form(max_files=20, max_fields=200, max_part_size=MAX_BODY)

    async def keep_photo(self, upload: UploadFile) -> dict[str, Any]:
        async def pieces() -> AsyncIterator[bytes]:
            while piece := await upload.read(2**20):
                yield piece

        return await self.keep(clean_name(upload.filename or ""), pieces(), None)

    async def keep(self, name: str, pieces: AsyncIterator[bytes], request: Request | None) -> dict[str, Any]:
        """Store an uploaded photograph; one that cannot be used leaves nothing behind."""
        if request is not None:
            self.refuse_large(int(request.headers.get("content-length", "0") or 0))
        folder = self.folder.new_photo()
        try:
            await self.receive(pieces, folder / name)
            seen = await self.look("inspect", str(folder / name), str(folder), self.options.max_pixels)
            size = (folder / name).stat().st_size
            self.folder.write_info(folder, {"name": name, "bytes": size, "added": (folder.stat().st_mtime)} | seen)
        except BaseException:
            self.folder.forget(folder.name)
            raise
        return self.folder.info(folder.name) or {}

    async def receive(self, pieces: AsyncIterator[bytes], path: Path) -> None:
        size = 0
        with path.open("wb") as file:
            async for piece in pieces:
                size += len(piece)
                self.refuse_large(size)
                await run_in_threadpool(file.write, piece)
        if not size:
            raise OptionError("the file is empty")

    def refuse_large(self, size: int) -> None:
        if size > self.options.max_bytes:
            raise OptionError(
                f"the file has {size / 1e6:,.0f} megabytes; this page takes up to {self.options.max_megabytes:,}"
            )

    async def forget(self, request: Request) -> Response:
        photo = self.photo_id(request)
        self.queue.forget(photo)
        await run_in_threadpool(self.folder.forget, photo)
        return JSONResponse({})

    def photo_id(self, request: Request) -> str:
        photo = str(request.path_params["photo"])
        if self.folder.info(photo) is None:
            raise OptionError("this photograph is not here any more; bring it again")
        return photo

    async def original(self, request: Request) -> Response:
        path = self.folder.photo(self.photo_id(request))
        return download(path)

    async def photo_file(self, request: Request) -> Response:
        """A thumbnail of a photograph; masks and tones are made on first request."""
        photo, file = self.photo_id(request), str(request.path_params["file"])
        folder, source = self.folder.own / "photos" / photo, str(self.folder.photo(photo))
        path = self.folder.side("photos", photo, file)
        if path is None and file in ("damage.png", "mask.png"):
            await self.look("show_damage", source, str(folder), 0.5)
        elif path is None and file.startswith("tone-"):
            await self.look("show_tones", source, str(folder))
        elif path is None and file == LARGE_NAME:
            await self.look("show_large", source, str(folder / LARGE_NAME))
        return small_file(self.folder.side("photos", photo, file))

    async def dial(self, request: Request) -> Response:
        """A part of a photograph, enlarged."""
        asked = request.query_params
        try:
            x, y, vivid, scale = (float(asked.get(name, "0")) for name in ("x", "y", "vivid", "scale"))
        except ValueError:
            raise OptionError("x, y, vivid and scale are numbers") from None
        source = str(self.folder.photo(self.photo_id(request)))
        data = await self.look("dial", source, x, y, asked.get("clean") == "1", vivid, scale or 4.0)
        return Response(data, media_type="image/jpeg")

    async def mask(self, request: Request) -> Response:
        """Store a mask that was painted over the thumbnail; the body is a PNG file."""
        photo = self.photo_id(request)
        name = f"masks/{secrets.token_hex(8)}.png"
        job = request.query_params.get("job", "")
        place = ("jobs", job) if job.isdecimal() else ("photos", photo)
        found, whole = (self.folder.side(*place, file) for file in ("damage.png", "mask.png"))
        with tempfile.NamedTemporaryFile(dir=self.folder.own, prefix="mask-", suffix=".png") as file:
            file.write(await body_of(request, 2**25))
            file.flush()
            arguments = [str(found), str(whole)] if found and whole else ["", ""]
            await self.look(
                "paint_mask", str(self.folder.photo(photo)), file.name, *arguments, str(self.folder.own / name)
            )
        return JSONResponse({"mask": name}, status_code=201)

    async def mask_file(self, request: Request) -> Response:
        return download(self.folder.referred(f"masks/{request.path_params['file']}"))

    # Styles.

    async def styles(self, request: Request) -> Response:
        """The gallery's names, and the uploaded styles."""
        own = sorted((self.folder.own / "styles").glob("own-*"), key=lambda path: path.stat().st_mtime)
        return JSONResponse({"gallery": GALLERY, "own": [path.name for path in own]})

    async def style(self, request: Request) -> Response:
        file = str(request.path_params["file"])
        path = self.folder.referred(f"styles/{file}")
        if path is None and file.removesuffix(".png") in GALLERY:
            await self.look("draw_style_file", file.removesuffix(".png"), str(self.folder.own / "styles"))
            path = self.folder.referred(f"styles/{file}")
        return small_file(path)

    async def bring_style(self, request: Request) -> Response:
        suffix = Path(clean_name(request.query_params.get("name", ""))).suffix.lower()
        name = f"own-{secrets.token_hex(6)}{suffix}"
        if self.folder.referable(f"styles/{name}") is None:
            raise OptionError(f"a style is a picture, not a {suffix} file")
        with tempfile.TemporaryDirectory(dir=self.folder.own) as scratch:
            await self.receive(request.stream(), Path(scratch) / name)
            target = self.folder.own / "styles" / name
            await self.look("inspect_style", str(Path(scratch) / name), str(target), self.options.max_pixels)
        return JSONResponse({"style": f"styles/{name}"}, status_code=201)

    # Jobs.

    async def jobs(self, request: Request) -> Response:
        return JSONResponse(self.queue.all())

    async def job(self, request: Request) -> Response:
        return JSONResponse(self.queue.view(self.queue.row(request.path_params["job"])))

    async def described_request(self, asked: dict[str, Any], photo: str) -> dict[str, Any]:
        arguments = (str(self.folder.root), self.folder.kept, asked, photo, self.options.max_pixels)
        return await self.look("describe", *arguments)  # type: ignore[no-any-return]

    async def describe(self, request: Request) -> Response:
        """What a request would do: the command line, the recipe, the size; without doing it."""
        asked = await json_of(request)
        made = await self.described_request(asked.get("request", {}), str(asked.get("photo")))
        return JSONResponse({name: made[name] for name in ("command", "recipe", "size", "tasks")})

    async def recipe(self, request: Request) -> Response:
        """The steps of a recipe, as in a request."""
        return JSONResponse({"steps": steps_in(await body_of(request, MAX_BODY))})

    async def add(self, request: Request) -> Response:
        asked = await json_of(request)
        photo, wanted = str(asked.get("photo")), asked.get("request", {})
        described = await self.described_request(wanted, photo)
        number = self.queue.add(photo, wanted, described, first=bool(asked.get("first")))
        return JSONResponse(self.queue.view(self.queue.row(number)), status_code=201)

    async def act(self, request: Request) -> Response:
        """Cancel a job, finish it early, or queue it again."""
        number = request.path_params["job"]
        {"cancel": self.queue.cancel, "enough": self.queue.enough, "again": self.queue.again}[
            str(request.path_params["act"])
        ](number)
        return JSONResponse(self.queue.view(self.queue.row(number)))

    async def job_file(self, request: Request) -> Response:
        """A thumbnail of a result, or a file that belongs to it."""
        number, file = request.path_params["job"], str(request.path_params["file"])
        if file == LARGE_NAME and self.folder.side("jobs", str(number), LARGE_NAME) is None:
            result = self.folder.result(self.queue.row(number).target)
            if result is not None:
                await self.look("show_large", str(result), str(self.folder.job(number) / LARGE_NAME))
        return small_file(self.folder.side("jobs", str(number), file), fresh=True)

    async def result(self, request: Request) -> Response:
        return download(self.folder.result(self.queue.row(request.path_params["job"]).target))

    async def zip(self, request: Request) -> Response:
        """Results in one file: all, or those of the named jobs."""
        wanted = {int(word) for word in request.query_params.get("jobs", "").split(",") if word.isdecimal()}
        names = [job["name"] for job in self.queue.all() if job["state"] == "done" and wanted <= {job["id"]} | wanted]
        if wanted:
            names = [self.queue.row(number).target for number in sorted(wanted)]
        paths = [path for name in names if (path := self.folder.result(name))]
        if not paths:
            raise OptionError("there are no results yet")
        handle = tempfile.NamedTemporaryFile(dir=self.folder.own, prefix="zip-", delete=False)  # noqa: SIM115

        def pack() -> None:
            with handle, zipfile.ZipFile(handle, "w", zipfile.ZIP_STORED) as archive:
                for path in paths:
                    archive.write(path, path.name)

        await run_in_threadpool(pack)
        gone = BackgroundTask(Path(handle.name).unlink)
        return FileResponse(handle.name, filename="daguerre.zip", media_type="application/zip", background=gone)

    async def events(self, request: Request) -> Response:
        """Changes of jobs as server-sent events, beginning with all jobs."""
        watcher = Watcher()

        async def news() -> AsyncIterator[str]:
            self.queue.watchers.add(watcher)
            try:
                yield event("all", self.queue.all())
                while True:
                    try:
                        numbers = await asyncio.wait_for(watcher.next(), HEARTBEAT)
                    except TimeoutError:
                        yield ": still here\n\n"
                        continue
                    for number in numbers:
                        with contextlib.suppress(DaguerreError):
                            yield event("job", self.queue.view(self.queue.row(number)))
                    await asyncio.sleep(0.1)
            finally:
                self.queue.watchers.discard(watcher)

        return StreamingResponse(news(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    # For programs.

    async def schema(self) -> dict[str, Any]:
        if self.described is None:
            self.described = await self.look("schema")
        return self.described

    async def options_schema(self, request: Request) -> Response:
        return JSONResponse(await self.schema())

    async def openapi(self, request: Request) -> Response:
        return JSONResponse(description_of(await self.schema(), self.options))

    async def at_once(self, request: Request) -> Response:
        """Run one task on a photograph in a form whose fields are options, and answer with the result."""
        task = str(request.path_params["task"])
        schema = (await self.schema()).get(task, {}).get("properties", {})
        async with self.form(request) as form:
            info = await self.keep_photo(form_file(form, "photo"))
            step: dict[str, Any] = {"task": task}
            for name, value in form.multi_items():
                if name == "photo":
                    continue
                if isinstance(value, UploadFile):
                    value = await self.bring_file(name, value, info["id"])
                if schema.get(name, {}).get("type") == "array":
                    step.setdefault(name, []).append(typed(name, value, schema[name]["items"]))
                else:
                    step[name] = typed(name, value, schema.get(name, {}))
        number = None
        try:
            asked = {"steps": [step]}
            number = self.queue.add(info["id"], asked, await self.described_request(asked, info["id"]), first=True)
            return await self.waited(number, request)
        except asyncio.CancelledError:
            if number is not None:
                self.queue.cancel(number)
            raise

    async def bring_file(self, field: str, upload: UploadFile, photo: str) -> str:
        """Store a file for an option; returns a reference to it."""
        if field not in ("style", "scratches", "mask"):
            raise OptionError(f"{field} is no file")
        kind = "styles/own-" if field == "style" else "masks/"
        name = f"{kind}{secrets.token_hex(6)}{Path(clean_name(upload.filename or '', '.png')).suffix.lower()}"
        if (target := self.folder.referable(name)) is None:
            raise OptionError(f"{field} is a picture; {upload.filename!r:.80} is none")
        target.write_bytes(await upload.read())
        return name

    async def waited(self, number: int, request: Request) -> Response:
        """Wait for the result of a job."""
        watcher = Watcher()
        self.queue.watchers.add(watcher)
        try:
            while (row := self.queue.row(number)).state in ("waiting", "running"):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(watcher.next(), 2.0)
                if await request.is_disconnected():
                    self.queue.cancel(number)
        finally:
            self.queue.watchers.discard(watcher)
        if row.state != "done":
            return problem(422, row.error or "cancelled")
        answer = download(self.folder.result(row.target))
        answer.headers["X-Daguerre-Job"] = str(number)
        return answer


async def body_of(request: Request, limit: int) -> bytes:
    """The body of a small request."""
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > limit:
            raise OptionError("this is larger than it can be")
    return bytes(data)


async def drained(body: AsyncIterator[bytes]) -> None:
    """Receive the rest of a request, up to a limit: many programs read the answer only then."""
    size = 0
    with contextlib.suppress(RuntimeError):  # it has been read to its end
        async for piece in body:
            size += len(piece)
            if size > MAX_DRAINED:
                return


async def json_of(request: Request) -> dict[str, Any]:
    """The body of a request, a JSON object."""
    try:
        found = json.loads(await body_of(request, MAX_BODY))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise OptionError("the body is a JSON object")
    return found


def typed(name: str, value: str, schema: dict[str, Any]) -> Any:
    """A form field converted to the type of an option."""
    kind = schema.get("type", "string")
    if kind == "string":
        return value
    try:
        found = json.loads(value)
    except ValueError:
        found = None
    if kind == "number" and isinstance(found, int | float) and not isinstance(found, bool):
        return float(found)
    if (kind, type(found)) in (("integer", int), ("boolean", bool)):
        return found
    raise OptionError(f"{name} is {value!r:.80}; it is a {kind}")


def form_file(form: Any, name: str) -> UploadFile:
    upload = form.get(name)
    if not isinstance(upload, UploadFile):
        raise OptionError(f"the form has no file called {name!r}")
    return upload


def event(kind: str, value: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps(value)}\n\n"


def download(path: Path | None) -> Response:
    """A download under its own name."""
    if path is None or not path.is_file():
        return problem(404, "there is no such file")
    named = f"attachment; filename*=UTF-8''{quote(path.name, safe='')}"
    return FileResponse(path, media_type="application/octet-stream", headers={"Content-Disposition": named})


def small_file(path: Path | None, *, fresh: bool = False) -> Response:
    """A thumbnail for display."""
    if path is None:
        return problem(404, "there is no such file")
    return FileResponse(path, headers={"Cache-Control": "no-cache" if fresh else "private, max-age=3600"})


def problem(status: int, line: str) -> Response:
    return JSONResponse({"error": line}, status_code=status)


async def refused(request: Request, error: Exception) -> Response:
    return problem(413 if "megabytes" in str(error) else 422, str(error))


async def unforeseen(request: Request, error: Exception) -> Response:
    logger.error("an error that nobody foresaw", exc_info=error)
    return problem(500, f"something went wrong that nobody foresaw ({type(error).__name__})")


async def gone(request: Request, error: Exception) -> Response:
    return Response(status_code=499)


def make_app(page: Page, origins: list[str]) -> Starlette:
    """The application, with its checks."""
    get, post = ["GET"], ["POST"]
    routes = [
        Route("/", page.page),
        Route("/api", page.openapi, methods=get),
        Route("/api/openapi.json", page.openapi, methods=get),
        Route("/api/options", page.options_schema, methods=get),
        Route("/api/events", page.events, methods=get),
        Route("/api/photos", page.photos, methods=get),
        Route("/api/photos", page.bring, methods=post),
        Route("/api/photos/check", page.check, methods=post),
        Route("/api/photos/{photo}", page.forget, methods=["DELETE"]),
        Route("/api/photos/{photo}/original", page.original, methods=get),
        Route("/api/photos/{photo}/dial", page.dial, methods=get),
        Route("/api/photos/{photo}/mask", page.mask, methods=post),
        Route("/api/photos/{photo}/{file}", page.photo_file, methods=get),
        Route("/api/masks/{file}", page.mask_file, methods=get),
        Route("/api/styles", page.styles, methods=get),
        Route("/api/styles", page.bring_style, methods=post),
        Route("/api/styles/{file}", page.style, methods=get),
        Route("/api/describe", page.describe, methods=post),
        Route("/api/recipe", page.recipe, methods=post),
        Route("/api/jobs", page.jobs, methods=get),
        Route("/api/jobs", page.add, methods=post),
        Route("/api/jobs/{job:int}", page.job, methods=get),
        Route("/api/jobs/{job:int}/result", page.result, methods=get),
        Route("/api/jobs/{job:int}/{act}", page.act, methods=post),
        Route("/api/jobs/{job:int}/{file}", page.job_file, methods=get),
        Route("/api/results.zip", page.zip, methods=get),
        Route("/api/{task}", page.at_once, methods=post),
        Mount("/static", StaticFiles(directory=HERE / "static")),
    ]
    handlers: Any = {DaguerreError: refused, ClientDisconnect: gone, Exception: unforeseen}
    app = Starlette(routes=routes, lifespan=page.lifespan, exception_handlers=handlers)
    app.add_middleware(GuardedApp, origins=origins, token=page.token, password=page.options.password)
    return app
