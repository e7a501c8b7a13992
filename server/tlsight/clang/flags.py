"""How a file is compiled, as far as its meaning depends on it, found where clangd finds it.

A compile database is written by whoever wrote the folder, so it is data and never a command: only
flags that are known to shape the meaning of the text are kept, everything else is left out, with a
reason where somebody should know. Nothing named in it is run or loaded, no response file outside
the folder is read, and no flag that writes a file survives.
This module knows no library; the usual include folders are given to it.
"""

from __future__ import annotations

import functools
import glob
import itertools
import json
import os
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

DATABASE = "compile_commands.json"
FLAGS = "compile_flags.txt"

_LARGEST_DATABASE = 512 << 20
_LARGEST_RESPONSE = 1 << 20
_LARGEST_SOURCE = 2 << 20
_DEEPEST_RESPONSE = 8
_MOST_ARGUMENTS = 50_000
_MOST_SOURCES = 400
_MOST_PROBLEMS = 10

_C_SUFFIXES = frozenset((".c",))
_HEADER_SUFFIXES = frozenset(
    (".h", ".hh", ".hpp", ".hxx", ".h++", ".inc", ".inl", ".ipp", ".tcc", "")
)
_CPP_TEXT = re.compile(
    rb"^[ \t]*(?:class\s+\w|template\s*<|namespace\b|using\s+\w|(?:public|private|protected)\s*:"
    rb"|#\s*include\s*<[a-z_]+>|#\s*include\s*<[A-Z]\w*(?:/\w+)?>)"
    rb"|\b(?:constexpr|nullptr|virtual|decltype|static_cast|noexcept)\b|\w::\w|\w&&?\s+\w+[,)]",
    re.MULTILINE,
)
_CPP20_TEXT = re.compile(
    rb"\b(?:co_(?:await|return|yield)|consteval|constinit|concept|requires)\b|<=>"
    rb"|#\s*include\s*<(?:bit|compare|concepts|coroutine|format|numbers|ranges|source_location|span"
    rb"|stop_token|barrier|latch|semaphore)>|\bstd::span\b"
)


@dataclass(frozen=True)
class Command:
    """The flags for one file. `arguments` name neither a compiler nor the file itself."""

    arguments: tuple[str, ...]
    directory: str
    origin: str
    """database, flags, borrowed or default."""
    language: str
    """c or cpp."""
    problems: tuple[str, ...] = ()
    """What is wrong with the place the flags come from, and what was refused and why."""
    dropped: tuple[str, ...] = ()
    """Flags without a bearing on the meaning of the text: warnings, code generation, outputs."""
    source: str = ""
    """The file that the flags come from; '' for the default."""


def find_command(
    path: Path,
    *,
    build: Path | None,
    root: Path | None,
    data: bytes,
    include_folders: Sequence[str] = (),
) -> Command:
    """Effect: find how `path` is compiled, in the manner of clangd; it never fails.

    A database is looked for in `build`, else in each folder upwards (to `root`) and its `build*`
    children; then `compile_flags.txt`. A file that a database does not list borrows the flags of
    the nearest entry, a header those of a source that includes it. `include_folders` (globs) are
    searched last, where they exist.
    """
    path = path.absolute()
    problems: list[str] = []
    found = _database_of(path, build, root, problems)
    if found is None:
        return _default(path, data, include_folders, problems)
    if found.name == FLAGS:
        return _from_flags(found, path, root, data, include_folders, problems)
    database = _load(found, problems)
    entry = database.entry(path)
    origin = "database"
    if entry is None:
        entry, origin = _nearest(database, path, data), "borrowed"
    if entry is None:
        return _default(path, data, include_folders, problems)
    arguments = _arguments(entry, problems)
    if not arguments:
        return _default(path, data, include_folders, problems)
    trusted = tuple(folder for folder in (root or found.parent, build) if folder is not None)
    language = language_of(path, data) if origin == "database" else None
    return _command(
        arguments,
        directory=entry.directory,
        origin=origin,
        language=language or _borrowed_language(entry, path, data),
        inside=trusted,
        include_folders=include_folders,
        problems=problems,
        source=str(found),
    )


def language_of(path: Path, data: bytes = b"") -> str:
    """`c` or `cpp`, by the file's suffix; a header's text tells."""
    suffix = path.suffix.lower() if path.suffix != ".C" else ".cpp"
    if suffix in _C_SUFFIXES:
        return "c"
    if suffix == ".h":
        return "cpp" if _CPP_TEXT.search(_without_comments(data)) else "c"
    return "cpp"


def _without_comments(data: bytes) -> bytes:
    return re.sub(rb"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"", b" ", data, flags=re.DOTALL)


# Where flags come from


class Entry(NamedTuple):
    """One entry of a compile database, as it stands there."""

    directory: str
    file: str
    arguments: tuple[str, ...] | None
    command: str | None

    @property
    def path(self) -> str:
        """The absolute path of the source."""
        return _key(os.path.join(self.directory, self.file))  # noqa: PTH118 - may be foreign

    @property
    def name(self) -> str:
        """The file name, by the rules of either system."""
        return re.split(r"[\\/]", self.file)[-1]


@dataclass(frozen=True)
class _Database:
    entries: tuple[Entry, ...]
    problems: tuple[str, ...]
    by_path: dict[str, Entry] = field(default_factory=dict, compare=False)

    def entry(self, path: Path) -> Entry | None:
        """Effect: the entry of a file, through symbolic links if need be."""
        found = self.by_path.get(_key(str(path)))
        if found is not None:
            return found
        real = os.path.realpath(path)
        for entry in self.entries:
            if entry.name == path.name and os.path.realpath(entry.path) == real:
                return entry
        return None


def _key(path: str) -> str:
    return os.path.normcase(os.path.normpath(path))


def _database_of(
    path: Path, build: Path | None, root: Path | None, problems: list[str]
) -> Path | None:
    """Effect: the nearest database or file of flags."""
    if build is not None:
        given = build if build.name in (DATABASE, FLAGS) else build / DATABASE
        if given.is_file():
            return given.absolute()
        problems.append(f"there is no {DATABASE} in {build}")
    for folder in _upwards(path, root):
        for candidate in (folder / DATABASE, *_build_folders(folder), folder / FLAGS):
            if candidate.is_file():
                return candidate
    return None


def _upwards(path: Path, root: Path | None) -> Iterator[Path]:
    last = root.absolute() if root is not None else None
    for folder in path.parents:
        yield folder
        if folder == last:
            return


def _build_folders(folder: Path) -> list[Path]:
    """Effect: the databases in the `build*` children of a folder."""
    try:
        children = sorted(
            item.path
            for item in os.scandir(folder)
            if item.name.startswith("build") and item.is_dir()
        )
    except OSError:
        return []
    return [Path(child, DATABASE) for child in children]


def _load(path: Path, problems: list[str]) -> _Database:
    """Effect: read a database, once for each state of the file."""
    try:
        state = path.stat()
        database = _parsed(str(path), state.st_mtime_ns, state.st_size)
    except OSError as error:
        problems.append(f"{path}: cannot be read: {error.strerror}")
        return _Database((), ())
    problems.extend(database.problems)
    return database


@functools.lru_cache(maxsize=8)
def _parsed(name: str, _: int, size: int) -> _Database:
    """Effect: read and check a database; every entry that is no entry is a problem."""
    if size > _LARGEST_DATABASE:
        return _Database((), (f"{name}: too large to be read ({size} bytes)",))
    try:
        content = json.loads(Path(name).read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        return _Database((), (f"{name}: is not JSON: {error}",))
    if not isinstance(content, list):
        return _Database((), (f"{name}: must be a list of entries",))
    entries: list[Entry] = []
    problems: list[str] = []
    for number, item in enumerate(content, 1):
        entry = _entry(item, str(Path(name).parent))
        if isinstance(entry, str):
            problems.append(f"{name}: entry {number}: {entry}")
        else:
            entries.append(entry)
    by_path: dict[str, Entry] = {}
    for entry in entries:
        by_path.setdefault(entry.path, entry)
    return _Database(tuple(entries), _bounded(problems), by_path)


def _bounded(problems: Sequence[str]) -> tuple[str, ...]:
    more = len(problems) - _MOST_PROBLEMS
    kept = tuple(problems[:_MOST_PROBLEMS])
    return (*kept, f"and {more} more of the kind") if more > 0 else kept


def _entry(item: Any, base: str) -> Entry | str:
    """An entry, or what is wrong with it."""
    if not isinstance(item, dict):
        return "must be a table"
    file, directory = item.get("file"), item.get("directory", base)
    if not isinstance(file, str) or not file or "\0" in file:
        return "has no 'file'"
    if not isinstance(directory, str) or "\0" in directory:
        return "'directory' must be a string"
    if not _windows_path(directory):
        directory = os.path.join(base, directory)  # noqa: PTH118
    arguments, command = item.get("arguments"), item.get("command")
    if arguments is not None:
        if not isinstance(arguments, list) or not all(isinstance(each, str) for each in arguments):
            return "'arguments' must be a list of strings"
        return Entry(directory, file, tuple(arguments), None)
    if not isinstance(command, str):
        return "has neither 'arguments' nor 'command'"
    return Entry(directory, file, None, command)


def _windows_path(path: str) -> bool:
    return re.match(r"[A-Za-z]:[\\/]|\\\\", path) is not None


def _arguments(entry: Entry, problems: list[str]) -> list[str]:
    if entry.arguments is not None:
        return list(entry.arguments)
    command = entry.command or ""
    if _windows_path(entry.directory) or _windows_path(command.lstrip('" ')):
        return _split_windows(command)
    try:
        return shlex.split(command)
    except ValueError as error:
        problems.append(f"the command of {entry.file} cannot be split: {error}")
        return command.split()


def _split_windows(command: str) -> list[str]:
    """Split a command line by the rules of Microsoft's C runtime."""
    arguments: list[str] = []
    for match in re.finditer(r'(?:[^\s"\\]|\\+"|\\+|"(?:[^"\\]|\\+"|\\+)*(?:"|$))+', command):
        word = match[0]
        pieces: list[str] = []
        for part in re.finditer(r'(\\+)"|(\\+)|"|[^"\\]+', word):
            if part[1]:
                pieces.append("\\" * (len(part[1]) // 2) + ('"' if len(part[1]) % 2 else ""))
            elif part[0] != '"':
                pieces.append(part[0])
        arguments.append("".join(pieces))
    return arguments


# Borrowing


def _nearest(database: _Database, path: Path, data: bytes) -> Entry | None:
    """Effect: the entry whose flags fit a file best that is not in the database."""
    if not database.entries:
        return None
    ranked = sorted(database.entries, key=lambda entry: _distance(entry, path, data))
    if path.suffix.lower() in _HEADER_SUFFIXES and path.suffix != ".C":
        for entry in ranked[:_MOST_SOURCES]:
            if _includes(entry.path, path.name):
                return entry
    return ranked[0]


def _distance(entry: Entry, path: Path, data: bytes) -> tuple[int, int, int, str]:
    """How far the source of an entry is from a file: another stem, language, folder."""
    theirs = re.split(r"[\\/]", entry.path)
    ours = list(path.parts)
    if os.sep == "/":
        ours[0] = ""
    common = sum(1 for _ in itertools.takewhile(_same, zip(theirs[:-1], ours[:-1], strict=False)))
    apart = len(theirs) + len(ours) - 2 - 2 * common
    same_stem = theirs[-1].partition(".")[0].lower() == path.name.partition(".")[0].lower()
    other_language = path.suffix.lower() not in _HEADER_SUFFIXES and (
        language_of(Path(theirs[-1])) != language_of(path, data)
    )
    return (int(other_language), int(not same_stem), apart, entry.path)


def _same(pair: tuple[str, str]) -> bool:
    return pair[0] == pair[1]


def _includes(source: str, name: str) -> bool:
    """Effect: whether a source has an `#include` of a header with this name."""
    try:
        with Path(source).open("rb") as stream:
            text = stream.read(_LARGEST_SOURCE)
    except (OSError, ValueError):
        return False
    pattern = (
        rb'^[ \t]*#[ \t]*include[ \t]*[<"](?:[^>"\n]*/)?' + re.escape(name.encode()) + rb'[">]'
    )
    return re.search(pattern, text, re.MULTILINE) is not None


def _borrowed_language(entry: Entry, path: Path, data: bytes) -> str:
    if path.suffix.lower() in _HEADER_SUFFIXES:
        theirs = language_of(Path(entry.name))
        return "cpp" if theirs == "cpp" or path.suffix != ".h" else language_of(path, data)
    return language_of(path, data)


# From flags to a command


def _default(
    path: Path, data: bytes, include_folders: Sequence[str], problems: list[str]
) -> Command:
    language = language_of(path, data)
    standard = "-std=gnu17" if language == "c" else "-std=gnu++17"
    if language == "cpp" and _CPP20_TEXT.search(_without_comments(data)):
        standard = "-std=gnu++20"  # not always: it takes half as long again to read
    return Command(
        (standard, "-fPIC", *_last_folders(include_folders)),
        str(path.parent),
        "default",
        language,
        tuple(problems),
    )


def _from_flags(
    found: Path,
    path: Path,
    root: Path | None,
    data: bytes,
    include_folders: Sequence[str],
    problems: list[str],
) -> Command:
    """Effect: read a `compile_flags.txt`: one flag a line."""
    try:
        text = found.read_bytes()[:_LARGEST_RESPONSE].decode(errors="replace")
    except OSError as error:
        problems.append(f"{found}: cannot be read: {error.strerror}")
        return _default(path, data, include_folders, problems)
    arguments = [line.strip() for line in text.splitlines() if line.strip()]
    return _command(
        ["clang", *arguments],
        directory=str(found.parent),
        origin="flags",
        language=language_of(path, data),
        inside=(root or found.parent,),
        include_folders=include_folders,
        problems=problems,
        source=str(found),
    )


def _last_folders(patterns: Iterable[str]) -> tuple[str, ...]:
    """Effect: the flags for those of these folders that exist."""
    folders = dict.fromkeys(
        name
        for pattern in patterns
        for name in sorted(glob.glob(pattern))  # noqa: PTH207 - patterns are absolute
        if os.path.isdir(name)  # noqa: PTH112
    )
    return tuple(part for folder in folders for part in ("-idirafter", folder))


def _command(
    arguments: Sequence[str],
    *,
    directory: str,
    origin: str,
    language: str,
    inside: Sequence[Path],
    include_folders: Sequence[str],
    problems: list[str],
    source: str,
) -> Command:
    """Effect: a command of the flags that may be kept; response files are read."""
    compiler, rest = _compiler(arguments)
    like_cl = compiler.lower() in ("cl", "clang-cl") or "--driver-mode=cl" in rest
    rest = _expanded(rest, directory, inside, like_cl, problems)
    if like_cl:
        rest = _from_cl(rest)
    elif origin == "database" and re.search(r"(?:\+\+|cpc)(?:-[\d.]+)?$", compiler):
        language = "cpp"
    reader = _Flags(rest, directory, language, problems)
    kept = reader.read()
    if not any("windows" in flag for flag in kept) or sys.platform == "win32":
        kept += _last_folders(include_folders)
    return Command(
        tuple(kept),
        reader.directory,
        origin,
        reader.language,
        tuple(problems),
        tuple(reader.dropped),
        source,
    )


_LAUNCHERS = frozenset(("ccache", "sccache", "distcc", "icecc", "gomacc", "buildcache"))


def _compiler(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """The compiler's name without folder and suffix, and the arguments after it."""
    for position, argument in enumerate(arguments):
        name = re.split(r"[\\/]", argument)[-1]
        name = name[:-4] if name.lower().endswith(".exe") else name
        if argument.startswith("-"):
            return "", list(arguments[position:])
        if name not in _LAUNCHERS:
            return name, list(arguments[position + 1 :])
    return "", []


def _expanded(
    arguments: Sequence[str],
    directory: str,
    inside: Sequence[Path],
    like_cl: bool,
    problems: list[str],
    depth: int = 0,
) -> list[str]:
    """Effect: arguments with response files inside trusted folders read and put in place."""
    result: list[str] = []
    for argument in arguments:
        if len(result) > _MOST_ARGUMENTS:
            problems.append("the command has too many arguments; the rest is left out")
            break
        if not argument.startswith("@") or len(argument) == 1:
            result.append(argument)
            continue
        text = _response(argument, directory, inside, depth, problems)
        if text is None:
            continue
        try:
            words = _split_windows(text) if like_cl else shlex.split(text)
        except ValueError as error:
            problems.append(f"'{argument}' cannot be split: {error}")
            continue
        result += _expanded(words, directory, inside, like_cl, problems, depth + 1)
    return result


def _response(
    argument: str, directory: str, inside: Sequence[Path], depth: int, problems: list[str]
) -> str | None:
    """Effect: the text of a response file; None, and a problem, if it may not be read."""
    if depth >= _DEEPEST_RESPONSE:
        problems.append(f"'{argument}' was left out: response files are nested too deeply")
        return None
    try:
        place = Path(directory, argument[1:]).resolve()
        if not any(place.is_relative_to(folder.resolve()) for folder in inside):
            problems.append(f"'{argument}' was left out: a response file outside the folder")
            return None
        if not place.is_file() or place.stat().st_size > _LARGEST_RESPONSE:
            problems.append(f"'{argument}' was left out: no readable response file of that name")
            return None
        return place.read_bytes().decode("utf-8-sig", errors="replace")
    except (OSError, ValueError, RuntimeError):
        problems.append(f"'{argument}' was left out: the response file cannot be read")
        return None


# Which flags are kept

_PATH_FLAGS = (
    "-isystem-after",
    "-cxx-isystem",
    "-isystem",
    "-iquote",
    "-idirafter",
    "-iframework",
    "-isysroot",
    "-imacros",
    "-include",
    "-I",
    "-F",
)
_FORCED = ("-include", "-imacros")
_STANDARD = re.compile(
    r"(?:gnu|c)(?:89|90|99|9x|11|1x|17|18|2x|23)"
    r"|(?:gnu|c)\+\+(?:98|03|0x|11|1y|14|1z|17|2a|20|2b|23|2c|26)"
    r"|iso9899:(?:1990|199409|199x|1999|2011|2017|2018)"
)
_MEANING = re.compile(
    r"-ansi|-pthread|-m32|-m64|-mx32|-nostdinc|-nostdinc\+\+|-nostdlibinc|-undef|-trigraphs"
    r"|-stdlib=[\w+]+|--target=[\w.-]+|-f(?:pic|PIC|pie|PIE)"
    r"|-fms-compatibility-version=[\d.]+|-fmsc-version=\d+"
    r"|-f(?:no-)?(?:exceptions|cxx-exceptions|rtti|char8_t|short-enums|short-wchar|signed-char"
    r"|unsigned-char|ms-extensions|ms-compatibility|declspec|gnu-keywords|gnu89-inline|blocks"
    r"|freestanding|hosted|builtin|operator-names|asm|sized-deallocation|aligned-allocation"
    r"|coroutines|strict-aliasing|wrapv)"
)
_SEPARATE = frozenset(
    (
        "-o",
        "-MF",
        "-MT",
        "-MQ",
        "-MJ",
        "-Xlinker",
        "-Xassembler",
        "-Xpreprocessor",
        "-Xanalyzer",
        "-Xarch_host",
        "-mllvm",
        "-T",
        "-z",
        "-u",
        "-e",
        "-L",
        "-l",
        "-A",
        "-G",
        "-B",
        "-b",
        "-V",
        "-wrapper",
        "-include-pch",
        "-load",
        "-plugin",
        "-add-plugin",
        "-fplugin",
        "-index-store-path",
        "--serialize-diagnostics",
        "-serialize-diagnostics",
        "-dumpbase",
        "-dumpdir",
        "-dumpbase-ext",
        "-framework",
        "-ivfsoverlay",
        "-vfsoverlay",
        "-ccc-gcc-name",
        "--param",
        "--config",
        "--gcc-toolchain",
        "-gcc-toolchain",
        "-dependency-file",
        "-header-include-file",
        "-fmodule-file",
        "-fmodule-map-file",
        "-fmodules-cache-path",
        "-iwithprefix",
        "-iwithprefixbefore",
        "-iprefix",
        "-install_name",
        "-current_version",
        "-compatibility_version",
        "-weak_framework",
        "-bundle_loader",
        "-filelist",
        "-aux-info",
        "-specs",
        "--specs",
        "-imultilib",
        "-main-file-name",
        "-fdebug-compilation-dir",
        "-fcoverage-compilation-dir",
        "-stats-file",
        "-diagnostic-log-file",
    )
)
_LOADS = "loads or configures code in the compiler"
_WRITES = "writes files"
_COMPILED = "reads a compiled header or module"
_REFUSED: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            r"-Xclang|-load|-(?:add-)?plugin|-fplugin|-fpass-plugin|-mllvm|-Wp,|-Xpreprocessor"
            r"|-B|-wrapper|-?-specs|--config|-i?vfsoverlay|-ccc-|-?-gcc-toolchain|-fuse-ld"
            r"|-fsanitize-(?:blacklist|ignorelist)|-fprofile-(?:use|instr-use|sample-use)"
            r"|-Xarch_|-Xopenmp|-fxray|-cc1|-fuse-cuid|--rocm|--cuda|--hip"
        ),
        _LOADS,
    ),
    (
        re.compile(
            r"-?-?save-temps|-?-save-stats|-ftime-trace|-ftime-report|-emit-|--?serialize-diagnostics"
            r"|-index-store-path|-fcrash-diagnostics|-fsave-optimization|-foptimization-record"
            r"|-gen-|-stats-file|-diagnostic-log-file|-dependency-|-header-include|-fdump-|-aux-info"
            r"|-ftest-coverage|--coverage|-coverage|-fprofile-|-fcoverage|-fstack-usage|-fcallgraph"
            r"|-fproc-stat|-print-|--print-|-rewrite|-MJ|-?-analyze|-module-file-info|-fcs-profile"
        ),
        _WRITES,
    ),
    (
        re.compile(
            r"-include-pch|-f(?:no-)?(?:implicit-)?modules?|-fprebuilt-module|-fbuild-session"
            r"|-fpch-|-building-pch|--precompile|-fmodule|-fcxx-modules"
        ),
        _COMPILED,
    ),
)


class _Flags:
    """Reads a command's flags once from left to right."""

    def __init__(
        self, arguments: Sequence[str], directory: str, language: str, problems: list[str]
    ) -> None:
        self.arguments = _unwrapped(arguments)
        self.position = 0
        self.directory = directory
        self.language = language
        self.problems = problems
        self.dropped: list[str] = []

    def read(self) -> list[str]:
        """The flags that shape the meaning of the text, with absolute paths."""
        kept: list[str] = []
        standard = ""
        while self.position < len(self.arguments):
            flag = self._next()
            if flag == "--":
                break
            if not flag.startswith("-") or flag == "-" or "\0" in flag:
                continue
            value = self._value_of(flag, ("-working-directory=", "-working-directory"))
            if value is not None:
                self.directory = os.path.join(self.directory, value)  # noqa: PTH118
            elif (value := self._value_of(flag, ("--language=", "--language", "-x"))) is not None:
                self._set_language(value)
            elif (value := self._value_of(flag, ("--std=", "-std=", "--std"))) is not None:
                standard = value if self._known_standard(value) else standard
            elif (value := self._value_of(flag, ("--sysroot=", "--sysroot"))) is not None:
                kept.append(f"--sysroot={self._absolute(value)}")
            elif flag in ("-target", "-triple"):
                kept.append(f"--target={self._next()}")
            elif flag == "-arch":
                kept += (flag, self._next())
            elif self._refused(flag):
                continue
            elif _MEANING.fullmatch(flag):
                kept.append(flag)
            elif flag[:2] in ("-D", "-U"):
                kept.append(flag if len(flag) > 2 else flag + self._next())
            elif not self._path_flag(flag, kept):
                self._drop(flag)
        if standard and ("++" in standard) == (self.language == "cpp"):
            kept.insert(0, f"-std={standard}")
        return kept

    def _next(self) -> str:
        self.position += 1
        if self.position > len(self.arguments):
            return ""
        return self.arguments[self.position - 1]

    def _value_of(self, flag: str, spellings: Sequence[str]) -> str | None:
        """The value of a flag if it is spelled in one of these ways, `=` or none being separate."""
        for spelling in spellings:
            if flag == spelling and not spelling.endswith("="):
                return self._next()
            if flag.startswith(spelling) and (spelling.endswith("=") or spelling == "-x"):
                return flag[len(spelling) :]
        return None

    def _set_language(self, value: str) -> None:
        if value.startswith(("c++", "objective-c++")):
            self.language = "cpp"
        elif value in ("c", "c-header", "cpp-output", "objective-c"):
            self.language = "c"

    def _known_standard(self, value: str) -> bool:
        if _STANDARD.fullmatch(value):
            return True
        self.problems.append(f"'-std={value}' was left out: this clang does not know it")
        return False

    def _refused(self, flag: str) -> bool:
        for pattern, reason in _REFUSED:
            if pattern.match(flag):
                text = f"{flag} {self._next()}" if self._takes_next(flag) else flag
                self.problems.append(f"'{text}' was left out: it {reason}")
                return True
        return False

    def _takes_next(self, flag: str) -> bool:
        return flag in _SEPARATE or flag == "-Xclang"

    def _path_flag(self, flag: str, kept: list[str]) -> bool:
        for name in _PATH_FLAGS:
            if flag == name:
                value = self._next()
            elif flag.startswith(name):
                value = (
                    flag[len(name) :].removeprefix("=") if name in _FORCED else flag[len(name) :]
                )
            else:
                continue
            if value:
                kept += (name, self._absolute(value, forced=name in _FORCED))
            return True
        return False

    def _absolute(self, value: str, forced: bool = False) -> str:
        """Effect: a path against the command's directory; a forced header only if it is there."""
        if value.startswith("=") or _windows_path(value):
            return value
        place = os.path.join(self.directory, value)  # noqa: PTH118
        if forced and not os.path.exists(place):  # noqa: PTH110
            return value
        return os.path.normpath(place)

    def _drop(self, flag: str) -> None:
        text = f"{flag} {self._next()}" if flag in _SEPARATE else flag
        self.dropped.append(text)


def _unwrapped(arguments: Sequence[str]) -> list[str]:
    """Arguments with the harmless `-Xclang` pairs written plainly, as build systems mean them."""
    result: list[str] = []
    position = 0
    forced = False
    while position < len(arguments):
        flag = arguments[position]
        value = arguments[position + 1] if position + 1 < len(arguments) else ""
        if flag != "-Xclang":
            result.append(flag)
            position += 1
            continue
        if value == "-include" or forced or re.match(r"-[DIU].", value):
            result.append(value)
            forced = value == "-include" and not forced
        else:
            result += (flag, value)
        position += 2
    return result


# Microsoft's compiler

_CL_VALUES = (
    ("external:I", "-isystem"),
    ("imsvc", "-isystem"),
    ("FI", "-include"),
    ("I", "-I"),
    ("D", "-D"),
    ("U", "-U"),
)
_CL_STANDARDS = {
    "c++14": "c++14",
    "c++17": "c++17",
    "c++20": "c++20",
    "c++latest": "c++23",
    "c++23preview": "c++23",
    "c11": "c11",
    "c17": "c17",
    "clatest": "c2x",
}
_CL_WORDS = {
    "TP": ("-x", "c++"),
    "TC": ("-x", "c"),
    "J": ("-funsigned-char",),
    "GR-": ("-fno-rtti",),
    "MD": ("-D_MT", "-D_DLL"),
    "MDd": ("-D_MT", "-D_DLL", "-D_DEBUG"),
    "MT": ("-D_MT",),
    "MTd": ("-D_MT", "-D_DEBUG"),
}


def _from_cl(arguments: Sequence[str]) -> list[str]:
    """The same flags in the manner of GNU, for those that have a meaning for us."""
    result: list[str] = []
    values = iter(arguments)
    for flag in values:
        if flag in ("/link", "-link", "--"):
            break
        if flag.startswith("--") or flag in ("-target", "-Xclang", "-isystem", "-include"):
            result.append(flag)
            if flag in ("-target", "-Xclang", "-isystem", "-include"):
                result.append(next(values, ""))
            continue
        if not flag.startswith(("/", "-")):
            continue
        body = flag[1:]
        if body.startswith("clang:"):
            result.append(body[len("clang:") :])
        elif body in _CL_WORDS:
            result += _CL_WORDS[body]
        elif body.startswith("std:"):
            result.append(f"-std={_CL_STANDARDS.get(body[4:], body[4:])}")
        elif body[:2] in ("Tp", "Tc"):
            result += ("-x", "c++" if body[:2] == "Tp" else "c")
        else:
            result += _cl_value(flag, body, values)
    if not any(flag.startswith(("--target=", "-target")) for flag in result):
        result.insert(0, "--target=x86_64-pc-windows-msvc")
    return result


def _cl_value(flag: str, body: str, values: Iterator[str]) -> tuple[str, ...]:
    for name, gnu in _CL_VALUES:
        if body.startswith(name):
            value = body[len(name) :].lstrip() or next(values, "")
            return (f"{gnu}{value}",) if gnu in ("-D", "-U") else (gnu, value)
    return (flag,) if flag.startswith("-") else ()
