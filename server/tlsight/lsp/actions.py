"""Code actions: mend one finding, mend them all, or say in the code why it may stand.

A fix in several places is also a refactoring, for those who ask for one.
A fix is preferred only where it is proven. Proofs are made when someone asks: at once if a person
opened the menu or the client cannot resolve, else when the client resolves the action.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from tlsight.finding import Finding, Fix, Proof
from tlsight.lsp.client import ClientInfo
from tlsight.lsp.convert import data_of, diagnostic, is_mendable, span_of, workspace_edit
from tlsight.service import Answer, Service
from tlsight.text import Document, Edit, Span
from tlsight.worker.protocol import Page

FIX_ALL = f"{types.CodeActionKind.SourceFixAll.value}.tlsight"

PATIENCE = 1.5
"""Seconds that a menu may wait for proofs; what is not proven by then is not preferred."""

Reply = types.CodeAction


class Withheld(JsonRpcException):
    """The edit of an action that must not be applied, and why."""

    CODE = types.LSPErrorCodes.RequestFailed
    MESSAGE = "the fix was withheld"


class OutOfDate(JsonRpcException):
    """The document has changed since the action was offered."""

    CODE = types.LSPErrorCodes.ContentModified
    MESSAGE = "the document has changed"


async def offered(
    service: Service,
    client: ClientInfo,
    pages: Mapping[str, Page],
    params: types.CodeActionParams,
) -> list[types.CodeAction]:
    """What can be done about the findings in a range, and about the document."""
    if not client.action_literals:
        return []
    answer = await service.answer(params.text_document.uri)
    if answer is None:
        return []
    context = params.context
    automatic = context.trigger_kind == types.CodeActionTriggerKind.Automatic
    actions: list[types.CodeAction] = []
    mending = _wanted(types.CodeActionKind.QuickFix.value, context.only)
    kind = types.CodeActionKind.QuickFix if mending else types.CodeActionKind.RefactorRewrite
    if _wanted(kind.value, context.only):
        place = span_of(answer.document.lines, params.range, client.encoding)
        findings = [finding for finding in answer.report.findings if _meet(finding.span, place)]
        if not (automatic and client.resolves):
            await _prove(service, answer, findings)
        for finding in findings:
            shown = _shown(answer.document, finding, context.diagnostics) or diagnostic(
                answer.document, finding, pages.get(finding.rule), client
            )
            actions += _fixes(service, client, answer, finding, shown, kind)
            if mending:
                actions += _suppression(client, answer.document, finding, shown)
    if _wanted(FIX_ALL, context.only) and any(map(is_mendable, answer.report.findings)):
        asked = context.only is not None or not automatic
        actions += await _all(service, client, answer, asked)
    return actions


async def resolved(
    service: Service, client: ClientInfo, action: types.CodeAction
) -> types.CodeAction:
    """An action with its edit, which is proven now if it was not before."""
    data: Mapping[str, Any] = action.data if isinstance(action.data, Mapping) else {}
    if action.edit or "uri" not in data:
        return action
    answer = await service.answer(str(data["uri"]))
    if answer is None or answer.document.version != data.get("version"):
        raise OutOfDate()
    if "fix" not in data:
        edits, _ = await service.fix_all(answer)
    else:
        finding, fix = _found(answer, data)
        if await service.prove(answer, finding, fix) is Proof.REFUTED:
            raise Withheld("the fix was withheld, since it would not mend this or break more")
        edits = fix.edits
    action.edit = workspace_edit(answer.document, edits, client)
    return action


def suppression(document: Document, finding: Finding) -> Edit | None:
    """A comment above a finding that silences it and asks for the reason.

    None where a line above would not be a comment: after a line that is continued.
    """
    lines = document.lines
    number = lines.position(finding.span.start).line
    start = lines.starts[number]
    if number and lines.line(number - 1).rstrip().endswith(b"\\"):
        return None
    blank = re.match(rb"[ \t]*", lines.line(number))
    indent = blank[0].decode() if blank else ""
    ending = b"\r\n" if b"\r\n" in document.data else b"\n"
    comment = f"{indent}// tlsight-ignore {finding.rule}: TODO say why{ending.decode()}"
    return Edit(Span(start, start), comment)


async def _prove(service: Service, answer: Answer, findings: Sequence[Finding]) -> None:
    """Effect: gives proofs some time; what is not ready goes on in the background."""
    tasks = [
        asyncio.ensure_future(service.prove(answer, finding, fix))
        for finding in findings
        for fix in finding.fixes
        if fix.withheld is None
    ]
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=PATIENCE)
        for task in late:
            task.cancel()


def _fixes(
    service: Service,
    client: ClientInfo,
    answer: Answer,
    finding: Finding,
    shown: types.Diagnostic,
    kind: types.CodeActionKind,
) -> list[types.CodeAction]:
    actions: list[types.CodeAction] = []
    preferred = False
    for index, fix in enumerate(finding.fixes):
        if kind is types.CodeActionKind.RefactorRewrite and not fix.rewrites:
            continue
        proof = service.known_proof(answer, finding, fix)
        reason = fix.withheld
        if proof is Proof.REFUTED:
            reason = "the fix would not mend this or break more"
        if reason and not client.disabled:
            continue
        title = f"{fix.title} (unproven)" if proof is Proof.UNPROVEN else fix.title
        action = types.CodeAction(title=title, kind=kind, diagnostics=[shown])
        if reason:
            action.disabled = types.CodeActionDisabled(reason)
        elif client.resolves:
            action.data = {
                "uri": answer.document.uri,
                "fix": index,
                **data_of(answer.document, finding),
            }
        else:
            action.edit = workspace_edit(answer.document, fix.edits, client)
        if proof is Proof.PROVEN and not reason and not preferred and client.preferred:
            action.is_preferred = preferred = True
        actions.append(action)
    return actions


def _suppression(
    client: ClientInfo, document: Document, finding: Finding, shown: types.Diagnostic
) -> list[types.CodeAction]:
    edit = suppression(document, finding)
    if edit is None:
        return []
    return [
        types.CodeAction(
            title=f"Suppress {finding.rule} here, and say why",
            kind=types.CodeActionKind.QuickFix,
            diagnostics=[shown],
            edit=workspace_edit(document, [edit], client),
        )
    ]


async def _all(
    service: Service, client: ClientInfo, answer: Answer, asked: bool
) -> list[types.CodeAction]:
    action = types.CodeAction(title="Mend all findings that can be mended safely", kind=FIX_ALL)
    if client.resolves:
        action.data = {"uri": answer.document.uri, "version": answer.document.version}
        return [action]
    edits, _ = await service.fix_all(answer) if asked else ((), ())
    if not edits:
        return []
    action.edit = workspace_edit(answer.document, edits, client)
    return [action]


def _wanted(kind: str, only: Sequence[str] | None) -> bool:
    """Whether a client that asks for these kinds wants this one, or a kind above it."""
    if only is None:
        return True
    kinds = [getattr(item, "value", item) for item in only]
    return any(item in ("", kind) or kind.startswith(f"{item}.") for item in kinds)


def _meet(span: Span, place: Span) -> bool:
    return span.start <= place.end and place.start <= span.end


def _shown(
    document: Document, finding: Finding, diagnostics: Sequence[types.Diagnostic]
) -> types.Diagnostic | None:
    """The client's own copy of a finding's diagnostic."""
    data = data_of(document, finding)
    for item in diagnostics:
        if item.data == data or (item.code == finding.rule and item.message == finding.message):
            return item
    return None


def _found(answer: Answer, data: Mapping[str, Any]) -> tuple[Finding, Fix]:
    for finding in answer.report.findings:
        wanted = {key: data.get(key) for key in ("rule", "version", "start", "end")}
        if data_of(answer.document, finding) == wanted and isinstance(data["fix"], int):
            fixes = [fix for fix in finding.fixes if fix.withheld is None]
            index = data["fix"]
            if 0 <= index < len(finding.fixes) and finding.fixes[index] in fixes:
                return finding, finding.fixes[index]
    raise OutOfDate()
