"""The functions of libclang that tlsight calls, bound as raw `ctypes` prototypes.

The Python binding of the wheel builds a dozen objects for every cursor; a callback on bare structs
visits a file thirty times faster. The wheel's version is pinned, so its numbers are written here.
This module knows how to call, not what an answer means.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Pointer = ctypes.c_void_p
_NAMES = {"darwin": "libclang.dylib", "win32": "libclang.dll"}


class LibclangMissing(Exception):
    """The libclang of the wheel is not there or cannot be loaded."""


class Cursor(ctypes.Structure):
    """`CXCursor`; `d0` is the declaration, `d1` the statement or expression."""

    _fields_ = (
        ("kind", ctypes.c_int),
        ("xdata", ctypes.c_int),
        ("d0", Pointer),
        ("d1", Pointer),
        ("d2", Pointer),
    )


class Location(ctypes.Structure):
    """`CXSourceLocation`."""

    _fields_ = (("p0", Pointer), ("p1", Pointer), ("data", ctypes.c_uint))


class Range(ctypes.Structure):
    """`CXSourceRange`."""

    _fields_ = (
        ("p0", Pointer),
        ("p1", Pointer),
        ("begin", ctypes.c_uint),
        ("end", ctypes.c_uint),
    )


class RangeList(ctypes.Structure):
    """`CXSourceRangeList`."""

    _fields_ = (("count", ctypes.c_uint), ("ranges", ctypes.POINTER(Range)))


class Text(ctypes.Structure):
    """`CXString`."""

    _fields_ = (("data", Pointer), ("flags", ctypes.c_uint))


class Type(ctypes.Structure):
    """`CXType`."""

    _fields_ = (("kind", ctypes.c_int), ("p0", Pointer), ("p1", Pointer))


class UnsavedFile(ctypes.Structure):
    """`CXUnsavedFile`."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("contents", ctypes.c_char_p),
        ("length", ctypes.c_ulong),
    )


VISITOR = ctypes.CFUNCTYPE(ctypes.c_int, Cursor, Cursor, Pointer)
INCLUSION_VISITOR = ctypes.CFUNCTYPE(
    None, Pointer, ctypes.POINTER(Location), ctypes.c_uint, Pointer
)
CONTINUE = 1
RECURSE = 2

_UINT = ctypes.c_uint
_INT = ctypes.c_int
_OUT = ctypes.c_void_p

_PROTOTYPES: dict[str, tuple[Any, ...]] = {
    # name: result, arguments
    "getClangVersion": (Text,),
    "createIndex": (Pointer, _INT, _INT),
    "disposeIndex": (None, Pointer),
    "parseTranslationUnit2": (
        (_INT, Pointer, ctypes.c_char_p, _OUT, _INT, _OUT, _UINT, _UINT, ctypes.POINTER(Pointer))
    ),
    "reparseTranslationUnit": (_INT, Pointer, _UINT, _OUT, _UINT),
    "disposeTranslationUnit": (None, Pointer),
    "getTranslationUnitCursor": (Cursor, Pointer),
    "visitChildren": (_UINT, Cursor, VISITOR, Pointer),
    "getInclusions": (None, Pointer, INCLUSION_VISITOR, Pointer),
    "getFile": (Pointer, Pointer, ctypes.c_char_p),
    "getFileName": (Text, Pointer),
    "getFileTime": (ctypes.c_long, Pointer),
    "getFileContents": (Pointer, Pointer, Pointer, ctypes.POINTER(ctypes.c_size_t)),
    "getSkippedRanges": (ctypes.POINTER(RangeList), Pointer, Pointer),
    "disposeSourceRangeList": (None, ctypes.POINTER(RangeList)),
    "getNumDiagnostics": (_UINT, Pointer),
    "getDiagnostic": (Pointer, Pointer, _UINT),
    "disposeDiagnostic": (None, Pointer),
    "getDiagnosticSeverity": (_INT, Pointer),
    "getDiagnosticSpelling": (Text, Pointer),
    "getDiagnosticLocation": (Location, Pointer),
    "getCursorLocation": (Location, Cursor),
    "getCursorExtent": (Range, Cursor),
    "getRangeStart": (Location, Range),
    "getRangeEnd": (Location, Range),
    "getFileLocation": (None, Location, _OUT, _OUT, _OUT, _OUT),
    "Location_isFromMainFile": (_INT, Location),
    "getCursorReferenced": (Cursor, Cursor),
    "getCursorDefinition": (Cursor, Cursor),
    "getCanonicalCursor": (Cursor, Cursor),
    "getCursorSemanticParent": (Cursor, Cursor),
    "getCursorSpelling": (Text, Cursor),
    "getCursorType": (Type, Cursor),
    "getCursorResultType": (Type, Cursor),
    "isInvalidDeclaration": (_UINT, Cursor),
    "Cursor_isInlineNamespace": (_UINT, Cursor),
    "Cursor_getNumArguments": (_INT, Cursor),
    "Cursor_getArgument": (Cursor, Cursor, _UINT),
    "Cursor_Evaluate": (Pointer, Cursor),
    "EvalResult_getKind": (_INT, Pointer),
    "EvalResult_isUnsignedInt": (_UINT, Pointer),
    "EvalResult_getAsLongLong": (ctypes.c_longlong, Pointer),
    "EvalResult_getAsUnsigned": (ctypes.c_ulonglong, Pointer),
    "EvalResult_dispose": (None, Pointer),
    "EnumDecl_isScoped": (_UINT, Cursor),
    "getEnumConstantDeclValue": (ctypes.c_longlong, Cursor),
    "getCString": (ctypes.c_char_p, Text),
    "disposeString": (None, Text),
    "getTypeSpelling": (Text, Type),
    "getTypeDeclaration": (Cursor, Type),
    "getCanonicalType": (Type, Type),
    "getPointeeType": (Type, Type),
    "getArrayElementType": (Type, Type),
    "getNumArgTypes": (_INT, Type),
    "getArgType": (Type, Type, _UINT),
    "getResultType": (Type, Type),
    "isConstQualifiedType": (_UINT, Type),
}


class Libclang:
    """The loaded library: each function of `_PROTOTYPES` as an attribute, without `clang_`."""

    def __init__(self, path: Path) -> None:
        """Effect: load the library at `path`."""
        try:
            self._library = ctypes.CDLL(str(path))
            for name, (result, *arguments) in _PROTOTYPES.items():
                function = getattr(self._library, f"clang_{name}")
                function.restype = result
                function.argtypes = arguments
                setattr(self, name, function)
        except (OSError, AttributeError) as error:
            raise LibclangMissing(f"cannot load libclang from {path}: {error}") from error
        self.path = path

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Only reached for a function that was not bound."""
        raise AttributeError(f"libclang's clang_{name} is not bound in {__name__}")

    def text(self, text: Text) -> str:
        """The characters of a `CXString`, which is disposed of."""
        value: bytes | None = self.getCString(text)
        result = value.decode(errors="replace") if value else ""
        self.disposeString(text)
        return result

    @property
    def version(self) -> str:
        """As libclang states it."""
        return self.text(self.getClangVersion())


@functools.cache
def load() -> Libclang:
    """Effect: load the libclang of the wheel, once."""
    spec = importlib.util.find_spec("clang")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder, "native", _NAMES.get(sys.platform, "libclang.so"))
        if path.is_file():
            return Libclang(path)
    raise LibclangMissing(
        "the package 'libclang' is not installed, or has no library for this machine"
    )


class Kind:
    """`CXCursorKind` of libclang 18."""

    STRUCT = 2
    UNION = 3
    CLASS = 4
    ENUM = 5
    FIELD = 6
    ENUMERATOR = 7
    FUNCTION = 8
    VARIABLE = 9
    PARAMETER = 10
    TYPEDEF = 20
    METHOD = 21
    NAMESPACE = 22
    LINKAGE = 23
    CONSTRUCTOR = 24
    DESTRUCTOR = 25
    CONVERSION = 26
    TYPE_PARAMETER = 27
    FUNCTION_TEMPLATE = 30
    CLASS_TEMPLATE = 31
    PARTIAL_SPECIALIZATION = 32
    TYPE_ALIAS = 36
    TYPE_REF = 43
    BASE = 44
    TEMPLATE_REF = 45
    NAMESPACE_REF = 46
    MEMBER_REF = 47
    VARIABLE_REF = 50
    FIRST_INVALID = 70
    LAST_INVALID = 73
    UNEXPOSED_EXPRESSION = 100
    DECLARATION_REF_EXPRESSION = 101
    MEMBER_REF_EXPRESSION = 102
    CALL = 103
    INTEGER = 106
    FLOATING = 107
    CHARACTER = 110
    PARENTHESES = 111
    UNARY = 112
    BINARY = 114
    CONDITIONAL = 116
    C_CAST = 117
    STATIC_CAST = 124
    FUNCTIONAL_CAST = 128
    BOOLEAN = 130
    NEW = 134
    SIZEOF = 136
    LAMBDA = 144
    COMPOUND = 202
    TRY = 224
    TRANSLATION_UNIT = 350
    MACRO_DEFINITION = 501
    MACRO_EXPANSION = 502


class TypeKind:
    """`CXTypeKind` of libclang 18."""

    DEPENDENT = 26
    POINTER = 101
    L_REFERENCE = 103
    R_REFERENCE = 104
    RECORD = 105
    ARRAYS = (112, 114, 115, 116)
    INTEGERS = frozenset((*range(3, 21), 106))


class Option:
    """`CXTranslationUnit_Flags` of libclang 18."""

    PREPROCESSING_RECORD = 0x01
    PREAMBLE = 0x04
    SKIP_BODIES = 0x40
    PREAMBLE_ON_FIRST_PARSE = 0x100
    KEEP_GOING = 0x200
    SKIP_BODIES_OF_PREAMBLE = 0x800
