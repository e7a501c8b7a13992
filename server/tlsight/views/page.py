"""A rule's page as documentation: what it says to people, without what it says to the machine.

The machine part of a page decides; what it decides is stated here in words.
"""

from __future__ import annotations

import re

from tlsight.rule import Property

_MACHINE = re.compile(r"^(`{3,})toml\b[^\n]*\n.*?^\1`*[ \t]*\n\n?", re.MULTILINE | re.DOTALL)


def documentation(rule: Property) -> str:
    """The page in Markdown, with the facts of its machine part as one line under the title."""
    prose = _MACHINE.sub("", rule.markdown)
    title, _, rest = prose.partition("\n")
    return f"{title}\n\n{facts(rule)}\n\n{rest.strip()}\n"


def facts(rule: Property) -> str:
    """Severity, aspect, weaknesses and kind of fix in one line of Markdown."""
    parts = [f"*{rule.severity.value}*", rule.aspect]
    parts += [f"CWE-{number}" for number in rule.cwe]
    parts.append(f"{rule.safety.value} fix" if rule.safety else "no fix")
    if not rule.enabled:
        parts.append("off by default")
    return " · ".join(parts)
