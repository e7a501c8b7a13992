"""`tlsight explain` and `tlsight rules`: what the rule pages say, on a terminal."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

from tlsight.cli import output
from tlsight.cli.project import load_project
from tlsight.cli.status import Status, UsageError, did_you_mean
from tlsight.finding import Severity
from tlsight.views import json
from tlsight.views.page import documentation

_STYLES = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFORMATION: "cyan"}

_WIDE = 400
"""A table that no terminal shows has one line for each rule, for the next program to read."""


def explain(rule: str) -> Status:
    """Effect: shows the page of a rule; as Markdown where the output is no terminal."""
    properties = load_project([Path.cwd()]).rulebook.properties
    if rule not in properties:
        hint = did_you_mean(rule, properties) or "; 'tlsight rules' lists all of them"
        raise UsageError(f"unknown rule '{rule}'{hint}")
    page = documentation(properties[rule])
    terminal = output.console(sys.stdout)
    if terminal.is_terminal:
        terminal.print(Markdown(page), soft_wrap=False)
    else:
        output.write_bytes(page.encode())
    return Status.CLEAN


def rules(form: str) -> Status:
    """Effect: lists the rules in force, as a table or as JSON."""
    rulebook = load_project([Path.cwd()]).rulebook
    if form == "json":
        output.write_bytes(json.rules(rulebook).encode())
        return Status.CLEAN
    terminal = output.console(sys.stdout, piped_width=_WIDE)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("rule", "severity", "aspect", "fix", "libraries", "what is wrong"):
        table.add_column(heading, no_wrap=heading in ("rule", "severity", "aspect", "fix"))
    for rule in sorted(rulebook.properties.values(), key=lambda item: (item.aspect, item.id)):
        table.add_row(
            rule.id,
            Text(rule.severity.value, style=_STYLES[rule.severity]),
            rule.aspect,
            rule.safety.value if rule.safety else "",
            ", ".join(library.id for library in json.libraries_of(rule, rulebook)),
            rule.title + ("" if rule.enabled else " (off by default)"),
        )
    terminal.print(table, soft_wrap=False)
    return Status.CLEAN
