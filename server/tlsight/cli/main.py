"""Arguments, the choice of a command, and what happens when something goes wrong."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import tlsight
from tlsight.cli.status import Status, UsageError
from tlsight.finding import Severity

FORMATS = ("text", "json", "sarif", "gitlab")
REVIEW_FORMATS = ("md", "html", "json")
_EPILOG = """\
exit status:
  0  nothing was found
  1  something was found
  2  the command, a path or the configuration is wrong
  3  nothing was found, but something could not be analysed
     (0 with --allow-unanalysed)
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Effect: runs one command; bad input gives a message and a status, never a traceback."""
    arguments = parser().parse_args(argv)
    logging.getLogger("tlsight").addHandler(logging.NullHandler())
    try:
        status = _run(arguments)
        sys.stdout.flush()
    except UsageError as error:
        from tlsight.cli import output

        for text in error.args:
            output.message(text)
        return Status.USAGE
    except KeyboardInterrupt:
        return Status.INTERRUPTED
    except BrokenPipeError:
        # Nobody reads any more; what is still buffered must not fail at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Status.PIPE_CLOSED
    return status


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    whole = argparse.ArgumentParser(
        prog="tlsight",
        description="Finds TLS and DTLS security defects in C and C++, and mends them.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument("--version", action="version", version=f"tlsight {tlsight.__version__}")
    commands = whole.add_subparsers(dest="command", metavar="COMMAND", required=True)

    check = commands.add_parser("check", help="find defects in files and folders")
    _add_analysis(check)
    check.add_argument("--format", choices=FORMATS, default="text", help="default: text")
    check.add_argument("--output", type=Path, metavar="FILE", help="write to a file")
    check.add_argument(
        "--severity-threshold",
        choices=[level.value for level in Severity],
        default=Severity.INFORMATION.value,
        help="leave out what is less severe (default: information)",
    )
    check.add_argument(
        "--changed-since",
        metavar="REV",
        help="only what touches lines that the working tree has, and git's merge base of REV and "
        "HEAD has not; files that git neither tracks nor ignores are new",
    )
    check.add_argument(
        "--allow-unanalysed",
        action="store_true",
        help=_ALLOW_HELP,
    )
    check.add_argument(
        "--evidence",
        action="store_true",
        help="show also what was judged and is right, and what could not be decided and why",
    )

    review = commands.add_parser(
        "review", help="write what is wrong, what holds, what stays open, and what does not apply"
    )
    _add_analysis(review)
    review.add_argument("--format", choices=REVIEW_FORMATS, default="md", help="default: md")
    review.add_argument("--output", type=Path, metavar="FILE", help="write to a file")
    review.add_argument("--allow-unanalysed", action="store_true", help=_ALLOW_HELP)

    fix = commands.add_parser("fix", help="apply the fixes that are proven")
    _add_analysis(fix)
    fix.add_argument("--diff", action="store_true", help="write a diff, and change no file")
    fix.add_argument(
        "--unsafe", action="store_true", help="also fixes that may change who can connect"
    )

    explain = commands.add_parser("explain", help="show the page of a rule")
    explain.add_argument("rule", metavar="RULE")

    rules = commands.add_parser("rules", help="list the rules in force")
    rules.add_argument("--format", choices=("text", "json"), default="text", help="default: text")

    doctor = commands.add_parser("doctor", help="say what the analysis has at hand, and lacks")
    doctor.add_argument("path", nargs="?", type=Path, default=Path(), metavar="PATH")
    doctor.add_argument("-p", "--build", type=Path, metavar="BUILD", help=_BUILD_HELP)

    new = commands.add_parser("new", help="write a page to start from")
    new.add_argument("kind", choices=("rule", "library"))
    new.add_argument("name", metavar="NAME", help="for a rule: ID, or ASPECT/ID")
    new.add_argument(
        "--folder", type=Path, help="the folder of rule pages (default: the project's)"
    )

    serve = commands.add_parser("serve", help="run the language server (on stdin and stdout)")
    ways = serve.add_mutually_exclusive_group()
    ways.add_argument("--stdio", action="store_true", help="the default")
    ways.add_argument("--tcp", metavar="[HOST:]PORT", help="listen on a port")
    ways.add_argument("--ws", metavar="[HOST:]PORT", help="listen for websockets on a port")
    return whole


_ALLOW_HELP = "exit with 0 if nothing was found, even if something could not be analysed"
_BUILD_HELP = "folder of compile_commands.json (default: found as clangd finds it)"


def _add_analysis(command: argparse.ArgumentParser) -> None:
    command.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a file or a folder")
    command.add_argument("-p", "--build", type=Path, metavar="BUILD", help=_BUILD_HELP)
    command.add_argument(
        "--policy", metavar="NAME", help="policy page that holds the thresholds (default: rfc9325)"
    )
    command.add_argument(
        "-j",
        "--jobs",
        type=_positive,
        default=os.cpu_count() or 1,
        metavar="N",
        help="files analysed at a time (default: one for each processor)",
    )


def _run(arguments: argparse.Namespace) -> int:
    """Effect: runs the command; each is imported only where it is wanted."""
    if arguments.command == "check":
        from tlsight.cli import check

        return check.check(
            check.Options(
                tuple(arguments.paths),
                arguments.build,
                arguments.policy,
                arguments.format,
                arguments.output,
                Severity(arguments.severity_threshold),
                arguments.jobs,
                arguments.changed_since,
                arguments.allow_unanalysed,
                arguments.evidence,
            )
        )
    if arguments.command == "review":
        from tlsight.cli import review

        return review.review(
            review.Options(
                tuple(arguments.paths),
                arguments.build,
                arguments.policy,
                arguments.format,
                arguments.output,
                arguments.jobs,
                arguments.allow_unanalysed,
            )
        )
    if arguments.command == "fix":
        from tlsight.cli import fix

        return fix.fix(
            fix.Options(
                tuple(arguments.paths),
                arguments.build,
                arguments.policy,
                arguments.diff,
                arguments.unsafe,
                arguments.jobs,
            )
        )
    if arguments.command in ("explain", "rules"):
        from tlsight.cli import explain

        if arguments.command == "rules":
            return explain.rules(arguments.format)
        return explain.explain(arguments.rule)
    if arguments.command == "doctor":
        from tlsight.cli import doctor

        return doctor.doctor(arguments.path, arguments.build)
    if arguments.command == "new":
        from tlsight.cli import new

        return new.new(arguments.kind, arguments.name, arguments.folder)
    from tlsight.cli import serve

    return serve.serve(arguments.tcp, arguments.ws)


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a number from 1 on, not '{text}'")
    return number
