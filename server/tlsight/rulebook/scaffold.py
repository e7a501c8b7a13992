"""The pages that `tlsight new` writes: complete, readable by `load`, and easy to change.

Each shows every part of a page once; what must be changed says so. Files are the caller's affair.
"""

from __future__ import annotations

from string import Template

_RULE = Template("""\
# $name

**In one sentence: what is wrong.**

```toml
severity = "warning"
cwe = []
kind = "argument"
message = "{call} is called"

[[check]]
roles = ["$name"]
```

Why it is bad, in a few sentences.

## Fix

What to do instead.

## $library

```c bad
void f(void) {
    example_call();
//  ^^^^^^^^^^^^^^ $name: example_call is called
}
```

```c good
void f(void) {
    example_other_call();
}
```
""")

_LIBRARY = Template("""\
# $title

What the library is, and which releases this page is about.

```toml
[call.$role]
forms = ["example_call()"]
note = "what it means here"
```

## Declarations

```c header=$name.h
void example_call(void);
void example_other_call(void);
```
""")


def new_rule(name: str, library: str = "Example") -> str:
    """A property page; `library` is the title of the library page that binds its role."""
    return _RULE.substitute(name=name, library=library)


def new_library(name: str, title: str = "", role: str = "example-role") -> str:
    """A library page that binds one role."""
    return _LIBRARY.substitute(name=name, title=title or name, role=role)
