"""What preprocessor conditions say of the library that code is compiled against.

Code keeps branches for releases long gone (`#if LIB_VERSION < 0x10100000L`). Whether a condition
settles that is read from its text: comparisons of the library's own macro with numbers, and what
`&&`, `||`, `!` and brackets make of them. Everything else in it may hold or not.
Others are for libraries that were built without something (`#ifdef LIB_NO_SHA256`): the code takes
what is left. So it does under `#if !HAVE_NAME`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache

from tlsight.ir import Tag
from tlsight.rule import Releases

_OPERATORS = {"&&": " and ", "||": " or ", "!": " not "}
_TOKEN = re.compile(r"0[xX][0-9a-fA-F]+|\d+|[A-Za-z_]\w*|&&|\|\||[<>=!]=|[!<>(),]")
_DEFINED = re.compile(r"defined\((\w+)\)")
_FOUND = re.compile(r"(?:defined\()?HAVE_(?:DECL_)?(\w+?)\)?")
_LONGEST = 1000
_DENIED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}
_FLIPPED = {ast.Lt: ast.Gt, ast.Gt: ast.Lt, ast.LtE: ast.GtE, ast.GtE: ast.LtE, ast.Eq: ast.Eq}


def is_before(tags: Sequence[Tag], releases: Releases, release: str) -> bool:
    """Whether a place under these conditions is only ever compiled for releases before one."""
    limit = releases.numbers.get(release)
    if limit is None or not tags:
        return False
    return any(
        _implies(tree, tag.holds, releases, limit)
        for tag in tags
        if releases.macro in tag.condition and (tree := _tree(tag.condition)) is not None
    )


def is_from(tags: Sequence[Tag], releases: Releases, release: str) -> bool:
    """Whether a place under these conditions is only ever compiled for a release and later ones."""
    limit = releases.numbers.get(release)
    if limit is None or not tags:
        return False
    return any(
        _implies(tree, tag.holds, releases, limit, later=True)
        for tag in tags
        if releases.macro in tag.condition and (tree := _tree(tag.condition)) is not None
    )


def is_cut_down(tags: Sequence[Tag], libraries: Iterable[Releases]) -> bool:
    """Whether a place is only compiled with a library that lacks something better."""
    defined = [
        match[1] for tag in tags if tag.holds and (match := _DEFINED.fullmatch(tag.condition))
    ]
    return bool(defined) and any(
        re.fullmatch(releases.cut_down, name)
        for releases in libraries
        if releases.cut_down
        for name in defined
    )


def is_without(tags: Sequence[Tag], name: str) -> bool:
    """Whether a place is only compiled where a search before the build has not found a function.

    Autoconf and its like say with `HAVE_NAME` that it is there.
    """
    found = (_FOUND.fullmatch(tag.condition) for tag in tags if not tag.holds)
    return any(match is not None and match[1].lower() == name.lower() for match in found)


def lacks(tags: Sequence[Tag], names: Collection[str]) -> bool:
    """Whether a place is only compiled where the library does not define one of some names."""
    missing = (_DEFINED.fullmatch(tag.condition) for tag in tags if not tag.holds)
    return any(match is not None and match[1] in names for match in missing)


@lru_cache(maxsize=1024)
def _tree(condition: str) -> ast.expr | None:
    """A condition as an expression of Python, which has the same precedence; None if it is none."""
    if len(condition) > _LONGEST:
        return None
    text = re.sub(r"\b(0[xX][0-9a-fA-F]+|\d+)[uUlL]+\b", r"\1", condition)
    text = re.sub(r"\bdefined\s*\(\s*(\w+)\s*\)|\bdefined\s+(\w+)", r"defined_\1\2", text)
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != re.sub(r"\s", "", text):
        return None
    try:
        return ast.parse(
            "".join(_OPERATORS.get(item, item) for item in tokens).strip(), mode="eval"
        ).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _implies(
    tree: ast.expr, holds: bool, releases: Releases, limit: int, *, later: bool = False
) -> bool:
    """Whether the release is below `limit` wherever the condition holds, or does not.

    `later`: whether it is that or above.
    """
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not):
        return _implies(tree.operand, not holds, releases, limit, later=later)
    if isinstance(tree, ast.BoolOp):
        parts = (_implies(part, holds, releases, limit, later=later) for part in tree.values)
        return any(parts) if isinstance(tree.op, ast.And) == holds else all(parts)
    if isinstance(tree, ast.Compare) and len(tree.ops) == 1:
        lowest, highest = _bounds(tree, holds, releases)
        if later:
            return lowest is not None and lowest >= limit
        return highest is not None and highest < limit
    return False


def _bounds(tree: ast.Compare, holds: bool, releases: Releases) -> tuple[int | None, int | None]:
    """The lowest and the highest number that the macro has where a comparison holds, or does not.

    None: any.
    """
    left, right, operator = tree.left, tree.comparators[0], type(tree.ops[0])
    if isinstance(right, ast.Name) and right.id == releases.macro and operator in _FLIPPED:
        left, right, operator = right, left, _FLIPPED[operator]
    if not isinstance(left, ast.Name) or left.id != releases.macro:
        return None, None
    number = _number(right, releases)
    if number is None:
        return None, None
    if not holds:
        operator = _DENIED.get(operator, operator)
    lowest = {ast.Gt: number + 1, ast.GtE: number, ast.Eq: number}.get(operator)
    highest = {ast.Lt: number - 1, ast.LtE: number, ast.Eq: number}.get(operator)
    return lowest, highest


def _number(tree: ast.expr, releases: Releases) -> int | None:
    if isinstance(tree, ast.Constant) and isinstance(tree.value, int):
        return tree.value
    if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name):
        return None
    shifts = releases.packed.get(tree.func.id, ())
    parts = [_number(item, releases) for item in tree.args]
    if not shifts or len(parts) != len(shifts):
        return None
    return sum(part << shift for part, shift in zip(parts, shifts, strict=True) if part is not None)
