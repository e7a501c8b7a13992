"""What a function leaves behind for its own next call: `wrong = "left-over"`, and its mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo import Bench
from tlsight.text import apply_edits

ASK = "int n = attempt(o, d, 3); if (n > 0) return n;"
FAIL = "if (why(o, n) == WHY_LATER) return 0; return -1;"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder: Path = tmp_path_factory.mktemp("rules")
    return Bench(folder)


@pytest.mark.parametrize(
    "text",
    [
        f"int f(object *o, char *d) {{ {ASK} {FAIL} }}",
        f"int f(object *o, char *d) {{ {ASK} int w = why(o, n); if (w != WHY_LATER) goto out;"
        " return 0; out: shut(o); return -1; }",
        f"int f(object *o, char *d) {{ {ASK} switch (why(o, n)) {{ case WHY_LATER: clear();"
        " return 0; default: return -1; } }",
        "void report(const char *t);"
        f"int f(object *o, char *d) {{ {ASK} if (why(o, n) == WHY_BROKEN) report(0); return -1; }}",
        f"static int f(object *o, char *d) {{ {ASK} {FAIL} }}"
        " void g(char *d) { for (;;) { object *o = create(); f(o, d); } }",
        "static int ask(object *o, int n) { return why(o, n) == WHY_LATER ? 0 : -1; }"
        f"int f(object *o, char *d) {{ {ASK} return ask(o, n); }}",
        f"class C {{ object *o; int f(char *d) {{ {ASK} {FAIL} }} }};",
        f"int f(object *o, char *d, bool b) {{ if (b) clear(); {ASK} {FAIL} }}",
    ],
)
def test_what_never_clears_spoils_its_own_next_call(bench: Bench, text: str) -> None:
    assert 1 == len(bench.found(text, "spoilt"))


@pytest.mark.parametrize(
    "text",
    [
        f"int f(object *o, char *d) {{ clear(); {ASK} {FAIL} }}",
        f"static void all() {{ clear(); }} int f(object *o, char *d) {{ all(); {ASK} {FAIL} }}",
        f"int f(object *o, char *d) {{ {ASK} if (why(o, n) == WHY_LATER) return 0; clear();"
        " return -1; }",
        f"int f(object *o, char *d) {{ {ASK} return -1; }}",
        "int f(object *o, char *d) { int n; for (;;) { n = attempt(o, d, 3); if (n > 0) break;"
        " switch (why(o, n)) { case WHY_LATER: continue; default: break; } break; } return n; }",
        f"int f(object *o, char *d) {{ {ASK} emit(o, why(o, n)); return -1; }}",
        f"int f(object *o, char *d) {{ {ASK} n = verify(o); {FAIL} }}",
        "static int ask(object *o, int n) { return why(o, n) == WHY_LATER ? 0 : -1; }"
        f"int f(object *o, char *d) {{ {ASK} n = ask(o, n); if (n < 0) clear(); return n; }}",
        "static int ask(object *o, int n) { int w = why(o, n); clear(); return w; }"
        f"int f(object *o, char *d) {{ {ASK} return ask(o, n); }}",
        f"int f(object *o, object *p, char *d) {{ {ASK} return why(p, n); }}",
        f"void tidy_up(); int f(object *o, char *d) {{ tidy_up(); {ASK} {FAIL} }}",
        f"void tidy_up(); int f(object *o, char *d) {{ {ASK} int w = why(o, n);"
        " if (w == WHY_BROKEN) tidy_up(); return -1; }",
        f"int f(object *o, char *d) {{ TidyGuard guard; {ASK} {FAIL} }}",
        f"static int f(object *o, char *d) {{ {ASK} {FAIL} }}"
        " int g(object *o, char *d) { clear(); return f(o, d); }",
        f"static int f(object *o, char *d) {{ {ASK} {FAIL} }}"
        " int main() { object *o = create(); char d[3]; while (f(o, d) > 0) continue; }",
        f"int f(object *o, char *d) {{ {ASK} {FAIL} }} void h(); void g() {{ in_parallel(h); }}",
    ],
)
def test_what_is_cleared_or_asked_once_does_not(bench: Bench, text: str) -> None:
    assert [] == bench.found(text, "spoilt")


@pytest.mark.parametrize(
    ("statement", "mended"),
    [
        ("  int n = attempt(o, d, 3);\n", "  clear();\n  int n = attempt(o, d, 3);\n"),
        ("\tint n;\n\tn = attempt(o, d, 3);\n", "\tint n;\n\tclear();\n\tn = attempt(o, d, 3);\n"),
        (
            "  int n;\n  if ((n = attempt(o, d, 3)) > 0)\n    return n;\n",
            "  int n;\n  clear();\n  if ((n = attempt(o, d, 3)) > 0)\n    return n;\n",
        ),
        (
            "  int n; /* one */\n  // two\n  n = attempt(o, d, 3);\n",
            "  int n; /* one */\n  // two\n  clear();\n  n = attempt(o, d, 3);\n",
        ),
        (
            "  int n;\n#if 1\n  n = attempt(o, d, 3);\n#endif\n",
            "  int n;\n#if 1\n  clear();\n  n = attempt(o, d, 3);\n#endif\n",
        ),
        (
            "  int n;\nagain:\n  n = my_attempt(o, d, 3);\n",
            "  int n;\nagain:\n  my_clear();\n  n = my_attempt(o, d, 3);\n",
        ),
    ],
)
def test_a_call_is_put_before_the_statement(bench: Bench, statement: str, mended: str) -> None:
    head, tail = "int f(object *o, char *d) {\n", f"  {FAIL}\n}}\n"
    text = head + statement + tail
    (item,) = (item for item in bench.check(text) if item.rule == "spoilt")
    assert head + mended + tail == apply_edits(text.encode(), item.fixes[0].edits).decode()


@pytest.mark.parametrize(
    "statement",
    [
        "  int n;\n  while ((n = attempt(o, d, 3)) > 0)\n    continue;\n",
        "  int n = 0;\n  if (d)\n    n = attempt(o, d, 3);\n",
        "  int n = 0;\n  if (!d)\n    n = 1;\n  else\n    n = attempt(o, d, 3);\n",
        "  int n = 0;\n  if (!d) {\n  } else if ((n = attempt(o, d, 3)) > 0)\n    return n;\n",
        "  int n =\n    attempt(o, d, 3);\n",
        "  int n = 0; n = attempt(o, d, 3);\n",
        "  int n = d ? attempt(o, d, 3) : 0;\n",
        "  int n = 0;\n  if (touch(o), (n = attempt(o, d, 3)) > 0)\n    return n;\n",
        "  int n;\n  for (n = 0; n < 3;\n       n = attempt(o, d, 3))\n    continue;\n",
        "  int n;\n  do\n    n = attempt(o, d, 3);\n  while (n > 0);\n",
        "  int n = 0;\n  switch (n) { case 0: n = attempt(o, d, 3); }\n",
    ],
)
def test_where_no_statement_can_stand_the_fix_is_withheld(bench: Bench, statement: str) -> None:
    text = "int f(object *o, char *d) {\n" + statement + f"  {FAIL}\n}}\n"
    (item,) = (item for item in bench.check(text) if item.rule == "spoilt")
    assert item.fixes[0].withheld is not None
