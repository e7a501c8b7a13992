"""An editor for tests: a language client that types, and waits for what it is shown."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.protocol import default_converter
from pytest_lsp import LanguageClient
from pytest_lsp.client import DEFAULT_CLIENT_FEATURES, register_lsp_features

from tlsight.text import Edit, Encoding, Lines, Position, Span, apply_edits

PATIENCE = 60.0
"""Seconds until a test gives up; nothing waits this long unless it fails."""

Shown = types.PublishDiagnosticsParams


def capabilities(
    *,
    encoding: str = "utf-16",
    pull: bool = False,
    refresh: bool = True,
    resolve: bool = True,
    configuration: bool = False,
    watch: bool = False,
    progress: bool = False,
    status: bool = False,
) -> types.ClientCapabilities:
    """What a modern client says of itself, with or without some of it."""
    return types.ClientCapabilities(
        general=types.GeneralClientCapabilities(
            position_encodings=[types.PositionEncodingKind(encoding)]
        ),
        text_document=types.TextDocumentClientCapabilities(
            publish_diagnostics=types.PublishDiagnosticsClientCapabilities(
                version_support=True,
                related_information=True,
                code_description_support=True,
                data_support=True,
                tag_support=types.ClientDiagnosticsTagOptions([types.DiagnosticTag.Deprecated]),
            ),
            diagnostic=types.DiagnosticClientCapabilities() if pull else None,
            hover=types.HoverClientCapabilities(content_format=[types.MarkupKind.Markdown]),
            code_action=types.CodeActionClientCapabilities(
                code_action_literal_support=types.ClientCodeActionLiteralOptions(
                    types.ClientCodeActionKindOptions([types.CodeActionKind.QuickFix])
                ),
                is_preferred_support=True,
                disabled_support=True,
                data_support=resolve,
                resolve_support=types.ClientCodeActionResolveOptions(["edit"]) if resolve else None,
            ),
        ),
        workspace=types.WorkspaceClientCapabilities(
            configuration=configuration,
            diagnostics=types.DiagnosticWorkspaceClientCapabilities(refresh_support=refresh),
            workspace_edit=types.WorkspaceEditClientCapabilities(document_changes=True),
            did_change_configuration=types.DidChangeConfigurationClientCapabilities(
                dynamic_registration=configuration
            ),
            did_change_watched_files=types.DidChangeWatchedFilesClientCapabilities(
                dynamic_registration=watch, relative_pattern_support=watch
            ),
        ),
        window=types.WindowClientCapabilities(work_done_progress=progress),
        experimental={"tlsightStatus": True} if status else None,
    )


class Editor(LanguageClient):
    """A client with one buffer, that it keeps by its own account."""

    def __init__(self) -> None:
        super().__init__(converter_factory=default_converter)
        self.shown: asyncio.Queue[Shown] = asyncio.Queue()
        self.history: list[Shown] = []
        self.events: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.encoding = Encoding.UTF16
        self.uri = ""
        self.version = 0
        self.data = b""
        heard = {
            types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS: _published,
            types.WORKSPACE_DIAGNOSTIC_REFRESH: _noted("refresh"),
            types.CLIENT_REGISTER_CAPABILITY: _noted("register"),
            types.CLIENT_UNREGISTER_CAPABILITY: _noted("unregister"),
            types.WINDOW_SHOW_MESSAGE: _noted("message"),
            types.WINDOW_WORK_DONE_PROGRESS_CREATE: _noted("progress"),
            types.PROGRESS: _noted("report"),
            "tlsight/status": _noted("status"),
        }
        register_lsp_features(self, {**DEFAULT_CLIENT_FEATURES, **heard})

    async def begin(
        self,
        command: Sequence[str],
        root: Path | None = None,
        able: types.ClientCapabilities | None = None,
        options: Any = None,
    ) -> types.InitializeResult:
        """Effect: starts a server and introduces itself."""
        await self.start_io(*command)
        return await self.introduce(root, able, options)

    async def introduce(
        self,
        root: Path | None = None,
        able: types.ClientCapabilities | None = None,
        options: Any = None,
    ) -> types.InitializeResult:
        """Effect: the handshake with a server that is connected."""
        folders = [types.WorkspaceFolder(root.as_uri(), root.name)] if root else None
        result = await self.initialize_session(
            types.InitializeParams(
                capabilities=able or capabilities(),
                root_uri=root.as_uri() if root else None,
                workspace_folders=folders,
                initialization_options=options,
            )
        )
        self.encoding = Encoding(result.capabilities.position_encoding)
        return result

    async def end(self) -> None:
        """Effect: ends the session and the server, whatever state they are in."""
        if self._server and self._server.returncode is None:
            await self.shutdown_session()
        await self.stop()

    def open(self, uri: str, text: str, language: str = "cpp", version: int = 1) -> None:
        """Effect: opens a buffer."""
        self.uri, self.version, self.data = uri, version, text.encode()
        self.text_document_did_open(
            types.DidOpenTextDocumentParams(types.TextDocumentItem(uri, language, version, text))
        )

    def replace(self, span: Span, text: str) -> None:
        """Effect: changes the buffer at one place, in both accounts of it."""
        self.version += 1
        place = self.range(span)
        self.data = apply_edits(self.data, [Edit(span, text)])
        self.text_document_did_change(
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(self.version, self.uri),
                [types.TextDocumentContentChangePartial(range=place, text=text)],
            )
        )

    def type(self, offset: int, text: str) -> None:
        """Effect: types character by character, each in a change of its own."""
        for char in text:
            self.replace(Span(offset, offset), char)
            offset += len(char.encode())

    def apply(self, edit: types.WorkspaceEdit) -> None:
        """Effect: applies an edit to the buffer, as an editor does."""
        if edit.document_changes:
            (change,) = edit.document_changes
            assert isinstance(change, types.TextDocumentEdit)
            assert (self.uri, self.version) == (
                change.text_document.uri,
                change.text_document.version,
            )
            edits = list(change.edits)
        else:
            edits = list((edit.changes or {})[self.uri])
        lines = Lines.of(self.data)
        spans = [(self._span(lines, item.range), item.new_text) for item in edits]
        for span, text in sorted(spans, reverse=True):
            self.replace(span, text)

    def close(self) -> None:
        """Effect: closes the buffer."""
        self.text_document_did_close(
            types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(self.uri))
        )

    def range(self, span: Span) -> types.Range:
        """A span of the buffer, in the encoding that was agreed on."""
        lines = Lines.of(self.data)
        return types.Range(
            types.Position(*lines.position(span.start, self.encoding)),
            types.Position(*lines.position(span.end, self.encoding)),
        )

    def text(self, range_: types.Range) -> str:
        """What stands in a range of the buffer."""
        lines = Lines.of(self.data)
        span = self._span(lines, range_)
        return self.data[span.start : span.end].decode()

    async def until(self, wanted: Callable[[Shown], bool]) -> Shown:
        """The first publication that is as wanted; those before it are in `history`."""
        while True:
            shown = await asyncio.wait_for(self.shown.get(), PATIENCE)
            self.history.append(shown)
            if wanted(shown):
                return shown

    async def current(self) -> Shown:
        """The first publication about the buffer's version."""
        return await self.until(lambda shown: shown.version == self.version)

    async def event(self, kind: str) -> Any:
        """The next event of a kind; others before it are dropped."""
        while True:
            name, value = await asyncio.wait_for(self.events.get(), PATIENCE)
            if name == kind:
                return value

    async def actions(
        self,
        range_: types.Range,
        shown: Sequence[types.Diagnostic] = (),
        only: Sequence[str] | None = None,
        trigger: types.CodeActionTriggerKind = types.CodeActionTriggerKind.Invoked,
    ) -> list[types.CodeAction]:
        """What the server offers to do about a range."""
        offered = await self.text_document_code_action_async(
            types.CodeActionParams(
                types.TextDocumentIdentifier(self.uri),
                range_,
                types.CodeActionContext(list(shown), only=only, trigger_kind=trigger),
            )
        )
        return [action for action in offered or () if isinstance(action, types.CodeAction)]

    async def pull(self, previous: str | None = None) -> Any:
        """Asks for diagnostics."""
        return await self.text_document_diagnostic_async(
            types.DocumentDiagnosticParams(
                types.TextDocumentIdentifier(self.uri), previous_result_id=previous
            )
        )

    def _span(self, lines: Lines, range_: types.Range) -> Span:
        start, end = range_.start, range_.end
        return Span(
            lines.offset(Position(start.line, start.character), self.encoding),
            lines.offset(Position(end.line, end.character), self.encoding),
        )


def python(script: str, *arguments: str) -> list[str]:
    """The command of a script beside the tests."""
    return [sys.executable, str(Path(__file__).with_name(script)), *arguments]


def _published(editor: Editor, params: Shown) -> None:
    editor.shown.put_nowait(params)


def _noted(kind: str) -> Callable[[Editor, Any], None]:
    def note(editor: Editor, params: Any) -> None:
        editor.events.put_nowait((kind, params))

    return note
