"""The server as an editor sees it, with a toy analysis behind it."""

from __future__ import annotations

import asyncio
import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import urlparse

import psutil
import pytest
import pytest_asyncio
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from editor import PATIENCE, Editor, Shown, capabilities, python
from tlsight.text import Span

Start = Callable[..., Awaitable[Editor]]

URI = "file:///nowhere/a.cpp"
ASTRAL = "// \U0001f512\U0001f511 caf\u00e9\n"
FORM_FEED = "// one\f two\u2028three\v\n"


@pytest_asyncio.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    editors: list[Editor] = []

    async def begin(**kwargs: object) -> Editor:
        editor = Editor()
        editors.append(editor)
        await editor.begin(python("fake_server.py", str(tmp_path / "cache")), **kwargs)
        return editor

    yield begin
    for editor in editors:
        await editor.end()


def codes(shown: Shown) -> list[object]:
    return [item.code for item in shown.diagnostics]


def versions(editor: Editor) -> list[int | None]:
    return [shown.version for shown in editor.history]


def drained(editor: Editor) -> list[Shown]:
    """What was published so far, and not looked at."""
    return [editor.shown.get_nowait() for _ in range(editor.shown.qsize())]


async def ended(process: int, within: float = PATIENCE) -> bool:
    """Whether a process that need not be our child ends; `process` is a descriptor of it."""
    ready, _, _ = await asyncio.to_thread(select.select, [process], [], [], within)
    os.close(process)
    return bool(ready)


def workers(editor: Editor) -> list[psutil.Process]:
    assert editor._server is not None
    return psutil.Process(editor._server.pid).children()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
@pytest.mark.parametrize("above", ["", ASTRAL, FORM_FEED, ASTRAL + FORM_FEED])
async def test_a_defect_is_typed_shown_mended_and_gone(
    start: Start, encoding: str, above: str
) -> None:
    """From the first character to the quick fix, whatever stands above the edit."""
    editor = await start(able=capabilities(encoding=encoding))
    text = f"{above}int main() {{\n    /*\U0001f512*/ ;\n}}\n"
    editor.open(URI, text)
    await editor.until(lambda shown: shown.version == 1)

    editor.type(len(text.encode()) - len(";\n}\n"), "BAD()")
    shown = await editor.until(lambda shown: bool(shown.diagnostics) and shown.version == 6)
    (found,) = shown.diagnostics
    assert "BAD" == editor.text(found.range)
    (action, *_) = await editor.actions(found.range, shown.diagnostics)
    assert ("Write OKAY", True, None) == (action.title, action.is_preferred, action.edit)
    resolved = await editor.code_action_resolve_async(action)
    assert resolved.edit is not None
    editor.apply(resolved.edit)
    await editor.until(lambda shown: shown.version == editor.version and not shown.diagnostics)

    assert f"{above}int main() {{\n    /*\U0001f512*/ OKAY();\n}}\n" == editor.data.decode()
    assert sorted(versions(editor), key=lambda version: version or 0) == versions(editor)


async def test_a_killed_worker_costs_no_more_than_a_delay(start: Start, tmp_path: Path) -> None:
    """Killed in the middle of an analysis, the worker comes back and the document is answered."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    editor = await start()
    editor.open(URI, f"BAD LATE GATE:{gate};\n")
    handle = await asyncio.to_thread(os.open, gate, os.O_WRONLY)
    (worker,) = workers(editor)
    worker.kill()
    await asyncio.to_thread(worker.wait)
    os.close(handle)
    os.close(await asyncio.to_thread(os.open, gate, os.O_WRONLY))

    shown = await editor.until(lambda shown: len(shown.diagnostics) == 2)
    assert (1, ["word-bad", "word-late"]) == (shown.version, codes(shown))
    assert [worker.pid] != [process.pid for process in workers(editor)]


async def test_findings_do_not_flicker_when_a_worker_is_replaced(start: Start) -> None:
    """What needs facts stays, though the new worker has none at first."""
    editor = await start()
    editor.open(URI, "BAD LATE\n")
    await editor.until(lambda shown: len(shown.diagnostics) == 2)
    (worker,) = workers(editor)
    worker.kill()
    await asyncio.to_thread(worker.wait)
    editor.history.clear()
    editor.replace(Span(0, 0), " ")
    await editor.current()

    assert [(2, ["word-bad", "word-late"])] == [
        (shown.version, codes(shown)) for shown in editor.history
    ]


async def test_an_analysis_that_always_dies_still_leaves_the_first_look(start: Start) -> None:
    """The user is told once that a text cannot be read, and sees what syntax sees."""
    editor = await start()
    editor.open(URI, "BAD DIE\n")
    message = await editor.event("message")
    editor.replace(Span(0, 0), " ")
    shown = await editor.current()

    assert ["word-bad"] == codes(shown)
    assert "a.cpp: the analysis process ended" in message.message


async def test_nothing_follows_a_close_but_the_empty_list(start: Start, tmp_path: Path) -> None:
    """A late answer to a document that was closed is not shown."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    editor = await start()
    editor.open(URI, f"BAD LATE GATE:{gate};\n")
    await editor.current()
    handle = await asyncio.to_thread(os.open, gate, os.O_WRONLY)
    editor.close()
    cleared = await editor.until(lambda shown: not shown.diagnostics)
    os.close(handle)
    editor.open("file:///nowhere/b.cpp", "BAD\n")
    await editor.current()

    assert (None, URI) == (cleared.version, cleared.uri)
    assert [URI, URI, "file:///nowhere/b.cpp"] == [shown.uri for shown in editor.history]


async def test_the_final_answer_is_shown_only_if_it_differs(start: Start, tmp_path: Path) -> None:
    """One publication where both answers agree, two where the second knows more."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    editor = await start()
    for name, text in (("a", "BAD"), ("b", "BAD LATE")):
        editor.open(f"file:///nowhere/{name}.cpp", f"{text} GATE:{gate};\n")
        await editor.current()
        os.close(await asyncio.to_thread(os.open, gate, os.O_WRONLY))
    await editor.until(lambda shown: len(shown.diagnostics) == 2)

    assert [1, 1, 2] == [len(shown.diagnostics) for shown in editor.history]


async def test_a_diagnostic_says_all_that_a_client_can_show(start: Start) -> None:
    """Severity, code, link to the rule's page, tags, and what a code action needs."""
    editor = await start()
    editor.open(URI, "  BAD\n")
    (found,) = (await editor.current()).diagnostics

    assert types.DiagnosticSeverity.Warning == found.severity
    assert ("tlsight", "word-bad") == (found.source, found.code)
    assert found.code_description is not None
    assert Path(__file__).with_name("fake_worker.py").as_uri() == found.code_description.href
    assert [types.DiagnosticTag.Deprecated] == list(found.tags or ())
    assert {"rule": "word-bad", "version": 1, "start": 2, "end": 5} == found.data


async def test_a_client_with_few_abilities_gets_plain_diagnostics_and_whole_edits(
    start: Start,
) -> None:
    """Nothing is sent that a client did not say it understands."""
    literals = types.ClientCodeActionLiteralOptions(types.ClientCodeActionKindOptions([]))
    able = types.ClientCapabilities(
        text_document=types.TextDocumentClientCapabilities(
            code_action=types.CodeActionClientCapabilities(code_action_literal_support=literals)
        )
    )
    editor = await start(able=able)
    editor.open(URI, "BAD\n")
    (found,) = (await editor.current()).diagnostics
    (fix, *_) = await editor.actions(found.range, [found])

    assert (None, None, None) == (found.code_description, found.tags, found.data)
    assert (None, None) == (fix.is_preferred, fix.data)
    assert fix.edit is not None and fix.edit.changes is not None
    editor.apply(fix.edit)
    assert b"OKAY\n" == editor.data


async def test_a_fix_is_preferred_only_if_it_is_proven(start: Start) -> None:
    """Unproven fixes say so, refuted and withheld ones say why they cannot be had."""
    editor = await start()
    offers = {}
    for number, text in enumerate(["BAD", "BAD DOUBT", "BAD TABOO"]):
        editor.open(f"file:///nowhere/{number}.cpp", text)
        shown = await editor.current()
        actions = await editor.actions(shown.diagnostics[0].range, shown.diagnostics)
        offers[text] = [
            (action.title, action.is_preferred, action.disabled and action.disabled.reason)
            for action in actions
            if action.kind == types.CodeActionKind.QuickFix
        ]
    rest = [
        ("Do not", None, "it cannot be done"),
        ("Suppress word-bad here, and say why", None, None),
    ]

    assert {
        "BAD": [("Write OKAY", True, None), *rest],
        "BAD DOUBT": [("Write OKAY (unproven)", None, None), *rest],
        "BAD TABOO": [("Write OKAY", None, "the fix would not mend this or break more"), *rest],
    } == offers


async def test_a_fix_in_several_places_is_a_refactoring_too(start: Start) -> None:
    """For those who ask for refactorings; any other is a quick fix alone."""
    editor = await start()
    offers = {}
    for number, text in enumerate(["BAD", "BAD SPREAD"]):
        editor.open(f"file:///nowhere/{number}.cpp", text)
        shown = await editor.current()
        found = await editor.actions(
            shown.diagnostics[0].range, shown.diagnostics, [types.CodeActionKind.Refactor.value]
        )
        offers[text] = [(action.title, action.kind) for action in found]

    rewrite = types.CodeActionKind.RefactorRewrite
    assert {"BAD": [], "BAD SPREAD": [("Write OKAY", rewrite)]} == offers


async def test_a_light_bulb_proves_nothing_but_resolving_does(start: Start) -> None:
    """Actions asked for by a machine are quick; a refuted fix cannot be resolved."""
    editor = await start()
    editor.open(URI, "BAD TABOO\n")
    shown = await editor.current()
    (action, *_) = await editor.actions(
        shown.diagnostics[0].range,
        shown.diagnostics,
        trigger=types.CodeActionTriggerKind.Automatic,
    )

    assert (None, None) == (action.is_preferred, action.disabled)
    with pytest.raises(JsonRpcException, match="withheld"):
        await editor.code_action_resolve_async(action)


async def test_an_action_of_an_older_version_is_not_resolved(start: Start) -> None:
    """An edit that was computed for another text is never applied."""
    editor = await start()
    editor.open(URI, "BAD\n")
    shown = await editor.current()
    (action, *_) = await editor.actions(shown.diagnostics[0].range, shown.diagnostics)
    editor.replace(Span(0, 0), "  ")

    with pytest.raises(JsonRpcException, match="changed"):
        await editor.code_action_resolve_async(action)


@pytest.mark.parametrize("resolve", [True, False])
async def test_all_is_mended_at_once(start: Start, resolve: bool) -> None:
    """`source.fixAll.tlsight` mends everything, whether or not the client resolves."""
    editor = await start(able=capabilities(resolve=resolve))
    editor.open(URI, "BAD \U0001f512 BAD\nBAD\n")
    await editor.current()
    (action,) = await editor.actions(editor.range(Span(0, 0)), only=["source.fixAll"])
    if resolve:
        action = await editor.code_action_resolve_async(action)
    assert action.edit is not None
    editor.apply(action.edit)

    assert "source.fixAll.tlsight" == action.kind
    assert "OKAY \U0001f512 OKAY\nOKAY\n" == editor.data.decode()


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
async def test_a_finding_is_suppressed_with_a_reason(start: Start, ending: str) -> None:
    """The comment stands above the line, as far in as the line, with the text's line ends."""
    editor = await start()
    editor.open(URI, f"int x;{ending}\t  BAD{ending}")
    shown = await editor.current()
    actions = await editor.actions(shown.diagnostics[0].range, shown.diagnostics)
    (edit,) = [action.edit for action in actions if action.title.startswith("Suppress")]
    assert edit is not None
    editor.apply(edit)

    expected = f"int x;{ending}\t  // tlsight-ignore word-bad: TODO say why{ending}\t  BAD{ending}"
    assert expected == editor.data.decode()


async def test_no_comment_is_put_into_a_macro(start: Start) -> None:
    """After a continued line there is no place for a comment of its own."""
    editor = await start()
    editor.open(URI, "#define X \\\n  BAD\n")
    shown = await editor.current()
    actions = await editor.actions(shown.diagnostics[0].range, shown.diagnostics)

    assert not [action for action in actions if action.title.startswith("Suppress")]


async def test_a_hover_shows_the_page_of_a_finding(start: Start) -> None:
    """Message and page over a finding, nothing elsewhere."""
    editor = await start()
    editor.open(URI, "int x; BAD;\n")

    async def hover(character: int) -> types.Hover | None:
        place = types.Position(0, character)
        document = types.TextDocumentIdentifier(URI)
        return await editor.text_document_hover_async(types.HoverParams(document, place))

    over = await hover(8)
    assert over is not None and isinstance(over.contents, types.MarkupContent)
    assert "**word-bad**: BAD is bad\n\n---\n\n# word-bad" in over.contents.value
    assert "BAD" == editor.text(over.range or types.Range(*[types.Position(0, 0)] * 2))
    assert await hover(2) is None


async def test_a_hover_shows_what_is_known_of_an_object(start: Start) -> None:
    """Each trait with the line that makes it so, or what holds by default."""
    editor = await start()
    editor.open(URI, "int x; SESSION;\n")
    place = types.HoverParams(types.TextDocumentIdentifier(URI), types.Position(0, 9))
    over = await editor.text_document_hover_async(place)

    assert over is not None and isinstance(over.contents, types.MarkupContent)
    assert [
        "**SESSION** (session), as it is here:",
        "",
        f"- colour: `paint(SESSION)` ([line 1]({URI}#L1))",
        "- size: small",
        "",
        "Not all of it can be known: it is shared.",
    ] == over.contents.value.splitlines()
    assert "SESSION" == editor.text(over.range or types.Range(*[types.Position(0, 0)] * 2))


async def test_a_client_that_pulls_is_not_pushed_to(start: Start) -> None:
    """It is told the first answer, then that there is a second, and that nothing has changed."""
    editor = await start(able=capabilities(pull=True))
    editor.open(URI, "BAD LATE\n")
    first = await editor.pull()
    if len(first.items) == 1:
        await editor.event("refresh")
    second = await editor.pull(first.result_id)
    third = await editor.pull(getattr(second, "result_id", None))

    assert ["word-bad", "word-late"] == [
        item.code for item in getattr(second, "items", first.items)
    ]
    assert types.DocumentDiagnosticReportKind.Unchanged == third.kind
    assert editor.shown.empty()


async def test_a_pull_before_the_document_is_open_is_made_good(start: Start) -> None:
    """The client is asked to pull again once there is something to tell."""
    editor = await start(able=capabilities(pull=True))
    editor.uri = URI
    early = await editor.pull()
    editor.open(URI, "BAD\n")
    await editor.event("refresh")

    assert [] == list(early.items)
    assert 1 == len((await editor.pull()).items)


async def test_a_client_that_cannot_be_told_of_news_is_pushed_to(start: Start) -> None:
    """Without refresh, a pull could give one of the two answers only."""
    editor = await start(able=capabilities(pull=True, refresh=False))
    editor.open(URI, "BAD LATE\n")

    await editor.until(lambda shown: len(shown.diagnostics) == 2)


async def test_settings_come_from_the_project_and_the_editor_and_mistakes_are_shown(
    start: Start, tmp_path: Path
) -> None:
    """The editor's word counts more; each mistake is shown once, and left as it was."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "tlsight.toml").write_text(
        'polcy = "x"\n[severity]\nword-bad = "error"\nno-such-rule = "error"\n'
    )
    editor = await start(root=root, options={"tlsight": {"rum": "save", "policy": None}})
    messages = [(await editor.event("message")).message for _ in range(2)]
    editor.open((root / "a.cpp").as_uri(), "BAD\n")
    shown = await editor.current()

    assert types.DiagnosticSeverity.Error == shown.diagnostics[0].severity
    assert "tlsight.toml:1: unknown option 'polcy'" in messages[0]
    assert "settings of the editor: unknown option 'rum'" in messages[0]
    assert "there is no rule 'no-such-rule'" in messages[1]


async def test_settings_change_while_the_server_runs(start: Start) -> None:
    """A client that can be asked is asked, at the start and whenever it says so."""
    editor = await start(able=capabilities(configuration=True))
    editor.open(URI, "BAD\n")
    await editor.current()
    editor.set_configuration({"tlsight": {"severity": {"word-bad": "error"}}})
    editor.workspace_did_change_configuration(types.DidChangeConfigurationParams(None))
    shown = await editor.until(
        lambda shown: shown.diagnostics[0].severity == types.DiagnosticSeverity.Error
    )

    assert 1 == shown.version


async def test_settings_are_taken_from_a_client_that_just_sends_them(start: Start) -> None:
    """The older way: the settings come with the notification."""
    editor = await start()
    editor.open(URI, "BAD\n")
    await editor.current()
    editor.workspace_did_change_configuration(
        types.DidChangeConfigurationParams({"tlsight": {"severity": {"word-bad": "error"}}})
    )

    await editor.until(
        lambda shown: shown.diagnostics[0].severity == types.DiagnosticSeverity.Error
    )


async def test_a_project_file_that_is_open_shows_its_mistakes(start: Start, tmp_path: Path) -> None:
    """As one types them, on the line that they are on."""
    editor = await start(root=tmp_path)
    editor.open((tmp_path / "tlsight.toml").as_uri(), "\nrun = 'save'\n", "toml")
    assert [] == list((await editor.current()).diagnostics)
    editor.replace(Span(1, 4), "rum")
    (problem,) = (await editor.current()).diagnostics
    assert (1, "rum = 'save'") == (problem.range.start.line, editor.text(problem.range))
    editor.close()

    assert [] == list((await editor.until(lambda shown: shown.version is None)).diagnostics)


async def test_on_save_a_document_is_answered_when_it_is_saved(start: Start) -> None:
    """Typing alone changes nothing; a code action still gets a fresh answer."""
    editor = await start(options={"run": "save"})
    editor.open(URI, "BAD\n")
    await editor.current()
    editor.type(0, "BAD ")
    editor.text_document_did_save(
        types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(URI))
    )
    shown = await editor.current()

    assert 2 == len(shown.diagnostics)
    assert [1, 5] == versions(editor)


async def test_on_save_a_code_action_shows_nothing_new(start: Start) -> None:
    """An answer that an action needed is published when the document is saved, not before."""
    editor = await start(options={"run": "save"})
    editor.open(URI, "BAD\n")
    await editor.current()
    editor.replace(Span(0, 0), "BAD ")
    actions = await editor.actions(editor.range(Span(0, 7)))
    editor.text_document_did_save(
        types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(URI))
    )
    shown = await editor.current()

    assert 2 == len([action for action in actions if action.title == "Write OKAY"])
    assert [(1, 1), (2, 2)] == [(item.version, len(item.diagnostics)) for item in editor.history]
    assert shown is editor.history[-1]


async def test_on_save_a_pull_keeps_what_was_told_until_then(start: Start) -> None:
    """A client that pulls at each change is told of no change, and to pull again on saving."""
    editor = await start(able=capabilities(pull=True), options={"run": "save"})
    editor.open(URI, "BAD\n")
    told = await editor.pull()
    editor.replace(Span(0, 0), "BAD ")
    unsaved = await editor.pull(told.result_id)
    editor.text_document_did_save(
        types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(URI))
    )
    await editor.event("refresh")
    saved = await editor.pull(unsaved.result_id)

    assert (1, 2) == (len(told.items), len(saved.items))
    assert types.DocumentDiagnosticReportKind.Unchanged == unsaved.kind
    assert told.result_id == unsaved.result_id


async def test_the_status_says_what_is_found_and_what_is_not_analysed(
    start: Start, tmp_path: Path
) -> None:
    """From the first look to the final answer, and where the editor left it to the save."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    editor = await start(able=capabilities(status=True))
    editor.open(URI, f"\U0001f512 BAD UNREAD LATE GATE:{gate};\n")
    stages = [(await editor.event("status"))]
    handle = await asyncio.to_thread(os.open, gate, os.O_WRONLY)
    while not stages[-1].findings.warning:
        stages.append(await editor.event("status"))
    os.close(handle)
    while stages[-1].stage != "done":
        stages.append(await editor.event("status"))

    assert ["analysing", 0] == [stages[0].stage, stages[0].findings.warning]
    assert [1, 2] == [status.findings.warning for status in stages[-2:]]
    done = stages[-1]
    assert (URI, 1, 2, 0, 0) == (
        *(done.uri, done.version, done.mendable, done.suppressed, done.findings.error),
    )
    (place,) = done.unanalysed
    assert ("UNREAD cannot be read", "unread") == (place.reason, place.function)
    assert (0, 7, 13) == (
        *(place.range.start.line, place.range.start.character, place.range.end.character),
    )
    assert ["lost.h"] == list(done.missingHeaders)


async def test_the_status_says_why_an_analysis_failed(start: Start) -> None:
    """What only the syntax was judged of is not analysed."""
    editor = await start(able=capabilities(status=True))
    editor.open(URI, "BAD DIE\n")
    status = await editor.event("status")
    while status.stage != "done" or not status.unanalysed:
        status = await editor.event("status")

    (place,) = status.unanalysed
    assert "the analysis process ended" in place.reason
    assert 1 == status.findings.warning


async def test_the_status_says_that_a_save_is_waited_for_and_that_a_file_is_left_out(
    start: Start, tmp_path: Path
) -> None:
    """Silence is told from cleanliness."""
    editor = await start(
        root=tmp_path,
        able=capabilities(status=True),
        options={"run": "save", "exclude": ["third_party/"]},
    )
    editor.open((tmp_path / "a.c").as_uri(), "BAD\n", "c")
    status = await editor.event("status")
    while status.stage != "done":
        status = await editor.event("status")
    editor.replace(Span(0, 0), "BAD ")
    held = await editor.event("status")
    editor.open((tmp_path / "third_party" / "a.c").as_uri(), "BAD\n", "c")
    while status.uri != editor.uri or status.stage != "done":
        status = await editor.event("status")

    assert ("held", 2, 1) == (held.stage, held.version, held.findings.warning)
    assert ["the option 'exclude' leaves this file out"] == [
        place.reason for place in status.unanalysed
    ]


async def test_the_status_goes_only_to_clients_that_ask_for_it(start: Start) -> None:
    """It is no part of the protocol."""
    editor = await start()
    editor.open(URI, "BAD\n")
    await editor.current()

    assert editor.events.empty()


async def test_a_workspace_is_checked_with_progress(start: Start, tmp_path: Path) -> None:
    """Files that are not open show what is found in them, until they are open or mended."""
    inner = tmp_path / "inner"
    inner.mkdir()
    for name, text in (
        ("a.c", "BAD"),
        ("b.c", "BAD UNREAD"),
        ("c.c", "BAD"),
        ("inner/d.c", "OKAY"),
    ):
        (tmp_path / name).write_text(text)
    editor = await start(root=tmp_path, able=capabilities(pull=True))
    editor.open((tmp_path / "c.c").as_uri(), "BAD\n", "c")
    asked = {"workDoneToken": "check"}
    summary = await editor.protocol.send_request_async("tlsight/check", asked)
    _, *reports, end = [(await editor.event("report")).value for _ in range(5)]
    shown = {Path(urlparse(item.uri).path).name: len(item.diagnostics) for item in drained(editor)}
    assert {"a.c": 1, "b.c": 1} == shown
    assert (3, 2) == (summary.files, summary.findings.warning)
    (place,) = summary.unanalysed
    assert ((tmp_path / "b.c").as_uri(), "UNREAD cannot be read") == (place.uri, place.reason)
    assert (100, "3 of 3: inner/d.c") == (reports[-1]["percentage"], reports[-1]["message"])
    assert "end" == end["kind"]

    editor.open((tmp_path / "b.c").as_uri(), "BAD\n", "c")
    (tmp_path / "a.c").write_text("OKAY")
    await editor.protocol.send_request_async("tlsight/check", {})
    cleared = {
        Path(urlparse(item.uri).path).name: len(item.diagnostics) for item in drained(editor)
    }
    assert {"a.c": 0, "b.c": 0} == cleared


@pytest.mark.parametrize("pull", [False, True])
async def test_what_a_check_has_shown_is_shown_again_when_the_document_closes(
    start: Start, tmp_path: Path, pull: bool
) -> None:
    """As the file stands on disk: what was typed and not saved does not count."""
    file, other = tmp_path / "a.c", tmp_path / "b.c"
    file.write_text("BAD")
    other.write_text("BAD BAD")
    editor = await start(root=tmp_path, able=capabilities(pull=pull))
    editor.open(other.as_uri(), "BAD BAD", "c")
    await (editor.pull() if pull else editor.current())
    await editor.protocol.send_request_async("tlsight/check", {})

    async def closed() -> int:
        editor.close()
        await editor.protocol.send_request_async("tlsight/pages", {})  # so all has come
        return len([item for item in drained(editor) if item.uri == editor.uri][-1].diagnostics)

    assert 2 == await closed()
    editor.open(file.as_uri(), "BAD", "c")
    editor.replace(Span(0, 0), "BAD ")
    await (editor.pull() if pull else editor.current())
    assert 1 == await closed()
    editor.open(file.as_uri(), "BAD", "c")
    editor.replace(Span(0, 0), "BAD BAD ")
    file.write_bytes(editor.data)
    await (editor.pull() if pull else editor.current())
    assert 3 == await closed()


@pytest.mark.parametrize(
    ("method", "asked"),
    [
        ("tlsight/check", {}),
        (types.WORKSPACE_EXECUTE_COMMAND, types.ExecuteCommandParams("tlsight.review")),
    ],
)
async def test_a_check_or_review_of_the_workspace_can_be_cancelled(
    start: Start, tmp_path: Path, method: str, asked: object
) -> None:
    """Its processes end with it, whatever they are at."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    (tmp_path / "a.c").write_text(f"BAD GATE:{gate};")
    editor = await start(root=tmp_path)
    request = editor.protocol.send_request(method, asked, msg_id="one")
    handle = await asyncio.to_thread(os.open, gate, os.O_WRONLY)
    at_work = [os.pidfd_open(process.pid) for process in workers(editor)]
    editor.cancel_request(types.CancelParams("one"))

    with pytest.raises(JsonRpcException) as failure:
        await asyncio.wait_for(asyncio.wrap_future(request), PATIENCE)
    assert types.LSPErrorCodes.RequestCancelled == failure.value.code
    ready, _, _ = await asyncio.to_thread(select.select, at_work, [], [], PATIENCE)
    assert 1 == len(ready)
    for process in at_work:
        os.close(process)
    os.close(handle)


async def reviewed(editor: Editor, token: str | None = None, **wanted: object) -> str:
    """What the command answers, as an editor sends it."""
    asked = types.ExecuteCommandParams("tlsight.review", [wanted], work_done_token=token)
    document: str = await editor.protocol.send_request_async(types.WORKSPACE_EXECUTE_COMMAND, asked)
    return document


async def test_a_document_is_reviewed_as_it_stands_in_the_editor(
    start: Start, tmp_path: Path
) -> None:
    file = tmp_path / "a.c"
    file.write_text("OKAY")
    editor = await start(root=tmp_path)
    editor.open(file.as_uri(), "UNREAD", "c")
    review = json.loads(await reviewed(editor, uri=file.as_uri(), format="json"))

    assert ["a.c"] == review["files"]
    assert ["UNREAD cannot be read"] == [item["reason"] for item in review["unanalysed"]]
    assert f'href="{file.as_uri()}#L1,1"' in await reviewed(editor, uri=file.as_uri())
    assert (await reviewed(editor, uri=file.as_uri(), format="md")).startswith("# ")


async def test_a_workspace_is_reviewed_with_progress_and_nothing_is_published(
    start: Start, tmp_path: Path
) -> None:
    for name in ("a.c", "b.c", "c.c"):
        (tmp_path / name).write_text("UNREAD")
    editor = await start(root=tmp_path)
    editor.open((tmp_path / "b.c").as_uri(), "OKAY", "c")
    await editor.current()
    before = len(editor.history)
    review = json.loads(await reviewed(editor, "token", format="json"))
    begin, *reports, end = [(await editor.event("report")).value for _ in range(5)]

    assert ["a.c", "b.c", "c.c"] == review["files"]
    assert ["a.c", "c.c"] == [item["path"] for item in review["unanalysed"]]
    assert ("begin", "end") == (begin["kind"], end["kind"])
    assert ["1 of 1: b.c", "2 of 3: a.c", "3 of 3: c.c"] == [item["message"] for item in reports]
    assert before == len(editor.history)


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"uri": "file:///nowhere/other.c"}, "file:///nowhere/other.c is not open"),
        ({"format": "pdf"}, "'format' must be one of md, html, json"),
        ({"uri": 1}, "'uri' must be the URI of a document that is open"),
    ],
)
async def test_a_review_that_cannot_be_had_is_refused_with_the_reason(
    start: Start, wanted: dict[str, object], told: str
) -> None:
    editor = await start()

    with pytest.raises(JsonRpcException, match=told):
        await reviewed(editor, **wanted)


async def test_the_pages_of_all_rules_can_be_read(start: Start) -> None:
    """For a client that shows them beside the code."""
    editor = await start()
    pages = await editor.protocol.send_request_async("tlsight/pages", {})

    assert [("word-bad", "# word-bad\n\n**BAD is bad.**\n"), ("word-late", "# word-late\n")] == [
        (page["rule"], page["markdown"]) for page in pages
    ]


async def test_files_are_watched_by_a_client_that_can(start: Start, tmp_path: Path) -> None:
    """Compile commands, project files and rule pages; changes are acted upon."""
    root = tmp_path / "project"
    root.mkdir()
    editor = await start(root=root, able=capabilities(watch=True), options={"rules": ["my-rules"]})
    (registration,) = (await editor.event("register")).registrations
    patterns = [str(item) for item in registration.register_options["watchers"]]
    editor.open((root / "a.cpp").as_uri(), "BAD\n")
    await editor.current()
    file = root / "tlsight.toml"
    file.write_text("severity = { word-bad = 'error' }\n")
    editor.workspace_did_change_watched_files(
        types.DidChangeWatchedFilesParams(
            [types.FileEvent(file.as_uri(), types.FileChangeType.Created)]
        )
    )
    await editor.until(
        lambda shown: shown.diagnostics[0].severity == types.DiagnosticSeverity.Error
    )

    for wanted in ("compile_commands.json", "compile_flags.txt", "tlsight.toml", "my-rules"):
        assert any(wanted in pattern for pattern in patterns)


async def test_without_watching_a_save_notices_what_changed_on_disk(
    start: Start, tmp_path: Path
) -> None:
    """For a client that cannot watch files, time stamps are compared."""
    editor = await start(root=tmp_path)
    editor.open((tmp_path / "a.cpp").as_uri(), "BAD\n")
    await editor.current()
    (tmp_path / "tlsight.toml").write_text("severity = { word-bad = 'error' }\n")
    editor.text_document_did_save(
        types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(editor.uri))
    )

    await editor.until(
        lambda shown: shown.diagnostics[0].severity == types.DiagnosticSeverity.Error
    )


async def test_the_first_reading_shows_its_progress(start: Start) -> None:
    """A token is asked for, begun and ended."""
    editor = await start(able=capabilities(progress=True))
    editor.open(URI, "BAD\n")
    token = (await editor.event("progress")).token
    kinds = []
    for _ in range(2):
        report = await editor.event("report")
        assert token == report.token
        kinds.append(report.value["kind"])

    assert ["begin", "end"] == kinds


async def test_two_folders_have_their_own_settings(start: Start, tmp_path: Path) -> None:
    """Each document is judged by the innermost folder that holds it."""
    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    (inner / "tlsight.toml").write_text("severity = { word-bad = 'error' }\n")
    editor = await start(root=tmp_path / "outer")
    editor.workspace_did_change_workspace_folders(
        types.DidChangeWorkspaceFoldersParams(
            types.WorkspaceFoldersChangeEvent([types.WorkspaceFolder(inner.as_uri(), "inner")], [])
        )
    )
    severities = []
    for path in (inner / "a.cpp", inner.parent / "b.cpp"):
        editor.open(path.as_uri(), "BAD\n")
        severities.append((await editor.current()).diagnostics[0].severity)

    assert [types.DiagnosticSeverity.Error, types.DiagnosticSeverity.Warning] == severities


@pytest.mark.parametrize(
    "uri",
    ["file:///c%3A/Code/a.cpp", "file:///nowhere/a%2Bb%20c.cpp", "untitled:Untitled-1", "x:y?z=1"],
)
async def test_a_uri_comes_back_as_the_client_spells_it(start: Start, uri: str) -> None:
    """Whatever is escaped or has no file at all."""
    editor = await start()
    editor.open(uri, "BAD\n")

    assert uri == (await editor.current()).uri


async def test_other_languages_and_excluded_files_are_left_alone(
    start: Start, tmp_path: Path
) -> None:
    """Nothing is said about Python, and an excluded file is found clean."""
    editor = await start(root=tmp_path, options={"exclude": ["third_party/"]})
    editor.open("file:///nowhere/a.py", "BAD\n", "python")
    editor.open((tmp_path / "third_party" / "a.c").as_uri(), "BAD\n", "c")
    shown = await editor.current()

    assert [] == list(shown.diagnostics)
    assert [shown] == editor.history


async def test_a_cancelled_request_is_answered_at_once(start: Start, tmp_path: Path) -> None:
    """An action that waits for a busy analysis lets go when the client does."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    editor = await start(able=capabilities(resolve=False))
    editor.open(URI, f"BAD GATE:{gate};\n")
    await editor.current()
    handle = await asyncio.to_thread(os.open, gate, os.O_WRONLY)
    params = types.CodeActionParams(
        types.TextDocumentIdentifier(URI),
        editor.range(Span(0, 0)),
        types.CodeActionContext([], only=["source.fixAll"]),
    )
    request = editor.protocol.send_request(types.TEXT_DOCUMENT_CODE_ACTION, params, msg_id="one")
    editor.cancel_request(types.CancelParams("one"))

    with pytest.raises(JsonRpcException) as failure:
        await asyncio.wait_for(asyncio.wrap_future(request), PATIENCE)
    assert types.LSPErrorCodes.RequestCancelled == failure.value.code
    os.close(handle)


async def test_exit_is_quick_whatever_is_under_way(start: Start, tmp_path: Path) -> None:
    """A hung analysis does not keep the server from ending, and leaves no process behind."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    editor = await start()
    editor.open(URI, f"GATE:{gate}; HANG\n")
    os.close(await asyncio.to_thread(os.open, gate, os.O_WRONLY))
    (worker,) = [os.pidfd_open(process.pid) for process in workers(editor)]
    server = editor._server
    assert server is not None
    await editor.shutdown_async(None)
    editor.exit(None)

    assert 0 == await asyncio.wait_for(server.wait(), 1.0)
    assert await ended(worker, 1.0)


async def test_the_server_ends_with_its_parent(tmp_path: Path) -> None:
    """An editor that vanishes takes the server and the worker with it."""
    parent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    editor = Editor()
    await editor.start_io(*python("fake_server.py", str(tmp_path)))
    editor.capabilities = able = capabilities()
    await editor.initialize_async(types.InitializeParams(capabilities=able, process_id=parent.pid))
    editor.initialized(types.InitializedParams())
    editor.open(URI, "BAD\n")
    await editor.current()
    (worker,) = [os.pidfd_open(process.pid) for process in workers(editor)]
    parent.kill()
    parent.communicate()
    assert editor._server is not None

    assert 1 == await asyncio.wait_for(editor._server.wait(), PATIENCE)
    assert await ended(worker)
    await editor.stop()


async def test_no_document_is_in_the_log(start: Start, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither text that was sent nor what could not be read goes to standard error."""
    editor = await start()
    editor.open(URI, "SECRET BUG BAD\n")
    broken = {"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {"SECRET": 1}}
    editor.protocol._send_data(broken)
    await editor.event("message")
    with pytest.raises(JsonRpcException):
        await editor.protocol.send_request_async("tlsight/unknown", {"SECRET": 1})
    await editor.end()

    assert "SECRET" not in capfd.readouterr().err


@pytest.mark.parametrize("way", ["tcp", "ws"])
async def test_the_server_listens_on_a_port(tmp_path: Path, way: str) -> None:
    """The same over a socket."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    code = (
        "import sys, pathlib; from fake_worker import COMMAND; from tlsight.lsp import serve; "
        f"serve({way}=('127.0.0.1', {port}), cache=pathlib.Path(sys.argv[1]), command=COMMAND)"
    )
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        str(tmp_path),
        cwd=Path(__file__).parent,
        stderr=asyncio.subprocess.PIPE,
    )
    assert server.stderr is not None
    assert b"listening" in await asyncio.wait_for(server.stderr.readline(), PATIENCE)
    editor = Editor()
    connect = editor.start_tcp if way == "tcp" else editor.start_ws
    await connect("127.0.0.1", port)
    await editor.introduce()
    editor.open(URI, "BAD\n")

    assert ["word-bad"] == codes(await editor.current())
    await editor.shutdown_async(None)
    editor.exit(None)
    assert 0 == await asyncio.wait_for(server.wait(), PATIENCE)
    await editor.stop()


REAL = [sys.executable, "-m", "tlsight.cli", "serve"]
DEFECT = "QCryptographicHash::hash(data, QCryptographicHash::Sha1)"
MENDED = "QCryptographicHash::hash(data, QCryptographicHash::Sha256)"


def lone_file(above: str, statement: str = "") -> str:
    return (
        f"{above}#include <QCryptographicHash>\n\n"
        "QByteArray fingerprint(const QByteArray &data)\n{\n"
        f"    /*\U0001f512*/ return {statement};\n}}\n"
    )


@pytest_asyncio.fixture
async def real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Start]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    editors: list[Editor] = []

    async def begin(**kwargs: object) -> Editor:
        editor = Editor()
        editors.append(editor)
        await editor.begin(REAL, **kwargs)
        return editor

    yield begin
    for editor in editors:
        await editor.end()


@pytest.mark.parametrize(
    ("encoding", "above"),
    [("utf-8", ""), ("utf-16", ASTRAL), ("utf-32", FORM_FEED)],
    ids=["plain", "astral", "form-feed"],
)
@pytest.mark.parametrize("killed", [False, True], ids=["alive", "killed"])
async def test_a_weak_hash_is_typed_shown_mended_and_gone(
    real: Start, tmp_path: Path, encoding: str, above: str, killed: bool
) -> None:
    """The main job, with the real analysis, and a worker that dies in the middle of it."""
    (tmp_path / "lone").mkdir()
    editor = await real(able=capabilities(encoding=encoding))
    text = lone_file(above)
    editor.open((tmp_path / "lone" / "main.cpp").as_uri(), text)
    await editor.current()

    editor.type(len(text.encode()) - len(";\n}\n"), DEFECT)
    if killed:
        for worker in workers(editor):
            worker.kill()
    shown = await editor.until(lambda shown: "weak-hash" in codes(shown))
    if shown.version != editor.version:
        shown = await editor.until(lambda shown: shown.version == editor.version)
    (found,) = [item for item in shown.diagnostics if item.code == "weak-hash"]
    assert "QCryptographicHash::Sha1" == editor.text(found.range)
    assert found.code_description is not None
    assert "# weak-hash" in Path(urlparse(found.code_description.href).path).read_text()

    (action, *_) = await editor.actions(found.range, [found])
    resolved = await editor.code_action_resolve_async(action)
    (again, *_) = await editor.actions(found.range, [found])
    assert again.is_preferred and resolved.edit is not None
    editor.apply(resolved.edit)
    await editor.until(lambda shown: shown.version == editor.version and not shown.diagnostics)

    assert lone_file(above, MENDED) == editor.data.decode()
    assert sorted(versions(editor), key=lambda version: version or 0) == versions(editor)
