"""With which arguments a file is read: from a compile database, a neighbour, or a default.

Found as clangd finds it. Nothing in a database is executed or loaded, and nothing is written for
it: what would do so is removed, and said. Only options that bear on the meaning of a text remain.
"""

from __future__ import annotations

import functools
import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATABASE = "compile_commands.json"
FLAGS_FILE = "compile_flags.txt"

_C = frozenset({".c"})
_HEADERS = frozenset({".h", ".hh", ".hpp", ".hxx", ".h++", ".inc", ".ipp", ".tcc"})
_CPP_WORDS = re.compile(
    rb"^\s*(?:class\s+\w|namespace\b|template\s*<|using\s+\w|#\s*include\s*<(?:Q\w+|[a-z_]+)>)"
    rb"|\b(?:public|private|protected|signals|slots)\s*:|::\w|\bnullptr\b|\bvirtual\b",
    re.MULTILINE,
)
_DEFAULT = {"c": ("-xc", "-std=gnu17"), "cpp": ("-xc++", "-std=gnu++17")}
_RESPONSE_DEPTH = 4
_LARGEST_FILE = 64_000_000

# Options with a value that are kept; the value stands beside or after.
_KEPT = (
    "-I",
    "-D",
    "-U",
    "-isystem",
    "-iquote",
    "-idirafter",
    "-include",
    "-imacros",
    "-isysroot",
    "--sysroot",
    "-F",
    "-iframework",
    "-iprefix",
    "-iwithprefix",
    "-iwithprefixbefore",
    "-target",
    "-std",
    "-x",
    "-cxx-isystem",
    "-stdlib++-isystem",
)
_JOINED_KEPT = re.compile(
    r"-(?:std=|f(?:no-)?(?:char8_t|signed-char|unsigned-char|short-enums|ms-extensions|"
    r"ms-compatibility|exceptions|rtti|PIC|pic|pie|PIE|blocks|openmp|coroutines|gnu89-inline|"
    r"wrapv|strict-enums|declspec|freestanding|hosted|builtin|short-wchar|sized-deallocation)$|"
    r"m(?:32|64|x32|arch=|cpu=|tune=|sse|avx|aes|pclmul|thumb|fpu=|float-abi=)|nostdinc(?:\+\+)?$|"
    r"stdlib=|ansi$|pthread$|undef$|trigraphs$|fms-compatibility-version=|target=|O[0-3sz]?$|"
    r"-target=|-sysroot=|-driver-mode=)"
)
_TARGETS = re.compile(r"--target=|-target$")
_DANGEROUS = {
    "-load": "would load code",
    "-plugin": "would load code",
    "-add-plugin": "would load code",
    "-fplugin": "would load code",
    "-fpass-plugin": "would load code",
    "-fmodule-file": "would load a compiled module",
    "-fprebuilt-module-path": "would load a compiled module",
    "-fmodules-cache-path": "would write files",
    "-include-pch": "would load a compiled header",
    "-ivfsoverlay": "would read files by a map of its own",
    "-specs": "would read options of its own",
    "-wrapper": "would run a program",
    "-B": "would run programs from a folder of its own",
    "-save-temps": "would write files",
    "-emit": "would write files",
    "-o": "",
    "-MF": "",
    "-MT": "",
    "-MQ": "",
    "-MJ": "would write files",
    "--serialize-diagnostics": "would write files",
    "-dependency-file": "would write files",
    "-ftime-trace": "would write files",
    "-fdebug-prefix-map": "",
}
_WITH_VALUE = frozenset(
    {
        "-o",
        "-MF",
        "-MT",
        "-MQ",
        "-MJ",
        "-include-pch",
        "-ivfsoverlay",
        "--serialize-diagnostics",
        "-dependency-file",
        "-B",
        "-wrapper",
        "-load",
        "-plugin",
        "-add-plugin",
        "-arch",
        "-L",
        "-l",
        "-T",
        "-z",
        "-u",
        "-Xlinker",
        "-Xassembler",
        "-Xpreprocessor",
        "--param",
        "-mllvm",
        "-dumpbase",
        "-aux-info",
    }
)


@dataclass(frozen=True)
class Command:
    """How to read a file. `origin`: database, flags, borrowed, or default.

    `problems` says what was left out of what was found, and why.
    """

    arguments: tuple[str, ...]
    directory: str
    origin: str
    language: str
    problems: tuple[str, ...] = ()
    entry: str = ""
    """The file whose entry was used, or where the flags came from."""


@dataclass(frozen=True)
class _Entry:
    file: Path
    directory: Path
    arguments: tuple[str, ...]


def language_of(path: Path, data: bytes = b"") -> str:
    """`c` or `cpp`, by the file's suffix and, for a header, by what it says."""
    suffix = path.suffix
    if suffix in _C:
        return "c"
    if suffix == ".h":
        return "cpp" if _CPP_WORDS.search(data) else "c"
    return "cpp"


def find_command(
    path: Path,
    *,
    build: Path | None,
    root: Path | None,
    data: bytes,
    include_folders: Sequence[str] = (),
) -> Command:
    """The command by which a file is read. Effect: reads databases, which are kept by their time.

    `build` is a folder with a database that comes first; `root` bounds response files;
    `include_folders` are added, where they exist, if no command was written for the file.
    """
    language = language_of(path, data)
    problems: list[str] = []
    database = _database(path, build, root, problems)
    if database is not None:
        entry, origin = _entry_for(path, data, _entries(database, problems))
        if entry is not None:
            if origin == "database" or language_of(path) == "cpp" or path.suffix == ".h":
                language = _entry_language(entry, path, data, origin)
            arguments = _sanitised(entry, root or database.parent, problems)
            if origin == "borrowed":
                arguments = _without_language(arguments, language)
            return Command(
                (*_language_flags(arguments, language), *arguments),
                str(entry.directory),
                origin,
                language,
                tuple(dict.fromkeys(problems)),
                str(entry.file),
            )
    flags = _upwards(path, FLAGS_FILE)
    if flags is not None:
        words = tuple(line.strip() for line in _text(flags).splitlines() if line.strip())
        entry = _Entry(path, flags.parent, words)
        arguments = _sanitised(entry, root or flags.parent, problems)
        return Command(
            (*_language_flags(arguments, language), *arguments),
            str(flags.parent),
            "flags",
            language,
            tuple(dict.fromkeys(problems)),
            str(flags),
        )
    folders = [f"-isystem{folder}" for folder in _existing(include_folders)]
    pic = ("-fPIC",) if language == "cpp" else ()
    return Command(
        (*_DEFAULT[language], *pic, *folders),
        str(path.parent),
        "default",
        language,
        tuple(dict.fromkeys(problems)),
    )


def _existing(folders: Iterable[str]) -> Iterator[str]:
    for pattern in folders:
        if any(char in pattern for char in "*?["):
            base = Path(pattern).anchor or "/"
            try:
                found = sorted(Path(base).glob(str(Path(pattern).relative_to(base))))
            except (OSError, ValueError):
                continue
            yield from (str(item) for item in found if item.is_dir())
        elif Path(pattern).is_dir():
            yield pattern


def _database(
    path: Path, build: Path | None, root: Path | None, problems: list[str]
) -> Path | None:
    if build is not None:
        folder = build if build.is_absolute() or root is None else root / build
        found = folder if folder.name == DATABASE else folder / DATABASE
        if found.is_file():
            return found
        problems.append(f"there is no {DATABASE} in {folder}")
    for folder in path.parents:
        if (folder / DATABASE).is_file():
            return folder / DATABASE
        try:
            builds = sorted(item for item in folder.glob("build*") if item.is_dir())
        except OSError:
            builds = []
        for item in builds:
            if (item / DATABASE).is_file():
                return item / DATABASE
    return None


def _upwards(path: Path, name: str) -> Path | None:
    return next((folder / name for folder in path.parents if (folder / name).is_file()), None)


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace") if path.stat().st_size < _LARGEST_FILE else ""
    except OSError:
        return ""


def _entries(database: Path, problems: list[str]) -> tuple[_Entry, ...]:
    try:
        stat = database.stat()
    except OSError:
        return ()
    entries, wrong = _loaded(database, stat.st_mtime_ns, stat.st_size)
    problems += wrong
    return entries


@functools.lru_cache(maxsize=16)
def _loaded(database: Path, _time: int, _size: int) -> tuple[tuple[_Entry, ...], tuple[str, ...]]:
    try:
        values = json.loads(_text(database))
    except (ValueError, RecursionError) as error:
        return (), (f"{database} is not JSON: {error}",)
    if not isinstance(values, list):
        return (), (f"{database} is not a list of commands",)
    entries = []
    wrong = 0
    for value in values:
        entry = _entry(value, database.parent)
        if entry is None:
            wrong += 1
        else:
            entries.append(entry)
    problems = (f"{database} has {wrong} entries that are no commands",) if wrong else ()
    return tuple(entries), problems


def _entry(value: Any, folder: Path) -> _Entry | None:
    if not isinstance(value, Mapping):
        return None
    file, directory = value.get("file"), value.get("directory", "")
    if not isinstance(file, str) or not isinstance(directory, str) or not file:
        return None
    words = value.get("arguments")
    if not isinstance(words, list):
        command = value.get("command")
        if not isinstance(command, str):
            return None
        words = _split(command)
    if not words or not all(isinstance(word, str) for word in words):
        return None
    where = Path(folder, directory)
    return _Entry(_normal(where / file), where, tuple(words))


def _split(command: str) -> list[str]:
    windows = re.match(r'\s*"?[A-Za-z]:\\', command) is not None
    try:
        words = shlex.split(command, posix=not windows)
    except ValueError:
        return []
    return [word.strip('"') for word in words] if windows else words


def _normal(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return path


def _entry_for(path: Path, data: bytes, entries: tuple[_Entry, ...]) -> tuple[_Entry | None, str]:
    here = _normal(path)
    for entry in entries:
        if entry.file == here:
            return entry, "database"
    if not entries:
        return None, ""
    if path.suffix in _HEADERS:
        for entry in _near(here, entries)[:200]:
            if _includes(entry.file, here.name):
                return entry, "borrowed"
    language = language_of(path, data)
    near = _near(here, entries)
    same = [entry for entry in near if language_of(entry.file) == language]
    return (same or near)[0], "borrowed"


def _near(path: Path, entries: tuple[_Entry, ...]) -> list[_Entry]:
    """Entries by how much of their path they share, then by likeness of the name."""
    parts = path.parts

    def distance(entry: _Entry) -> tuple[int, bool, str]:
        shared = 0
        for mine, other in zip(parts, entry.file.parts, strict=False):
            if mine != other:
                break
            shared += 1
        return -shared, entry.file.stem != path.stem, str(entry.file)

    return sorted(entries, key=distance)


@functools.lru_cache(maxsize=4096)
def _includes(source: Path, name: str) -> bool:
    try:
        with source.open("rb") as file:
            head = file.read(65_536)
    except OSError:
        return False
    pattern = rb'#\s*include\s*["<](?:[^">]*/)?' + re.escape(name.encode()) + rb'[">]'
    return re.search(pattern, head) is not None


def _entry_language(entry: _Entry, path: Path, data: bytes, origin: str) -> str:
    own = language_of(path, data)
    if origin == "borrowed" and path.suffix == ".h":
        return language_of(entry.file)
    for word, following in zip(entry.arguments, (*entry.arguments[1:], ""), strict=True):
        value = following if word == "-x" else word[2:] if word.startswith("-x") else ""
        if value:
            return "c" if value in ("c", "c-header") else "cpp"
    driver = Path(entry.arguments[0].replace("\\", "/")).name
    return "cpp" if own == "c" and re.search(r"(?:\+\+|c\+\+|g\+\+)", driver) else own


def _language_flags(arguments: Sequence[str], language: str) -> tuple[str, ...]:
    kind = "-xc" if language == "c" else "-xc++"
    stated = any(word.startswith(("-std=", "-x")) for word in arguments)
    if any(word.startswith("-x") for word in arguments):
        return ()
    return (kind,) if stated else (kind, _DEFAULT[language][1])


def _without_language(arguments: Sequence[str], language: str) -> tuple[str, ...]:
    """The arguments of another file without what only fits its language."""
    found = []
    for word in arguments:
        if word.startswith("-x"):
            continue
        if word.startswith("-std=") and ("++" in word) != (language == "cpp"):
            continue
        found.append(word)
    return tuple(found)


def _sanitised(entry: _Entry, root: Path, problems: list[str]) -> tuple[str, ...]:
    words = list(_expanded(entry.arguments, entry.directory, root, problems, 0))
    driver = Path(words[0].replace("\\", "/")).name.lower() if words else ""
    if words and not words[0].startswith(("-", "/I", "/D")):
        words = words[1:]
        while (
            words
            and not words[0].startswith(("-", "/", "@"))
            and re.fullmatch(
                r"(?:.*[/\\])?(?:\w+-)*(?:cc|gcc|g\+\+|c\+\+|clang|clang\+\+|cl)(?:-[\d.]+)?(?:\.exe)?",
                words[0],
            )
        ):
            words = words[1:]  # a launcher such as ccache stood first
    if "--driver-mode=cl" in words or re.fullmatch(r"(?:clang-)?cl(?:\.exe)?", driver):
        words = _from_cl(words)
    return tuple(_kept(words, entry, problems))


def _expanded(
    words: Iterable[str], directory: Path, root: Path, problems: list[str], depth: int
) -> Iterator[str]:
    for word in words:
        if not word.startswith("@") or len(word) < 2:
            yield word
            continue
        file = _normal(directory / word[1:])
        if not file.is_relative_to(_normal(root)) or depth >= _RESPONSE_DEPTH:
            problems.append(f"the response file {word[1:]} is not read: it is not in the workspace")
            continue
        try:
            inner = shlex.split(_text(file))
        except ValueError:
            problems.append(f"the response file {word[1:]} is not read: its quotes do not match")
            continue
        yield from _expanded(inner, directory, root, problems, depth + 1)


def _from_cl(words: Sequence[str]) -> list[str]:
    """The options of a `cl` command line in the words of the other driver."""
    found = []
    rest = iter(words)
    for word in rest:
        option = "-" + word[1:] if word.startswith("/") else word
        if option in ("-I", "-D", "-U", "-FI", "-imsvc"):
            value = next(rest, "")
            name = {"-FI": "-include", "-imsvc": "-isystem"}.get(option, option)
            found += [name, value]
        elif option.startswith("-FI"):
            found += ["-include", option[3:]]
        elif option.startswith("-external:I"):
            found += ["-isystem", option[11:]]
        elif option.startswith("-imsvc"):
            found += ["-isystem", option[6:]]
        elif option.startswith("-std:"):
            level = option[5:]
            found.append("-std=" + {"c++latest": "c++20"}.get(level, level))
        elif option in ("-TP", "-TC"):
            found.append("-xc++" if option == "-TP" else "-xc")
        elif option.startswith(("-I", "-D", "-U")):
            found.append(option)
    return [*found, "-fms-extensions"]


def _kept(words: Sequence[str], entry: _Entry, problems: list[str]) -> Iterator[str]:
    rest = iter(words)
    for word in rest:
        if word == "-Xclang":
            value = next(rest, "")
            if value in ("-load", "-plugin", "-add-plugin") or value.startswith("-plugin"):
                problems.append(f"'-Xclang {value}' is left out: it would load code")
            continue
        name = word.partition("=")[0]
        dangerous = next(
            (
                option
                for option in _DANGEROUS
                if name == option
                or (
                    option in ("-emit", "-fplugin", "-save-temps", "-B", "-plugin", "-ftime-trace")
                    and word.startswith(option)
                )
            ),
            None,
        )
        if dangerous is not None:
            reason = _DANGEROUS[dangerous]
            if reason:
                problems.append(f"'{word}' is left out: it {reason}")
            if word in _WITH_VALUE:
                next(rest, None)
            continue
        if word in _KEPT:
            following = next(rest, None)
            if following is not None:
                if word in ("-std", "-x"):
                    yield f"{word}{'=' if word == '-std' else ''}{following}"
                else:
                    yield word
                    yield _absolute(word, following, entry.directory)
            continue
        option = next(
            (item for item in _KEPT if word.startswith(item) and item not in ("-std", "-x")), None
        )
        if option is not None:
            value = word[len(option) :]
            if option.startswith("--") or value.startswith("="):
                yield word
            else:
                yield option + _absolute(option, value, entry.directory)
        elif word.startswith(("-std=", "-x")) or _JOINED_KEPT.match(word):
            yield word
        elif word in _WITH_VALUE:
            next(rest, None)


def _absolute(option: str, value: str, directory: Path) -> str:
    """Paths by themselves, since the reader's own folder is another."""
    if option in ("-D", "-U", "-target") or not value or value.startswith(("=", "/")):
        return value
    if re.match(r"[A-Za-z]:[\\/]", value):
        return value
    if option in ("-include", "-imacros") and not (directory / value).exists():
        return value
    return str(directory / value)
