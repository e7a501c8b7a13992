"""The language server: what an editor says goes to the service, what it finds goes to the editor.

The buffer is ours, since the protocol library splits lines where the protocol does not. No payload
is ever logged, and an error in a handler is logged instead of shown. Diagnostics are pulled by a
client that can, and pushed to any other; never both.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import uuid
from asyncio.subprocess import Process
from collections.abc import Callable, Coroutine, Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams, PyglsError
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, lsp_method
from pygls.uris import to_fs_path

import tlsight
from tlsight.config import PROJECT_FILE, Config, project
from tlsight.finding import Finding
from tlsight.lsp import actions, convert, review, settings, watch, workspace
from tlsight.lsp.client import ClientInfo
from tlsight.rule import Problem
from tlsight.service import Answer, Service
from tlsight.text import Document, encoded
from tlsight.worker.client import COMMAND, Limits, Worker
from tlsight.worker.protocol import Described, Page, Settings

log = logging.getLogger(__name__)

WATCHING = "tlsight-watch"
CONFIGURING = "tlsight-configuration"
SECTION = "tlsight"
STATUS = "tlsight/status"
CHECK = "tlsight/check"
PAGES = "tlsight/pages"

_CHECKING = types.WorkDoneProgressBegin(
    title="tlsight", message="checking the workspace", cancellable=True, percentage=0
)


class Protocol(LanguageServerProtocol):
    """The protocol with our own document synchronisation, and an exit that is one."""

    _server: Server

    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: types.DidOpenTextDocumentParams) -> None:
        """Effect: a document is open from now on."""
        self._server.opened(params.text_document)

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: types.DidChangeTextDocumentParams) -> None:
        """Effect: a document has its next version."""
        self._server.changed(params)

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: types.DidCloseTextDocumentParams) -> None:
        """Effect: a document is open no longer."""
        self._server.closed(params.text_document.uri)

    @lsp_method(types.WORKSPACE_EXECUTE_COMMAND)
    async def lsp_workspace__execute_command(  # type: ignore[override]
        self, params: types.ExecuteCommandParams
    ) -> Any:
        """The outcome of a command. Those of pygls can neither be cancelled nor show progress."""
        if params.command != review.COMMAND:
            raise JsonRpcInvalidParams(message=f"there is no command '{params.command}'")
        return await self._server.review(review.asked(params.arguments), params.work_done_token)

    @lsp_method(types.EXIT)
    def lsp_exit(self, *_: Any) -> Generator[Any, Any, None]:
        """Effect: ends this process and its workers at once, whatever they are at."""
        self._server.leave(0 if self._shutdown else 1)
        yield from ()


class Server(LanguageServer):
    """One editor's server. It is the service's client, and keeps what only an editor needs."""

    protocol: Protocol

    def __init__(
        self, cache: Path, command: Sequence[str] = COMMAND, spare: Process | None = None
    ) -> None:
        super().__init__("tlsight", tlsight.__version__, protocol_cls=Protocol)
        self.cache = cache
        self.client = ClientInfo()
        self.roots: list[Path] = []
        self._command = command
        self._spare = spare
        self._options: dict[str, Any] = {}
        self._layers = settings.layered((), {}, cache)
        self.service = Service(self, self._employ)
        self.service.configure(self._layers.settings)
        self._known: dict[Path | None, Described] = {}
        self._project_files: dict[str, tuple[Path, Document]] = {}
        self._told: set[str] = set()
        self._delivered: dict[str, tuple[Document | None, str]] = {}
        self._standing: dict[str, dict[str, Any]] = {}
        self._checked: dict[Path, workspace.Shown] = {}
        self._is_described = asyncio.Event()
        self._refreshing = self._refresh_again = False
        self._watching: list[types.FileSystemWatcher] | None = None
        self._stamps: Mapping[Path, int] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        for method, (handler, options) in _FEATURES.items():
            self.feature(method, options)(handler)
        self.command(review.COMMAND)(_review)

    # What the editor says.

    def begin(self, params: types.InitializeParams) -> None:
        """Effect: learns who the client is and where it works."""
        self.client = ClientInfo.of(params.capabilities)
        if self.client.pulls:
            options = types.DiagnosticOptions(
                inter_file_dependencies=True, workspace_diagnostics=False, identifier=SECTION
            )
            self.feature(types.TEXT_DOCUMENT_DIAGNOSTIC, options)(_pull)
        self.roots = _roots(params)
        self._options = settings.of_editor(params.initialization_options)
        self.configure()
        if params.process_id is not None:
            self.spawn(watch.parent_gone(params.process_id, lambda: self.leave(1)))

    async def ready(self) -> None:
        """Effect: registers what the client lets us register, and asks for its settings."""
        self.service.warm_up(self.roots[0] if self.roots else None)
        if self.client.configuration_changes:
            registration = types.Registration(
                CONFIGURING,
                types.WORKSPACE_DID_CHANGE_CONFIGURATION,
                types.DidChangeConfigurationRegistrationOptions(SECTION),
            )
            await self._register(registration)
        await self.ask_for_settings()
        await self._watch()

    async def ask_for_settings(self) -> None:
        """Effect: takes the editor's settings, if the client lets us ask."""
        if not self.client.configuration:
            return
        item = types.ConfigurationItem(section=SECTION)
        with contextlib.suppress(JsonRpcException):
            answers = await self.workspace_configuration_async(types.ConfigurationParams([item]))
            if answers and answers[0] is not None:
                self.take_settings({SECTION: answers[0]})

    def take_settings(self, value: Any) -> None:
        """Effect: lays new settings of the editor over those it gave before."""
        self._options.update(settings.of_editor(value))
        self.configure()
        self.spawn(self._watch())

    def configure(self) -> None:
        """Effect: reads the project files again, and tells what is wrong."""
        self._layers = settings.layered(self.roots, self._options, self.cache)
        self._stamps = watch.stamps(self._layers.settings) if not self.client.watches else {}
        self.service.configure(self._layers.settings)
        self.tell(self._layers.problems)

    def change_folders(self, event: types.WorkspaceFoldersChangeEvent) -> None:
        """Effect: works in other folders from now on."""
        gone = {_folder(folder.uri) for folder in event.removed}
        come = [path for folder in event.added if (path := _folder(folder.uri))]
        self.roots = [root for root in self.roots if root not in gone] + come
        self.configure()

    def files_changed(self, paths: Iterable[Path]) -> None:
        """Effect: answers again by what has changed on disk."""
        names = {path.name for path in paths}
        if PROJECT_FILE in names:
            self.configure()
            self.spawn(self._watch())
        for root in self._layers.settings:
            if any(name.endswith(watch.PAGES[1:]) for name in names):
                self.service.reload(root)
            elif names & set(watch.COMMANDS):
                self.service.invalidate(root)

    def opened(self, item: types.TextDocumentItem) -> None:
        """Effect: answers for a document, if it is one of ours."""
        self._look_at_disk()
        path = convert.path_of(item.uri, item.language_id, self.cache)
        document = Document(item.uri, item.version, encoded(item.text))
        if path.name == PROJECT_FILE:
            self._project_files[item.uri] = (path, document)
            self._show_project_file(item.uri)
        elif convert.is_ours(path, item.language_id):
            if shown := self._checked.get(path):
                self._push(shown.uri, [], None)
            self.service.open(document, path)
            if self.client.progress and not self.client.status:
                self.spawn(self._report_progress(item.uri, path.name))

    def changed(self, params: types.DidChangeTextDocumentParams) -> None:
        """Effect: the next version of a document."""
        uri, version = params.text_document.uri, params.text_document.version
        changes = list(convert.changes_of(params.content_changes))
        if known := self._project_files.get(uri):
            path, document = known
            changed = document.changed(version, changes, self.client.encoding)
            self._project_files[uri] = (path, changed)
            self._show_project_file(uri)
        else:
            self.service.change(uri, version, changes, self.client.encoding)

    def saved(self, uri: str) -> None:
        """Effect: a document is on disk now."""
        if known := self._project_files.get(uri):
            self.files_changed([known[0]])
        self._look_at_disk()
        self.service.save(uri)

    def closed(self, uri: str) -> None:
        """Effect: forgets a document."""
        if self._project_files.pop(uri, None):
            self.clear(uri)
        standing, root = self.service.standing(uri), self.service.root(uri)
        self.service.close(uri)
        if standing and standing.answer and (path := _folder(uri)):
            self._show_again(path, self._shown(standing.answer, root))

    def leave(self, status: int) -> NoReturn:
        """Effect: ends this process and its workers now."""
        self.service.kill()
        os._exit(status)

    # What the service says.

    def publish(self, answer: Answer) -> None:
        """Effect: pushes an answer, or lets a client that pulls know that it should ask again."""
        document = answer.document
        if not self.client.pulls:
            self._push(document.uri, self.diagnostics(answer), document.version)
            return
        told, result = self._delivered.get(document.uri, (document, ""))
        early = document.uri in self._delivered and told is None
        stale = told is document and result and result != _result_id(self.diagnostics(answer))
        if early or stale:
            self._refresh()

    def clear(self, uri: str) -> None:
        """Effect: the last word on a document that was closed."""
        self._delivered.pop(uri, None)
        self._standing.pop(uri, None)
        if not self.client.pulls:
            self._push(uri, [], None)

    def described(self, root: Path | None, described: Described) -> None:
        """Effect: knows the pages of a folder from now on, and tells what is wrong with them."""
        self._known[root] = described
        self._is_described.set()
        self.tell(described.problems)
        if root in self._layers.settings:
            setting = self._layers.settings[root]
            self.tell(settings.rule_problems(setting, described.pages.keys()))
        for uri in self._project_files:
            self._show_project_file(uri)

    def progressed(self, uri: str) -> None:
        """Effect: says how the analysis of a document stands, to a client that wants to hear it."""
        if not self.client.status or not (standing := self.service.standing(uri)):
            return
        params = convert.status(standing, self.client.encoding)
        if self._standing.get(uri) != params:
            self._standing[uri] = params
            self.protocol.notify(STATUS, params)

    def trouble(self, message: str) -> None:
        """Effect: logs what went wrong, and shows it once."""
        log.warning("%s", message)
        self._show([message])

    # What is shown.

    def pages(self, uri: str) -> Mapping[str, Page]:
        """The rule pages by which a document is judged."""
        return self._pages(self.service.root(uri))

    def diagnostics(self, answer: Answer) -> list[types.Diagnostic]:
        """An answer as this client can show it."""
        return self._diagnostics(answer, self.service.root(answer.document.uri))

    async def pulled(self, uri: str, previous: str | None) -> list[types.Diagnostic] | None:
        """What a client that asks is told; remembered, so that it is only told of changes.

        None if it is to keep what it was told before, until the document is saved.
        """
        if uri in self._project_files:
            return self._project_file_problems(uri)
        if previous and self.service.held(uri):
            self._delivered[uri] = (None, previous)
            return None
        answer = await self.service.answer(uri, final=not self.client.refreshes)
        items = self.diagnostics(answer) if answer else []
        self._delivered[uri] = (answer.document if answer else None, _result_id(items))
        return items

    async def check(self, token: types.ProgressToken | None) -> dict[str, Any]:
        """Effect: shows what is found in files that are not open, and sums it up.

        What an earlier check showed is taken back where it does not hold any more.
        """
        found: list[Finding] = []
        unread: list[dict[str, Any]] = []
        files = 0
        opened = self.service.files()
        before = self._checked.keys() - opened.keys()
        for path, uri in opened.items():
            if (standing := self.service.standing(uri)) and standing.answer:
                self._checked[path] = self._shown(standing.answer, self.service.root(uri))
        if token is not None:
            self.work_done_progress.begin(token, _CHECKING)
        run = workspace.checked(self._layers.settings, opened.keys(), self._command)
        try:
            async with contextlib.aclosing(run):
                async for item in run:
                    files += 1
                    before.discard(item.path)
                    self._show_checked(item)
                    document, report = item.answer.document, item.answer.report
                    found += report.findings
                    unread += [
                        {
                            "uri": document.uri,
                            **convert.unanalysed(place, document.lines, self.client.encoding),
                        }
                        for place in report.unanalysed
                    ]
                    if token is not None:
                        self.work_done_progress.report(token, _progress(item))
            for path in before:
                self._push(self._checked.pop(path).uri, [], None)
        finally:
            if token is not None:
                self.work_done_progress.end(token, types.WorkDoneProgressEnd())
        return {"files": files, "findings": convert.counts(found), "unanalysed": unread}

    async def review(self, asked: review.Asked, token: types.ProgressToken | None = None) -> str:
        """Effect: analyses what is asked for; the review of it as a document."""
        if token is not None:
            self.work_done_progress.begin(token, review.BEGUN)
        of = self._layers.settings
        files: list[review.Read] = []
        run = review.read(self.service, of, asked.uri, self._command)
        try:
            async with contextlib.aclosing(run):
                async for file in run:
                    files.append(file)
                    if token is not None:
                        self.work_done_progress.report(token, review.progress(file))
            return await asyncio.to_thread(review.written, files, of, asked.format)
        finally:
            if token is not None:
                self.work_done_progress.end(token, types.WorkDoneProgressEnd())

    async def all_pages(self) -> list[dict[str, str]]:
        """The page of every rule in force, once a worker has read them."""
        await self._is_described.wait()
        pages = {
            rule: page
            for described in self._known.values()
            for rule, page in described.pages.items()
        }
        return [
            {"rule": rule, "title": page.title, "markdown": page.markdown}
            for rule, page in sorted(pages.items())
        ]

    def tell(self, problems: Iterable[Problem]) -> None:
        """Effect: shows each problem to the user, once; those that matter to authors only, not."""
        self._show([str(problem) for problem in problems if not problem.warning])

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Effect: runs something beside the handlers, and logs if it fails."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def report_server_error(
        self, error: Exception, source: type[PyglsError] | type[JsonRpcException]
    ) -> None:
        """Effect: logs an error of a handler; what the client sent is not in the log."""
        if isinstance(error, JsonRpcException) and source is JsonRpcException:
            log.warning("a message could not be read: %s", type(error).__name__)
        elif not isinstance(error, (actions.Withheld, actions.OutOfDate)):
            log.error("%s in a handler", type(error).__name__, exc_info=error)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("%s beside the handlers", type(error).__name__, exc_info=error)

    def _show(self, messages: Iterable[str]) -> None:
        new = [message for message in dict.fromkeys(messages) if message not in self._told]
        self._told.update(new)
        if new:
            text = "tlsight: " + "\n".join(new)
            self.window_show_message(types.ShowMessageParams(types.MessageType.Warning, text))

    def _employ(self, setting: Settings, on_described: Callable[[Described], None]) -> Worker:
        spare, self._spare = self._spare, None
        return Worker(setting, self._command, Limits(), on_described, spare)

    def _pages(self, root: Path | None) -> Mapping[str, Page]:
        known = self._known.get(root)
        return known.pages if known else {}

    def _diagnostics(self, answer: Answer, root: Path | None) -> list[types.Diagnostic]:
        pages = self._pages(root)
        return [
            convert.diagnostic(answer.document, finding, pages.get(finding.rule), self.client)
            for finding in answer.report.findings
        ]

    def _shown(self, answer: Answer, root: Path | None) -> workspace.Shown:
        return workspace.Shown.of(answer.document, self._diagnostics(answer, root))

    def _push(self, uri: str, items: list[types.Diagnostic], version: int | None) -> None:
        self.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(uri=uri, diagnostics=items, version=version)
        )

    def _show_checked(self, item: workspace.Checked) -> None:
        """Effect: shows what a check has found in a file, unless that has been opened meanwhile."""
        if item.path in self.service.files():
            return
        before = self._checked.get(item.path)
        shown = self._checked[item.path] = self._shown(item.answer, item.root)
        if shown.items or (before and before.items):
            self._push(shown.uri, shown.items, None)

    def _show_again(self, path: Path, last: workspace.Shown) -> None:
        """Effect: after a document was closed, shows what is found in the file, if that is known.

        Only of files that a check of the workspace has shown; what was not saved does not count.
        """
        before = self._checked.pop(path, None)
        if before is None:
            return
        for shown in (last, before):
            if shown.holds(path):
                self._checked[path] = shown
                self._push(shown.uri, shown.items, None)
                return

    def _refresh(self) -> None:
        if self._refreshing:
            self._refresh_again = True
        elif self.client.refreshes:
            self._refreshing = True
            self.spawn(self._refreshed())

    async def _refreshed(self) -> None:
        with contextlib.suppress(JsonRpcException):
            await self.workspace_diagnostic_refresh_async(None)
        self._refreshing = False
        if self._refresh_again:
            self._refresh_again = False
            self._refresh()

    def _project_file_problems(self, uri: str) -> list[types.Diagnostic]:
        path, document = self._project_files[uri]
        config, problems = project(Config(), document.data, str(path))
        if known := self._known.get(path.parent):
            setting = Settings(config, path.parent, self.cache)
            problems += settings.rule_problems(setting, known.pages.keys())
        return [
            convert.problem_diagnostic(problem, document, self.client.encoding)
            for problem in problems
        ]

    def _show_project_file(self, uri: str) -> None:
        if self.client.pulls:
            self._refresh()
        else:
            _, document = self._project_files[uri]
            self._push(uri, self._project_file_problems(uri), document.version)

    def _look_at_disk(self) -> None:
        if self.client.watches:
            return
        before, now = self._stamps, watch.stamps(self._layers.settings)
        self._stamps = now
        changed = {path for path in before.keys() | now if before.get(path) != now.get(path)}
        if changed:
            self.files_changed(changed)

    async def _watch(self) -> None:
        """Effect: has the client watch what the settings in force make worth watching."""
        wanted = watch.watchers(self._layers.settings, self.client)
        if not self.client.watches or wanted == self._watching:
            return
        if self._watching is not None:
            gone = types.Unregistration(WATCHING, types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
            with contextlib.suppress(JsonRpcException):
                await self.client_unregister_capability_async(types.UnregistrationParams([gone]))
        self._watching = wanted
        options = types.DidChangeWatchedFilesRegistrationOptions(wanted)
        await self._register(
            types.Registration(WATCHING, types.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)
        )

    async def _register(self, registration: types.Registration) -> None:
        with contextlib.suppress(JsonRpcException):
            await self.client_register_capability_async(types.RegistrationParams([registration]))

    async def _report_progress(self, uri: str, name: str) -> None:
        """Effect: shows that a document is read for the first time, until it has been."""
        token = str(uuid.uuid4())
        answer = asyncio.ensure_future(self.service.answer(uri, final=True))
        with contextlib.suppress(JsonRpcException):
            await self.work_done_progress.create_async(token)
            begin = types.WorkDoneProgressBegin(title="tlsight", message=f"reading {name}")
            self.work_done_progress.begin(token, begin)
            await answer
            self.work_done_progress.end(token, types.WorkDoneProgressEnd())
        answer.cancel()


def _roots(params: types.InitializeParams) -> list[Path]:
    uris = [folder.uri for folder in params.workspace_folders or ()]
    if not uris and params.root_uri:
        uris = [params.root_uri]
    if not uris and params.root_path:
        return [Path(params.root_path)]
    return [path for uri in uris if (path := _folder(uri))]


def _folder(uri: str) -> Path | None:
    name = to_fs_path(uri)
    return Path(name) if name else None


def _result_id(items: Sequence[types.Diagnostic]) -> str:
    return hashlib.sha256(repr(items).encode(errors="replace")).hexdigest()[:16]


def _progress(item: workspace.Checked) -> types.WorkDoneProgressReport:
    message = f"{item.done} of {item.total}: {item.path.relative_to(item.root).as_posix()}"
    return types.WorkDoneProgressReport(
        message=message, percentage=100 * item.done // item.total, cancellable=True
    )


def _initialize(ls: Server, params: types.InitializeParams) -> None:
    ls.begin(params)


async def _initialized(ls: Server, _: types.InitializedParams) -> None:
    await ls.ready()


async def _pull(
    ls: Server, params: types.DocumentDiagnosticParams
) -> types.DocumentDiagnosticReport:
    previous = params.previous_result_id
    items = await ls.pulled(params.text_document.uri, previous)
    result = previous or "" if items is None else _result_id(items)
    if items is None or previous == result:
        return types.RelatedUnchangedDocumentDiagnosticReport(result_id=result)
    return types.RelatedFullDocumentDiagnosticReport(items=items, result_id=result)


def _save(ls: Server, params: types.DidSaveTextDocumentParams) -> None:
    ls.saved(params.text_document.uri)


async def _hover(ls: Server, params: types.HoverParams) -> types.Hover | None:
    uri = params.text_document.uri
    answer = await ls.service.answer(uri)
    if answer is None:
        return None
    here = types.Range(params.position, params.position)
    place = convert.span_of(answer.document.lines, here, ls.client.encoding).start
    findings = [
        finding
        for finding in answer.report.findings
        if finding.span.start <= place <= finding.span.end
    ]
    portrait = await ls.service.portray(answer, place)
    return convert.hover(answer.document, findings, ls.pages(uri), ls.client, portrait)


async def _code_actions(ls: Server, params: types.CodeActionParams) -> list[types.CodeAction]:
    pages = ls.pages(params.text_document.uri)
    return await actions.offered(ls.service, ls.client, pages, params)


async def _resolve(ls: Server, action: types.CodeAction) -> types.CodeAction:
    return await actions.resolved(ls.service, ls.client, action)


async def _configuration(ls: Server, params: types.DidChangeConfigurationParams) -> None:
    if ls.client.configuration:
        await ls.ask_for_settings()
    elif params.settings is not None:
        ls.take_settings(params.settings)


async def _check(ls: Server, params: Any) -> dict[str, Any]:
    return await ls.check(getattr(params, "workDoneToken", None))


async def _review(ls: Server, *arguments: Any) -> str:
    return await ls.review(review.asked(arguments))


async def _pages(ls: Server, _: Any) -> list[dict[str, str]]:
    return await ls.all_pages()


def _files(ls: Server, params: types.DidChangeWatchedFilesParams) -> None:
    changed = (_folder(change.uri) for change in params.changes)
    ls.files_changed([path for path in changed if path])


def _folders(ls: Server, params: types.DidChangeWorkspaceFoldersParams) -> None:
    ls.change_folders(params.event)


_FEATURES: Mapping[str, tuple[Callable[..., Any], Any]] = {
    types.INITIALIZE: (_initialize, None),
    types.INITIALIZED: (_initialized, None),
    types.TEXT_DOCUMENT_DID_SAVE: (_save, types.SaveOptions(include_text=False)),
    types.TEXT_DOCUMENT_HOVER: (_hover, None),
    types.TEXT_DOCUMENT_CODE_ACTION: (
        _code_actions,
        types.CodeActionOptions(
            code_action_kinds=[
                types.CodeActionKind.QuickFix,
                types.CodeActionKind.RefactorRewrite,
                actions.FIX_ALL,
            ],
            resolve_provider=True,
        ),
    ),
    types.CODE_ACTION_RESOLVE: (_resolve, None),
    types.WORKSPACE_DID_CHANGE_CONFIGURATION: (_configuration, None),
    types.WORKSPACE_DID_CHANGE_WATCHED_FILES: (_files, None),
    types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS: (_folders, None),
    CHECK: (_check, None),
    PAGES: (_pages, None),
}
