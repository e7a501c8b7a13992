"""From our plain data to the protocol's, and back. Pure functions of their arguments.

Byte offsets become positions in the client's encoding here and nowhere else; URIs are sent back
as the client spells them.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.uris import to_fs_path

from tlsight.finding import Finding, Portrait, Safety, Severity, Trait, Unanalysed
from tlsight.lsp.client import ClientInfo
from tlsight.rule import Problem
from tlsight.service import Standing
from tlsight.text import Change, Document, Edit, Encoding, Lines, Position, Span
from tlsight.worker.protocol import Page

SOURCE = "tlsight"

LANGUAGES = {"c": ".c", "cpp": ".cpp", "c++": ".cpp"}
"""Language identifiers that clients use for what we read, and a suffix for what has no file."""

SOURCES = frozenset((".c", ".cc", ".cpp", ".cxx", ".c++", ".cp", ".cppm", ".ixx"))
HEADERS = frozenset((".h", ".hh", ".hpp", ".hxx", ".h++", ".inl", ".ipp", ".tpp", ".txx"))

_SEVERITIES = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.INFORMATION: types.DiagnosticSeverity.Information,
}


def path_of(uri: str, language: str, cache: Path) -> Path:
    """The file of a URI; what has no file gets a name of its own in the cache folder."""
    name = to_fs_path(uri)
    if name:
        return Path(name)
    suffix = LANGUAGES.get(language) or Path(uri).suffix or ".cpp"
    return cache / "untitled" / (hashlib.sha256(uri.encode()).hexdigest()[:16] + suffix)


def is_ours(path: Path, language: str) -> bool:
    """Whether a document is C or C++, by its language or else by its name."""
    return language in LANGUAGES or path.suffix.lower() in SOURCES | HEADERS


def span_of(lines: Lines, range_: types.Range, encoding: Encoding) -> Span:
    """The bytes of a client's range."""
    start = lines.offset(Position(range_.start.line, range_.start.character), encoding)
    end = lines.offset(Position(range_.end.line, range_.end.character), encoding)
    return Span(start, max(start, end))


def range_of(lines: Lines, span: Span, encoding: Encoding) -> types.Range:
    """A client's range of bytes."""
    return types.Range(
        types.Position(*lines.position(span.start, encoding)),
        types.Position(*lines.position(span.end, encoding)),
    )


def changes_of(
    changes: Sequence[types.TextDocumentContentChangeEvent],
) -> Iterable[Change]:
    """The content changes of a notification, in order."""
    for change in changes:
        if isinstance(change, types.TextDocumentContentChangePartial):
            start, end = change.range.start, change.range.end
            yield Change(
                Position(start.line, start.character),
                Position(end.line, end.character),
                change.text,
            )
        else:
            yield Change(None, None, change.text)


def diagnostic(
    document: Document, finding: Finding, page: Page | None, client: ClientInfo
) -> types.Diagnostic:
    """A finding as this client can show it."""
    lines, encoding = document.lines, client.encoding
    link = Path(page.path).as_uri() if page and page.path and client.links else None
    related = [
        types.DiagnosticRelatedInformation(
            types.Location(document.uri, range_of(lines, place.span, encoding)), place.message
        )
        for place in finding.related
    ]
    return types.Diagnostic(
        range=range_of(lines, finding.span, encoding),
        message=finding.message,
        severity=_SEVERITIES[finding.severity],
        code=finding.rule,
        code_description=types.CodeDescription(link) if link else None,
        source=SOURCE,
        tags=[types.DiagnosticTag.Deprecated]
        if finding.deprecated and client.deprecated_tag
        else None,
        related_information=related if related and client.related else None,
        data=data_of(document, finding) if client.data else None,
    )


def data_of(document: Document, finding: Finding) -> dict[str, Any]:
    """What tells a finding again: the rule and place, and the version that they hold for."""
    return {
        "rule": finding.rule,
        "version": document.version,
        "start": finding.span.start,
        "end": finding.span.end,
    }


def problem_diagnostic(problem: Problem, text: Document, encoding: Encoding) -> types.Diagnostic:
    """What is wrong with a configuration file, on the line that its place names."""
    found = re.search(r":(\d+)$", problem.place)
    line = min(int(found[1]) - 1 if found else 0, len(text.lines.starts) - 1)
    start = text.lines.starts[line]
    span = Span(start, start + len(text.lines.line(line)))
    return types.Diagnostic(
        range=range_of(text.lines, span, encoding),
        message=problem.message,
        severity=types.DiagnosticSeverity.Error,
        source=SOURCE,
    )


def workspace_edit(
    document: Document, edits: Iterable[Edit], client: ClientInfo
) -> types.WorkspaceEdit:
    """Edits of one version of a document."""
    changes = [
        types.TextEdit(range_of(document.lines, edit.span, client.encoding), edit.text)
        for edit in edits
    ]
    if not client.versioned_edits:
        return types.WorkspaceEdit(changes={document.uri: changes})
    identifier = types.OptionalVersionedTextDocumentIdentifier(document.uri, document.version)
    return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(identifier, list(changes))])


def hover(
    document: Document,
    findings: Sequence[Finding],
    pages: Mapping[str, Page],
    client: ClientInfo,
    portrait: Portrait | None,
) -> types.Hover | None:
    """What findings say, what is known of the object, and the pages of the rules, once each."""
    texts = [f"**{finding.rule}**: {finding.message}" for finding in findings]
    texts += [_portrayed(portrait, document)] if portrait is not None else []
    texts += [
        page.markdown
        for rule in dict.fromkeys(finding.rule for finding in findings)
        if (page := pages.get(rule))
    ]
    if not texts:
        return None
    span = findings[0].span if findings else portrait.span if portrait else Span(0, 0)
    kind = types.MarkupKind.Markdown if client.markdown else types.MarkupKind.PlainText
    return types.Hover(
        types.MarkupContent(kind, "\n\n---\n\n".join(texts)),
        range_of(document.lines, span, client.encoding),
    )


def _portrayed(portrait: Portrait, document: Document) -> str:
    """What is known of an object, trait by trait, with the lines that make it so."""
    lines = [f"**{portrait.name}** ({portrait.type}), as it is here:", ""]
    lines += [_trait(item, document) for item in portrait.traits]
    if portrait.shared:
        lines += ["", f"Not all of it can be known: {portrait.shared}."]
    return "\n".join(lines)


def _trait(trait: Trait, document: Document) -> str:
    if not trait.places:
        return f"- {trait.title}: {trait.told}"
    numbers = [document.lines.position(span.start).line + 1 for span in trait.places]
    links = ", ".join(f"[line {number}]({document.uri}#L{number})" for number in numbers)
    return f"- {trait.title}: `{trait.told}` ({links})"


def status(standing: Standing, encoding: Encoding) -> dict[str, Any]:
    """The parameters of `tlsight/status`: the answer that is shown, and what it does not cover."""
    params: dict[str, Any] = {
        "uri": standing.document.uri,
        "version": standing.document.version,
        "stage": standing.stage.value,
        "findings": counts(()),
        "mendable": 0,
        "suppressed": 0,
        "unanalysed": [],
        "missingHeaders": [],
    }
    if standing.answer:
        report, lines = standing.answer.report, standing.answer.document.lines
        params["findings"] = counts(report.findings)
        params["mendable"] = sum(map(is_mendable, report.findings))
        params["suppressed"] = report.suppressed
        params["unanalysed"] = [unanalysed(item, lines, encoding) for item in report.unanalysed]
        params["missingHeaders"] = list(report.missing_headers)
    if standing.trouble:
        reason = f"only the syntax was judged, since the analysis failed: {standing.trouble}"
        params["unanalysed"].append({"reason": reason})
    return params


def counts(findings: Iterable[Finding]) -> dict[str, int]:
    """How many findings there are of each severity."""
    by_severity = Counter(finding.severity for finding in findings)
    return {severity.value: by_severity[severity] for severity in Severity}


def is_mendable(finding: Finding) -> bool:
    """Whether a finding has a fix that changes nothing but the weakness."""
    return any(fix.withheld is None and fix.safety is Safety.SAFE for fix in finding.fixes)


def unanalysed(item: Unanalysed, lines: Lines, encoding: Encoding) -> dict[str, Any]:
    """A place that could not be judged, and why."""
    params: dict[str, Any] = {"reason": item.reason}
    if item.function:
        params["function"] = item.function
    if item.span:
        start, end = (lines.position(at, encoding) for at in (item.span.start, item.span.end))
        params["range"] = {
            "start": {"line": start.line, "character": start.character},
            "end": {"line": end.line, "character": end.character},
        }
    return params
