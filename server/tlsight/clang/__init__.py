"""What clang knows about a text, as facts by byte offset; the sole user of libclang.

A missing fact is unknown, never absence. Structure is not this layer's: syntax reads it.
"""

from tlsight.clang.flags import Command, find_command, language_of
from tlsight.clang.index import HEADERS, HeaderIndex
from tlsight.clang.parse import ClangFailed, Session

__all__ = [
    "HEADERS",
    "ClangFailed",
    "Command",
    "HeaderIndex",
    "Session",
    "find_command",
    "language_of",
]
