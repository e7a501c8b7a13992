"""What a run has found, as text for people, JSON for programs, SARIF for tools, and as a diff.

Every view is a pure function of the answers, the rulebook and the texts: no file, no clock, no
terminal. Whoever calls a view decides where its outcome goes.
"""

from __future__ import annotations

from tlsight.views.answer import Answer, Summary, summarised, visible

__all__ = ["Answer", "Summary", "summarised", "visible"]
