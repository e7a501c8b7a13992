"""What a text says of functions that do not return, and which names are assertions."""

from __future__ import annotations

import pytest

from tlsight.ir import Act, Function
from tlsight.syntax import Hints, parse, read
from tlsight.syntax.leaving import is_assertion

CALLED = "int f(int *p) { if (!p) stop(1); return *p; }"
DECLARED = (
    "void stop(int) __attribute__((noreturn));",
    "__attribute__((noreturn)) void stop(int);",
    "[[noreturn]] void stop(int);",
    "_Noreturn static void stop(int);",
    "extern void stop(int) ATTR_NORETURN;",
    "PRINTF_LIKE(1, 2) NO_RETURN void stop(int, ...);",
    "static void stop(int) MY_NORETURN; static void stop(int n) { for (;;) n++; }",
)
NOT_DECLARED = (
    "void stop(int);",
    "/* it is no noreturn function */ void stop(int);",
    "#define NORETURN __attribute__((noreturn))\nvoid stop(int);",
    "void leave(int) NORETURN; void stop(int);",
    'const char *text = "noreturn"; void stop(int);',
)


def lowered(text: str) -> Function:
    """The function `f` of a text."""
    module = read(parse(text.encode(), "cpp", Hints()), Hints())
    return next(function for function in module.functions if function.name == "f")


def comes_back(function: Function) -> bool:
    """Whether a step follows the call of `stop`."""
    call = next(node for node in function.nodes if node.act is Act.EVALUATE)
    return bool(call.next)


@pytest.mark.parametrize("declaration", DECLARED)
def test_a_way_ends_where_an_attribute_says_so(declaration: str) -> None:
    assert not comes_back(lowered(f"{declaration}\n{CALLED}"))


@pytest.mark.parametrize("declaration", NOT_DECLARED)
def test_what_is_said_of_others_or_in_passing_ends_no_way(declaration: str) -> None:
    assert comes_back(lowered(f"{declaration}\n{CALLED}"))


@pytest.mark.parametrize(
    "name", ["assert", "i_assert", "tt_assert", "my_assert_non_null", "ASSERT"]
)
def test_names_of_assertions(name: str) -> None:
    assert is_assertion(name, 1)
    assert not is_assertion(name, 2)


@pytest.mark.parametrize("name", ["g_return_if_fail", "g_return_val_if_fail"])
def test_one_that_leaves_is_handed_what_that_yields(name: str) -> None:
    assert is_assertion(name, 1)
    assert is_assertion(name, 2)


@pytest.mark.parametrize("name", ["assert_null", "assert_int_equal", "asserted", "reassert_key"])
def test_other_names_are_none(name: str) -> None:
    assert not is_assertion(name, 1)


def test_past_an_assertion_it_holds() -> None:
    function = lowered("int f(int *p) { my_assert(p != 0); return *p; }")
    test = next(node for node in function.nodes if node.act is Act.TEST)

    assert [edge.when for edge in test.next] == [True]
