"""Which flags of a command say what the text means, and which are left out and why.

Flags are kept by what they mean: one that is not known to shape the text is left out. So nothing
that a database names is run or loaded, no response file outside the folder is read, and no flag
that writes a file survives.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from tlsight.clang.database import split_windows, windows_path

_LARGEST_RESPONSE = 1 << 20
_DEEPEST_RESPONSE = 8
_MOST_ARGUMENTS = 50_000
_LAUNCHERS = frozenset(("ccache", "sccache", "distcc", "icecc", "gomacc", "buildcache"))


def compiler_of(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """The compiler's name without folder and suffix, and the arguments after it."""
    for position, argument in enumerate(arguments):
        name = re.split(r"[\\/]", argument)[-1]
        name = name[:-4] if name.lower().endswith(".exe") else name
        if argument.startswith("-"):
            return "", list(arguments[position:])
        if name not in _LAUNCHERS:
            return name, list(arguments[position + 1 :])
    return "", []


def expanded(
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
            words = split_windows(text) if like_cl else shlex.split(text)
        except ValueError as error:
            problems.append(f"'{argument}' cannot be split: {error}")
            continue
        result += expanded(words, directory, inside, like_cl, problems, depth + 1)
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


class Flags:
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
        if value.startswith("=") or windows_path(value):
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


def from_cl(arguments: Sequence[str]) -> list[str]:
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
