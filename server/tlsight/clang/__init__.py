"""The reader that says what code means: compile commands, libclang, and facts.

Nothing above this package knows libclang, and nothing in it knows the intermediate form.
"""

from tlsight.clang.flags import Command, find_command, language_of
from tlsight.clang.index import HeaderIndex
from tlsight.clang.parse import ClangFailed, Session

__all__ = ["ClangFailed", "Command", "HeaderIndex", "Session", "find_command", "language_of"]
