"""Where flags come from, and that a hostile database cannot do more than say how text is meant."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tlsight.clang import Command, find_command, language_of


def project(root: Path, *entries: dict[str, Any], name: str = "compile_commands.json") -> Path:
    """A folder with `src/main.cpp` and a database of these entries."""
    (root / "src").mkdir(exist_ok=True)
    (root / "src" / "main.cpp").touch()
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(json.dumps(entries))
    return root / "src" / "main.cpp"


def command_of(root: Path, *flags: str, data: bytes = b"") -> Command:
    """The command of a source that is compiled with these flags."""
    path = project(
        root,
        {
            "directory": str(root),
            "file": "src/main.cpp",
            "arguments": ["/usr/bin/c++", *flags, "-c", "src/main.cpp"],
        },
    )
    return find_command(path, build=None, root=root, data=data)


def test_without_a_database_there_is_a_default_for_each_language(tmp_path: Path) -> None:
    (tmp_path / "usual" / "1").mkdir(parents=True)
    folders = (str(tmp_path / "usual" / "*"), str(tmp_path / "absent"))

    cpp = find_command(
        tmp_path / "a.cpp", build=None, root=tmp_path, data=b"", include_folders=folders
    )
    c = find_command(tmp_path / "a.c", build=None, root=tmp_path, data=b"")
    new = find_command(tmp_path / "b.cpp", build=None, root=tmp_path, data=b"#include <span>\n")

    assert new.arguments[0] == "-std=gnu++20"
    assert cpp.arguments == ("-std=gnu++17", "-fPIC", "-idirafter", str(tmp_path / "usual" / "1"))
    assert (cpp.origin, cpp.language) == ("default", "cpp")
    assert c.arguments == ("-std=gnu17", "-fPIC")
    assert (c.origin, c.language, c.problems) == ("default", "c", ())


@pytest.mark.parametrize(
    "place",
    ["compile_commands.json", "build/compile_commands.json", "build-debug/compile_commands.json"],
)
def test_a_database_is_found_upwards_and_in_build_folders(tmp_path: Path, place: str) -> None:
    path = project(
        tmp_path,
        {
            "directory": str(tmp_path),
            "file": "src/main.cpp",
            "command": "g++ -DX='a b' -Iinc src/main.cpp",
        },
        name=place,
    )

    command = find_command(path, build=None, root=tmp_path, data=b"")

    assert command.arguments == ("-DX=a b", "-I", str(tmp_path / "inc"))
    assert (command.origin, command.language, command.problems) == ("database", "cpp", ())
    assert command.source == str(tmp_path / place)


def test_no_database_is_looked_for_above_the_root(tmp_path: Path) -> None:
    path = project(
        tmp_path, {"directory": str(tmp_path), "file": "src/main.cpp", "command": "cc -DX"}
    )

    assert find_command(path, build=None, root=path.parent, data=b"").origin == "default"


def test_a_build_folder_that_is_given_comes_first(tmp_path: Path) -> None:
    entry = {"directory": str(tmp_path), "file": "src/main.cpp"}
    project(tmp_path, {**entry, "command": "c++ -DNEAR src/main.cpp"})
    path = project(
        tmp_path, {**entry, "command": "c++ -DGIVEN src/main.cpp"}, name="out/compile_commands.json"
    )

    given = find_command(path, build=tmp_path / "out", root=tmp_path, data=b"")
    absent = find_command(path, build=tmp_path / "nowhere", root=tmp_path, data=b"")

    assert given.arguments == ("-DGIVEN",)
    assert absent.arguments == ("-DNEAR",)
    assert absent.problems == (f"there is no compile_commands.json in {tmp_path / 'nowhere'}",)


def test_a_relative_directory_is_that_of_the_database(tmp_path: Path) -> None:
    path = project(
        tmp_path,
        {
            "directory": "build",
            "file": "../src/main.cpp",
            "arguments": ["c++", "-I../inc", "-include", "x.h"],
        },
    )
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "x.h").touch()

    command = find_command(path, build=None, root=tmp_path, data=b"")

    assert command.arguments == (
        "-I",
        str(tmp_path / "inc"),
        "-include",
        str(tmp_path / "build" / "x.h"),
    )


def test_flags_of_a_folder_are_read(tmp_path: Path) -> None:
    (tmp_path / "compile_flags.txt").write_text("-xc\n\n-std=c11\n-Iinc\n-o\nout\n")

    command = find_command(tmp_path / "a.h", build=None, root=tmp_path, data=b"")

    assert command.arguments == ("-std=c11", "-I", str(tmp_path / "inc"))
    assert (command.origin, command.language) == ("flags", "c")


def test_a_header_borrows_from_a_source_that_includes_it(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "user.c").write_text('#include <x.h>\n #  include "api/widget.h"\n')
    project(
        tmp_path,
        {"directory": str(tmp_path), "file": "src/main.cpp", "command": "c++ -DNEAR src/main.cpp"},
        {
            "directory": str(tmp_path),
            "file": "far/user.c",
            "command": "cc -std=c11 -DFAR far/user.c",
        },
    )

    command = find_command(
        tmp_path / "src" / "widget.h", build=None, root=tmp_path, data=b"int f();"
    )

    assert command.arguments == ("-std=c11", "-DFAR")
    assert (command.origin, command.language) == ("borrowed", "c")


def test_a_new_source_borrows_from_the_nearest_of_its_language(tmp_path: Path) -> None:
    entries = [
        {"directory": str(tmp_path), "file": name, "command": f"cc -D{define} {name}"}
        for name, define in (("src/a.c", "C"), ("src/sub/b.cpp", "SUB"), ("other/c.cpp", "OTHER"))
    ]
    project(tmp_path, *entries)

    def flags(name: str) -> tuple[str, ...]:
        return find_command(tmp_path / name, build=None, root=tmp_path, data=b"").arguments

    assert flags("src/sub/new.cpp") == ("-DSUB",)
    assert flags("other/new.cpp") == ("-DOTHER",)
    assert flags("src/new.c") == ("-DC",)
    assert flags("else/b_test.cpp") in (("-DSUB",), ("-DOTHER",))
    assert flags("else/b.cpp") == ("-DSUB",)


def test_a_standard_of_the_other_language_is_not_borrowed(tmp_path: Path) -> None:
    project(
        tmp_path,
        {
            "directory": str(tmp_path),
            "file": "src/main.cpp",
            "command": "c++ -std=c++17 -DX src/main.cpp",
        },
    )

    command = find_command(tmp_path / "src" / "new.c", build=None, root=tmp_path, data=b"")

    assert (command.arguments, command.language) == (("-DX",), "c")


def test_what_has_no_bearing_on_the_meaning_is_dropped(tmp_path: Path) -> None:
    command = command_of(
        tmp_path,
        "-O2",
        "-g",
        "-Wall",
        "-Wno-everything-gcc",
        "-fno-semantic-interposition",
        "-MD",
        "-MF",
        "x.d",
        "-o",
        "x.o",
        "-march=native",
        "-fno-rtti",
        "-std=gnu++17",
        "-UX",
        "-D",
        "Y=1",
        "-isystem",
        "sys",
        "-lfoo",
        "-L",
        "lib",
    )

    assert command.arguments == (
        "-std=gnu++17",
        "-fno-rtti",
        "-UX",
        "-DY=1",
        "-isystem",
        str(tmp_path / "sys"),
    )
    assert command.problems == ()
    assert "-o x.o" in command.dropped
    assert "-MF x.d" in command.dropped


@pytest.mark.parametrize(
    "flags",
    [
        ("-Xclang", "-load", "-Xclang", "evil.so"),
        ("-fplugin=evil.so",),
        ("-fpass-plugin=evil.so",),
        ("-Xclang", "-plugin", "-Xclang", "evil"),
        ("-mllvm", "-load=evil.so"),
        ("-B", "evil"),
        ("-Bevil",),
        ("-specs=evil",),
        ("-wrapper", "evil,-x"),
        ("--config", "evil.cfg"),
        ("--config=evil.cfg",),
        ("-ivfsoverlay", "evil.yaml"),
        ("-include-pch", "evil.pch"),
        ("-fmodule-file=evil.pcm",),
        ("-fmodules",),
        ("-fmodules-cache-path=evil",),
        ("-fprebuilt-module-path=evil",),
        ("-save-temps",),
        ("--save-temps=obj",),
        ("-emit-llvm",),
        ("-emit-ast",),
        ("--serialize-diagnostics", "evil.dia"),
        ("-serialize-diagnostics", "evil.dia"),
        ("-ftime-trace=evil",),
        ("-index-store-path", "evil"),
        ("-MJ", "evil.json"),
        ("-fcrash-diagnostics-dir=evil",),
        ("-fprofile-instr-generate=evil",),
        ("-fsanitize-blacklist=evil",),
        ("-Wp,-MD,evil",),
        ("@/etc/hostname",),
        ("@../outside.rsp",),
    ],
    ids=" ".join,
)
def test_a_hostile_flag_is_left_out_with_a_reason(tmp_path: Path, flags: tuple[str, ...]) -> None:
    (tmp_path / "outside.rsp").write_text("-DOUTSIDE")
    root = tmp_path / "root"
    root.mkdir()

    command = command_of(root, "-DBEFORE", *flags, "-DAFTER")

    assert command.arguments == ("-DBEFORE", "-DAFTER")
    assert command.problems
    assert all("was left out: " in problem for problem in command.problems)


def test_a_forced_header_behind_xclang_is_kept(tmp_path: Path) -> None:
    (tmp_path / "pch.hxx").touch()

    command = command_of(
        tmp_path,
        "-Xclang",
        "-include-pch",
        "-Xclang",
        "pch.hxx.pch",
        "-Xclang",
        "-include",
        "-Xclang",
        "pch.hxx",
    )

    assert command.arguments == ("-include", str(tmp_path / "pch.hxx"))


def test_a_response_file_of_the_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "inner.rsp").write_text("-DINNER -o x")
    (tmp_path / "flags.rsp").write_text("-I'a b'\n@inner.rsp\n-fplugin=evil.so")

    command = command_of(tmp_path, "@flags.rsp", "-DLAST")

    assert command.arguments == ("-I", str(tmp_path / "a b"), "-DINNER", "-DLAST")
    assert command.problems == (
        "'-fplugin=evil.so' was left out: it loads or configures code in the compiler",
    )


def test_a_response_file_behind_a_link_out_of_the_folder_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "outside.rsp").write_text("-DOUTSIDE")
    root = tmp_path / "root"
    root.mkdir()
    (root / "link.rsp").symlink_to(tmp_path / "outside.rsp")

    command = command_of(root, "@link.rsp")

    assert command.arguments == ()
    assert command.problems == ("'@link.rsp' was left out: a response file outside the folder",)


def test_a_response_file_that_reads_itself_ends(tmp_path: Path) -> None:
    (tmp_path / "loop.rsp").write_text("-DLOOP @loop.rsp @loop.rsp")

    command = command_of(tmp_path, "@loop.rsp")

    assert set(command.arguments) == {"-DLOOP"}
    assert any("nested too deeply" in problem for problem in command.problems)


@pytest.mark.parametrize("driver", ["cl.exe", "C:\\VC\\bin\\cl.exe", "clang-cl"])
def test_microsofts_flags_are_understood(tmp_path: Path, driver: str) -> None:
    path = project(
        tmp_path,
        {
            "directory": str(tmp_path),
            "file": "src/main.cpp",
            "arguments": [
                driver,
                "/nologo",
                "/Iinc",
                "/I",
                "C:\\sdk include",
                "/DX=1",
                "-DY",
                "/D",
                "Z",
                "/std:c++latest",
                "/EHsc",
                "/GR-",
                "/W4",
                "/Foout.obj",
                "/FIforced.h",
                "/MDd",
                "/external:Iext",
                "/c",
                "--",
                "src/main.cpp",
            ],
        },
    )

    command = find_command(path, build=None, root=tmp_path, data=b"", include_folders=("/",))

    assert command.arguments[: 7 + 5] == (
        "-std=c++23",
        "--target=x86_64-pc-windows-msvc",
        "-I",
        str(tmp_path / "inc"),
        "-I",
        "C:\\sdk include",
        "-DX=1",
        "-DY",
        "-DZ",
        "-fno-rtti",
        "-include",
        "forced.h",
    )
    assert command.arguments[12:17] == (
        "-D_MT",
        "-D_DLL",
        "-D_DEBUG",
        "-isystem",
        str(tmp_path / "ext"),
    )
    assert ("-idirafter" in command.arguments) == (sys.platform == "win32")
    assert command.problems == ()


def test_a_windows_command_is_split_by_its_own_rules(tmp_path: Path) -> None:
    path = project(
        tmp_path,
        {
            "directory": "C:\\work\\build",
            "file": "C:\\work\\src\\main.cpp",
            "command": '"C:\\Program Files\\cl.exe" /I"C:\\a b\\inc" /DS=\\"x\\" '
            '/Fo"o\\\\" main.cpp',
        },
    )

    command = find_command(path, build=None, root=tmp_path, data=b"")

    assert command.origin == "borrowed"
    assert command.arguments == (
        "--target=x86_64-pc-windows-msvc",
        "-I",
        "C:\\a b\\inc",
        '-DS="x"',
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("{}", "must be a list"),
        ("[1]", "entry 1: must be a table"),
        ('[{"directory": "/"}]', "entry 1: has no 'file'"),
        ('[{"file": "a.c"}]', "neither 'arguments' nor 'command'"),
        ('[{"file": "a.c", "arguments": "cc"}]', "must be a list of strings"),
        ('[{"file": "a.c", "arguments": [1]}]', "must be a list of strings"),
        ('[{"file": "a.c", "command": "cc", "directory": 1}]', "'directory' must be a string"),
        ('[{"file": "a.c", "command": "cc \'-DX"}]', "cannot be split"),
    ],
)
def test_a_malformed_database_is_a_problem(tmp_path: Path, content: str, problem: str) -> None:
    (tmp_path / "compile_commands.json").write_text(content)

    command = find_command(tmp_path / "a.c", build=None, root=tmp_path, data=b"")

    assert command.language == "c"
    assert any(problem in text for text in command.problems), command.problems


def test_a_database_that_is_not_text_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "compile_commands.json").write_bytes(b"\xff\xfe\0")

    command = find_command(tmp_path / "a.c", build=None, root=tmp_path, data=b"")

    assert command.origin == "default"
    assert "is not JSON" in command.problems[0]


def test_an_unknown_standard_is_left_out(tmp_path: Path) -> None:
    command = command_of(tmp_path, "-std=c++99", "-DX")

    assert command.arguments == ("-DX",)
    assert command.problems == ("'-std=c++99' was left out: this clang does not know it",)


def test_a_launcher_and_the_language_are_understood(tmp_path: Path) -> None:
    path = project(
        tmp_path,
        {
            "directory": str(tmp_path),
            "file": "a.c",
            "command": "ccache /opt/x86-linux-g++-12 -DA a.c",
        },
        {"directory": str(tmp_path), "file": "b.cpp", "command": "clang -x c -DB b.cpp"},
    ).parent.parent

    cpp = find_command(path / "a.c", build=None, root=tmp_path, data=b"")
    c = find_command(path / "b.cpp", build=None, root=tmp_path, data=b"")

    assert (cpp.arguments, cpp.language) == (("-DA",), "cpp")
    assert (c.arguments, c.language) == (("-DB",), "c")


@pytest.mark.parametrize(
    ("name", "text", "language"),
    [
        ("a.c", "class X;", "c"),
        ("a.cpp", "", "cpp"),
        ("a.C", "", "cpp"),
        ("a.h", "int f(void);\n#include <string.h>\n", "c"),
        ("a.h", "/* class X */ // std::x\nint f(char *s, int class_of);\n", "c"),
        ("a.h", "namespace x {\n", "cpp"),
        ("a.h", "#include <vector>\n", "cpp"),
        ("a.h", "std::string f();\n", "cpp"),
        ("a.hpp", "", "cpp"),
        ("Klass", "", "cpp"),
    ],
)
def test_the_language_is_told_by_suffix_and_text(name: str, text: str, language: str) -> None:
    assert language_of(Path(name), text.encode()) == language
