"""Who owns what: `[resource.ID]` of a library page, as a resource and one binding for each form.

A form is one deed on one object, so that a call which does two things is stated twice.
"""

from __future__ import annotations

from collections.abc import Iterator

from tlsight.rule import Binding, Form, Resource
from tlsight.rulebook.forms import BadForm, read_form
from tlsight.rulebook.table import Table

IT = "it"
"""The slot of the object."""
OUT = "out"
"""The slot that points to where the object is put."""
INTO = "into"
"""The same, where an object that is there already is used again."""
BY = "by"
"""The slot of the object that takes it, if it is released with that."""

_LISTS = {
    "made": ("make", ""),
    "lent": ("lend", ""),
    "released": ("release", ""),
    "taken": ("take", ""),
    "taken-on-success": ("take", "> 0"),
    "shared": ("share", ""),
    "kept": ("keep", ""),
    "passed": ("pass", ""),
}
"""The lists of forms, the deed of each, and when it is done if not always."""
_KIND = "object"


def read_resource(library: str, name: str, table: Table) -> tuple[Resource, tuple[Binding, ...]]:
    """One resource, and what the forms of its lists do to such an object."""
    kind = table.text("kind", _KIND)
    ok = table.text("ok", "> 0")
    bindings: list[Binding] = []
    for word, (deed, when) in _LISTS.items():
        for form in _forms(table, word, deed):
            bindings.append(
                Binding(
                    id=f"{name}-{word}-{len(bindings)}",
                    roles=(f"{deed}-{kind}",),
                    forms=(form,),
                    library=library,
                    ok=ok if when or (deed == "make" and _has(form, OUT)) else "",
                    deed=deed,
                    resource=name,
                    place=table.place(word),
                )
            )
    releases = (item.forms[0] for item in bindings if item.deed == "release")
    release = next((form for form in releases if len(form.slots) == 1 and _has(form, IT)), None)
    resource = Resource(name, kind, table.texts("types"), release, table.place())
    table.end()
    return resource, tuple(bindings)


def _forms(table: Table, word: str, deed: str) -> Iterator[Form]:
    for text in table.texts(word):
        try:
            form = read_form(text)
        except BadForm as error:
            table.complain(str(error), word, text)
            continue
        if deed not in ("make", "lend") and not _has(form, IT):
            table.complain(f"'{text}' has no slot '{IT}' for the object", word, text)
            continue
        yield form


def _has(form: Form, name: str) -> bool:
    return any(slot.name == name for slot in form.slots)
