"""Every example of every rule page is a test; the pages are the test suite of the rules."""

from __future__ import annotations

import pytest

from pages import (
    INDEX,
    MANUAL,
    SNAPSHOTS,
    Block,
    analyst,
    blocks,
    disagreement,
    fixes,
    found,
    index,
    mended,
    others,
    own,
    rulebook,
)
from tlsight.finding import Proof


def each(*kinds: str) -> pytest.MarkDecorator:
    """All blocks of these kinds; those of one page run in one process, which keeps the findings."""
    return pytest.mark.parametrize(
        "block",
        [
            pytest.param(block, id=str(block), marks=pytest.mark.xdist_group(block.rule))
            for block in blocks(*kinds)
        ],
    )


def each_rule() -> pytest.MarkDecorator:
    """All properties."""
    return pytest.mark.parametrize(
        "rule",
        [pytest.param(rule, marks=pytest.mark.xdist_group(rule)) for rule in rulebook().properties],
    )


def test_pages_have_no_problems() -> None:
    """The loader has nothing to say about our own pages."""
    assert [] == [str(problem) for problem in rulebook().problems]


@each("bad", "good", "fixed")
def test_carets_are_exact_with_facts(block: Block) -> None:
    """With clang's facts the page's rule says what its carets say, or the page says why not."""
    wrong = disagreement(block, facts=True)

    if block.only == "syntax-only":
        assert wrong, f"{block.example.place}: it holds with facts too"
    else:
        assert not wrong, f"{block.example.place}:\n{wrong}"


@each("bad", "good", "fixed")
def test_carets_are_exact_by_syntax(block: Block) -> None:
    """By syntax alone the page's rule says what its carets say, or the page says why not."""
    wrong = disagreement(block, facts=False)

    if block.only == "facts-only":
        assert wrong, f"{block.example.place}: it holds by syntax alone too"
    else:
        assert not wrong, f"{block.example.place}:\n{wrong}"


@each("good", "fixed")
def test_right_code_is_silent_under_all_rules(block: Block) -> None:
    """No other rule finds fault with what a page recommends."""
    for facts in (True, False):
        foreign = [item for item in found(block, facts) if item.rule != block.rule]

        assert [] == [f"{item.rule}: {item.message}" for item in foreign], block.example.place


@each("bad")
def test_fixed_is_bad_with_the_fix_applied(block: Block) -> None:
    """Each *fixed* block equals, to the letter, what the fixes make of the *bad* one."""
    for number, fixed in enumerate(block.fixed):
        assert fixed.text == mended(block, number), fixed.place


@each("bad")
def test_fixes_are_proven(block: Block) -> None:
    """Each fix of a *bad* block is proven, except where the page says that clang cannot read it."""
    expected = Proof.UNPROVEN if "unproven" in block.example.options else Proof.PROVEN
    most = max((len(finding.fixes) for finding in own(block, facts=True)), default=0)
    for number in range(most):
        for finding, fix in fixes(block, number):
            proof = analyst().prove(block.path, block.data, finding, fix)

            assert expected == proof, f"{block.example.place}: {fix.title}"


@each_rule()
def test_what_other_rules_say_is_reviewed(rule: str) -> None:
    """Findings of other rules in *bad* blocks are those of the snapshot (`tests/pages.py`)."""
    file = SNAPSHOTS / f"{rule}.txt"

    assert (file.read_text() if file.exists() else "") == others(rule)


@each_rule()
def test_every_binding_library_has_examples(rule: str) -> None:
    """Each library that binds a role of a property has *bad* and *good*, and *fixed* if mended."""
    found_property = rulebook().properties[rule]
    roles = {role for check in found_property.checks for role in check.roles}
    for library in rulebook().libraries.values():
        if not any(roles & set(binding.roles) for binding in library.bindings):
            continue
        here = [item for item in blocks("bad", "good", "fixed") if item.rule == rule]
        here = [item for item in here if item.example.library == library.id]
        kinds = {item.example.kind for item in here}
        mends = any(fixes(item, 0) for item in here if item.example.kind == "bad")

        assert {"bad", "good", *(("fixed",) if mends else ())} <= kinds, f"{rule}: {library.id}"


def test_properties_have_examples() -> None:
    """A property that binds to no library, such as one over string literals, has examples too."""
    for rule in rulebook().properties.values():
        assert {"bad", "good"} <= {example.kind for example in rule.examples}, rule.id


def test_the_index_of_the_manual_is_that_of_the_pages() -> None:
    """The list of rules at the end of `rules/README.md` is renewed with the snapshots."""
    assert index() == "".join(MANUAL.read_text().partition(INDEX)[1:])


def test_no_snapshot_is_left_over() -> None:
    """Every snapshot belongs to a page."""
    names = {file.stem for file in SNAPSHOTS.glob("*.txt")}

    assert set() == names - set(rulebook().properties)
