"""The command line: every option of every command, with its help, and errors that suggest."""

from __future__ import annotations

import argparse
import difflib
import sys
from typing import NoReturn

from soth_mitm.cli import tls_options
from soth_mitm.cli.commands import BUILDERS
from soth_mitm.errors import ConfigError

COMMANDS = {
    "tui": "the app (also without a command); with FILE, open a dump",
    "run": "start, run a command with proxy and CA set for it alone, and exit with its code",
    "replay": "send the requests of a dump again, and print how the answers differ",
    "convert": "write a dump in another format: .soth, .har, .mitm, .jsonl",
    "redact": "write a dump with its secrets masked, and say what was masked",
    "env": "print the environment for clients of a running proxy, for `eval`",
    "ca": "show, export, install or rotate the certificate authority",
    "demo": "the app over an embedded origin and live sample traffic",
    "doctor": "check the installation, and send requests through a proxy",
}
PRINTING = {
    "format": "--format",
    "filter": "--filter",
    "verbose": "-v",
    "quiet": "-q",
    "count": "--count",
    "line": "--line",
    "fail_on": "--fail-on",
    "exit_after": "--exit-after",
    "redact": "--redact",
}
PROXYING = {
    "mode": "--mode",
    "keep_host": "--keep-host",
    "proxy_protocol": "--proxy-protocol",
    "proxy_auth": "--proxy-auth",
    "listen_port": "--listen-port",
    "listen_host": "--listen-host",
    "insecure": "--insecure",
    "http2": "--no-http2",
    "tunnel": "--tunnel",
    "block": "--block",
    "breakpoints": "--break",
    **{name: option for name, (option, _) in tls_options.OPTIONS.items()},
    "write": "--write",
    "strict_capture": "--strict-capture",
    "exit_after": "--exit-after",
    "spill": "--no-spill",
}
_WITH_EXPRESSION = ("convert", "replay")
TRUSTING = {"store": "--store", "dry_run": "--dry-run"}
WRITING = {
    "append": "--append",
    "overwrite": "--overwrite",
    "write_filter": "--write-filter",
    "rotate": "--rotate",
    "keep": "--keep",
    "compress": "--compress",
}
EPILOG = """\
commands:
""" + "\n".join(f"  {name:7} {text}" for name, text in COMMANDS.items())


class Parser(argparse.ArgumentParser):
    """A parser whose errors are exceptions with a suggestion, for one line on stderr."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage."""
        raise ConfigError(f"{message}; see {self.prog} --help")


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the arguments; `command` of the result names the module to run.

    Raises:
        ConfigError: they make no sense; the text says what, and names the nearest that would.
    """
    name, rest = "tui", arguments
    if arguments and not arguments[0].startswith("-"):
        name, rest = arguments[0], arguments[1:]
        if name not in COMMANDS:
            near = difflib.get_close_matches(name, COMMANDS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(COMMANDS)}"
            raise ConfigError(f"unknown command {name!r}; {hint} (a dump is opened by: soth-mitm tui FILE)")
    parser = build(name, top=not arguments or arguments[0].startswith("-"))
    child: list[str] = []
    if name == "run":
        rest, child = _split(rest)
    # With an expression at the end that may be missing, options may stand before it as well.
    read = parser.parse_known_intermixed_args if name in _WITH_EXPRESSION else parser.parse_known_args
    parsed, unknown = read(rest)
    if unknown:
        raise ConfigError(_unknown(parser, unknown[0]))
    parsed.child = child
    parsed.command = _module(name, parsed)
    return parsed


def _module(name: str, parsed: argparse.Namespace) -> str:
    if name == "tui":
        if parsed.read is not None and parsed.file is not None:
            raise ConfigError("give the dump once: as FILE or by -r")
        parsed.read = parsed.read or parsed.file
    _refuse_idle(parsed)
    if name == "tui" and parsed.dump:
        return "read" if parsed.read is not None else "dump"
    return {"run": "child", "env": "environment", "ca": "authority", "demo": "demonstration"}.get(name, name)


def _refuse_idle(parsed: argparse.Namespace) -> None:
    """Raise where an option was given that would have no effect beside the others."""
    given = {name for name, value in vars(parsed).items() if value not in (None, False, 0)}
    if "dump" in parsed and not parsed.dump:
        given |= {"redact"} if parsed.redact is not None else set()
        _refuse(given, PRINTING, "is about what --dump prints: add --dump, or leave it out")
    elif "breakpoints" in given:
        _refuse(
            given,
            {"breakpoints": "--break"},
            "pauses messages for a person, and with --dump there is none: leave one of them out",
        )
    elif "forget" in given:
        _refuse(given, {"forget": "--no-state"}, "is about what the app remembers, and --dump opens none")
    if "read" in given:
        given |= {name for name in ("listen_port", "spill") if getattr(parsed, name) is not None}
        _refuse(given, PROXYING, "is for a proxy that runs, and reading a dump starts none: leave it out")
    if "action" in parsed and parsed.action not in ("install", "uninstall"):
        _refuse(given, TRUSTING, "is about trust stores, for install and uninstall: leave it out")
    if "write" in parsed and "write" not in given:
        _refuse(given, WRITING, "says what to do with the file of -w")


def _refuse(given: set[str], options: dict[str, str], why: str) -> None:
    for name, option in options.items():
        if name in given:
            raise ConfigError(f"{option} {why}")


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    if "-h" in arguments or "--help" in arguments:
        return arguments, []
    if "--" not in arguments:
        raise ConfigError("run needs a command after --, as in: soth-mitm run -- curl https://example.com")
    at = arguments.index("--")
    child = arguments[at + 1 :]
    if not child:
        raise ConfigError("nothing stands after --; run needs a command there")
    return arguments[:at], child


def _unknown(parser: argparse.ArgumentParser, argument: str) -> str:
    known = [option for action in parser._actions for option in action.option_strings]
    near = difflib.get_close_matches(argument.partition("=")[0], known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"see {parser.prog} --help"
    kind = "option" if argument.startswith("-") else "argument"
    return f"unknown {kind} {argument!r}; {hint}"


def build(name: str, *, top: bool = False) -> Parser:
    """Return the parser of a command; `top` is the one without a command's name."""
    parser = Parser(
        prog="soth-mitm" if top else f"soth-mitm {name}",
        description="Intercept HTTP(S) and look at it in the terminal." if top else COMMANDS[name],
        epilog=EPILOG if top else None,
        allow_abbrev=False,
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, max_help_position=30),
    )
    if top:
        parser.add_argument("--version", action=_Version, help="print the version and exit")
    BUILDERS[name](parser)
    return parser


class _Version(argparse.Action):
    """Prints the version, which is looked up only then."""

    def __init__(self, option_strings: list[str], dest: str, help: str) -> None:  # noqa: A002
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        """Print it and exit."""
        from soth_mitm._version import __version__

        sys.stdout.write(f"soth-mitm {__version__}\n")
        parser.exit()


def is_terminal() -> bool:
    """Return whether a screen can be opened here: it is drawn on standard error."""
    return sys.stdin.isatty() and sys.stderr.isatty()
