"""Facts over edits: what holds of a new text, and what clang has to be asked again."""

from __future__ import annotations

from tlsight.carry import by_body, carried, changed_region, merged, read_before
from tlsight.facts import CallFact, Facts, MacroFact, NameFact
from tlsight.text import Span

OLD = b"void f() { kind::thing.call(1); }\nvoid g() { other(); }\n"
F, G = Span(9, 33), Span(43, 55)


def fact(name: str) -> NameFact:
    return NameFact(name, "function", "void ()")


def test_an_edit_reaches_to_the_end_of_its_chain() -> None:
    new = OLD.replace(b"kind", b"king")
    region, moved = changed_region(OLD, new)

    assert OLD[region.start : region.end] == b"kind::thing.call"
    assert moved == 0


def test_what_a_changed_name_qualifies_is_unknown() -> None:
    facts = Facts(
        names={OLD.index(b"call"): fact("kind::call"), OLD.index(b"other"): fact("other")},
        calls={OLD.index(b"call"): CallFact("kind::call", "void")},
    )
    new = OLD.replace(b"kind", b"ki)nd")
    kept = carried(facts, OLD, new)

    assert kept.names == {new.index(b"other"): fact("other")}
    assert kept.calls == {}


def test_only_bodies_that_were_read_to_the_letter_are_known() -> None:
    new = OLD.replace(b"call(1)", b"call(12)")
    facts = Facts(read=(F, G))

    assert read_before(facts, OLD, OLD) == {F, G}
    assert read_before(facts, OLD, new) == {Span(G.start + 1, G.end + 1)}
    assert read_before(Facts(broken=(F, G)), OLD, new) == frozenset()


def test_a_body_that_clang_ran_past_is_not_read() -> None:
    whole = Span(F.start, G.end)

    assert by_body(Facts(broken=(whole,)), (F, G)).broken == (F, G)
    assert by_body(Facts(read=(whole,)), (F, G)).broken == (F, G)
    assert by_body(Facts(read=(F,)), (F, G)) == Facts(read=(F,))


def test_facts_stay_where_clang_cannot_read() -> None:
    kept = Facts(names={20: fact("in f"), 46: fact("in g")}, read=(F, G))
    broken = merged(kept, Facts(broken=(F,)), (F,))
    hidden = merged(kept, Facts(), (F,))
    read = merged(kept, Facts(read=(F,)), (F,))

    assert broken.names == hidden.names == kept.names
    assert read.names == {46: fact("in g")}
    assert (broken.read, broken.broken) == ((G,), (F,))


def test_no_fact_stays_where_the_declarations_around_have_changed() -> None:
    kept = Facts(names={20: fact("in f")}, read=(F,))

    assert merged(kept, Facts(broken=(F,)), None) == Facts(broken=(F,))


def test_a_macro_keeps_its_value_for_as_long_as_its_definition() -> None:
    number, use = MacroFact(None, "BIT(7)", 128), MacroFact(None, "BIT(7)")

    assert merged(Facts(macros={"M": number}), Facts(macros={"M": use}), ()).macros["M"] == number
    assert merged(Facts(macros={"M": use}), Facts(macros={"M": number}), ()).macros["M"] == number
    assert merged(Facts(macros={"M": number}), Facts(macros={"M": use}), None).macros["M"] == use
