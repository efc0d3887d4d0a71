"""The command line: every option of every command, with its help, and errors that suggest."""

from __future__ import annotations

import argparse
import difflib
import sys
from typing import NoReturn

from soth_mitm.cli import tls_options
from soth_mitm.errors import ConfigError

COMMANDS = {
    "tui": "the app (also without a command); with FILE, open a dump",
    "run": "start, run a command with proxy and CA set for it alone, and exit with its code",
    "replay": "send the requests of a dump again, and print how the answers differ",
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
    "spill": "--no-spill",
}
TRUSTING = {"store": "--store", "dry_run": "--dry-run"}
WRITING = {"append": "--append", "overwrite": "--overwrite"}
_REDACT = "mask secrets in what is printed (default: yes)"
EPILOG = """\
commands:
""" + "\n".join(f"  {name:6} {text}" for name, text in COMMANDS.items())


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
    parsed, unknown = parser.parse_known_args(rest)
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
    if "write" not in given:
        _refuse(
            given, {"append": "--append", "overwrite": "--overwrite"}, "says what to do with the file of -w"
        )


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
    {"tui": _tui, "run": _run, "env": _env, "ca": _ca, "demo": _demo, "doctor": _doctor, "replay": _replay}[
        name
    ](parser)
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


def _tui(parser: Parser) -> None:
    parser.add_argument("file", nargs="?", metavar="FILE", help="a dump to open (.soth)")
    parser.add_argument("--dump", action="store_true", help="no screen: one line a flow on stdout")
    parser.add_argument("-r", "--read", metavar="FILE", help="read a dump; - is standard input (with --dump)")
    _modes(parser)
    _listening(parser, 8080)
    _policy(parser)
    _stopping(parser)
    _recording(parser)
    _decoding(parser)
    _printing(parser)
    parser.add_argument(
        "--no-spill",
        dest="spill",
        action="store_false",
        default=None,
        help="keep what the app shows in memory only (256 MiB)",
    )
    parser.add_argument(
        "--no-state",
        dest="forget",
        action="store_true",
        help="write nothing of what the app remembers (columns, order, colours)",
    )


def _run(parser: Parser) -> None:
    parser.usage = "soth-mitm run [OPTIONS] -- COMMAND [ARGUMENT ...]"
    _modes(parser)
    _listening(parser, 0)
    _policy(parser)
    _recording(parser)
    parser.add_argument("-q", "--quiet", action="store_true", help="no summary at the end")


def _replay(parser: Parser) -> None:
    parser.usage = "soth-mitm replay [OPTIONS] FILE [EXPR]"
    parser.add_argument("file", metavar="FILE", help="the dump (.soth)")
    parser.add_argument(
        "expression", nargs="?", metavar="EXPR", help="send only flows that match this filter"
    )
    group = parser.add_argument_group("sending")
    group.add_argument("--to", metavar="URL", help="send to this server instead: scheme://host:port")
    group.add_argument("--keep-host", action="store_true", help="leave the Host field as it was, with --to")
    group.add_argument("--times", type=_positive, default=1, metavar="N", help="send each N times (1)")
    group.add_argument("--concurrency", type=_positive, default=1, metavar="N", help="so many at once (1)")
    group.add_argument(
        "--timeout", type=_seconds, metavar="S", help="give up after S seconds of silence (120)"
    )
    group.add_argument("--gaps", action="store_true", help="send a WebSocket's messages at their own pace")
    group = parser.add_argument_group("comparing")
    group.add_argument(
        "--ignore", action="append", metavar="RULE", help="field:NAME or json:$.PATH may differ (repeatable)"
    )
    group.add_argument(
        "--ignore-like", action="append", metavar="REGEX", help="what matches may differ (repeatable)"
    )
    group.add_argument("--no-default-ignores", action="store_true", help="dates and ids of fields count too")
    group.add_argument("--json", action="store_true", help="one JSON object a request")
    group.add_argument("-v", "--verbose", action="count", default=0, help="all differences, of form too")
    group.add_argument("-q", "--quiet", action="store_true", help="only the counts at the end")
    group.add_argument("--redact", action=argparse.BooleanOptionalAction, default=None, help=_REDACT)
    _directory(parser)
    parser.add_argument("--config", metavar="FILE", help="settings in TOML")
    _policy(parser)
    _recording(parser)


def _env(parser: Parser) -> None:
    parser.add_argument("-p", "--listen-port", type=_port, metavar="N", help="of the proxy on this port")
    parser.add_argument("--unset", action="store_true", help="print what takes the variables back")


def _ca(parser: Parser) -> None:
    parser.add_argument(
        "action",
        choices=("show", "export", "install", "uninstall", "rotate"),
        help="show it, export the certificate, put it into trust stores or take it out, or make a new one",
    )
    _directory(parser)
    parser.add_argument("--format", choices=("pem", "der", "p12"), default="pem", help="of the export (pem)")
    parser.add_argument("--out", metavar="FILE", default="-", help="where to write it; - is standard output")
    parser.add_argument(
        "--store",
        choices=("system", "browsers", "all"),
        help="trust stores to change: the system's, those of Firefox and Chromium, or all (all)",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what install or uninstall would change")


def _doctor(parser: Parser) -> None:
    _directory(parser)
    parser.add_argument("--config", metavar="FILE", help="settings to check with (config.toml)")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="of what is found (text)")
    parser.add_argument(
        "--probe",
        metavar="HOST",
        help="look at a server instead: trust, chain, OCSP staple, transparency (host, host:port or URL)",
    )


def _demo(parser: Parser) -> None:
    parser.add_argument("--dump", action="store_true", help="no screen: one line a flow on stdout")
    parser.add_argument("--rate", type=float, default=6.0, metavar="N", help="flows a second (6)")
    _listening(parser, 0)
    _recording(parser)
    _printing(parser)


def _directory(parser: Parser) -> None:
    parser.add_argument("--confdir", metavar="DIR", help="where the CA and the settings live")


def _modes(parser: Parser) -> None:
    group = parser.add_argument_group("modes")
    group.add_argument(
        "-m",
        "--mode",
        action="append",
        metavar="MODE",
        help="regular, reverse:URL, upstream:URL, socks5, transparent or unix:PATH, each with @[HOST:]PORT "
        "(repeatable; regular)",
    )
    group.add_argument(
        "--keep-host",
        action="store_true",
        default=None,
        help="reverse modes leave the Host field as it came",
    )
    group.add_argument(
        "--proxy-protocol",
        action="store_true",
        default=None,
        help="connections begin with a PROXY header (v1 or v2), as from a load balancer",
    )
    group.add_argument("--proxy-auth", metavar="USER:PASSWORD", help="what clients have to give (Basic)")


def _listening(parser: Parser, port: int) -> None:
    group = parser.add_argument_group("listening")
    group.add_argument(
        "-p",
        "--listen-port",
        type=_port,
        metavar="N",
        help=f"port ({port}; 0 picks a free one and prints it)",
    )
    group.add_argument("--listen-host", metavar="H", help="address (127.0.0.1)")
    _directory(parser)
    parser.add_argument("--config", metavar="FILE", help="settings in TOML; read again on SIGUSR1")


def _policy(parser: Parser) -> None:
    group = parser.add_argument_group("policy")
    group.add_argument(
        "-k", "--insecure", action="store_true", default=None, help="do not verify upstream certificates"
    )
    group.add_argument(
        "--no-http2",
        dest="http2",
        action="store_false",
        default=None,
        help="speak HTTP/1.1 alone, with both sides",
    )
    group.add_argument(
        "--tunnel", action="append", metavar="GLOB", help="pass hosts through undecrypted (repeatable)"
    )
    group.add_argument("--block", action="append", metavar="GLOB", help="refuse hosts (repeatable)")
    tls_options.add(parser)


def _stopping(parser: Parser) -> None:
    group = parser.add_argument_group("debugging (in the app)")
    group.add_argument(
        "--break",
        dest="breakpoints",
        action="append",
        metavar="[STAGE:]EXPR",
        help="pause messages that match, such as method:POST or response:status:5xx; stages: request, "
        "request-body, response, response-body, message-up, message-down, message (repeatable)",
    )


def _recording(parser: Parser) -> None:
    group = parser.add_argument_group("recording")
    group.add_argument(
        "-w", "--write", metavar="FILE", help="record everything to FILE; - is standard output"
    )
    exclusive = group.add_mutually_exclusive_group()
    exclusive.add_argument("--append", action="store_true", help="go on writing an existing FILE")
    exclusive.add_argument("--overwrite", action="store_true", help="replace an existing FILE")
    group.add_argument(
        "--strict-capture",
        action="store_true",
        default=None,
        help="hold traffic rather than lose a recorded event",
    )


def _decoding(parser: Parser) -> None:
    group = parser.add_argument_group("decoding")
    group.add_argument(
        "--proto",
        action="append",
        metavar="FILE",
        help="schema of Protocol Buffers: a descriptor set, or a .proto file (repeatable)",
    )


def _printing(parser: Parser) -> None:
    group = parser.add_argument_group("printing (--dump)")
    group.add_argument("--format", choices=("text", "jsonl"), help="of the lines (text)")
    group.add_argument("--filter", metavar="EXPR", help="print only flows that match, such as status:5xx")
    group.add_argument("-v", "--verbose", action="count", default=0, help="heads too; -vv: bodies too")
    group.add_argument("-q", "--quiet", action="store_true", help="print no flows")
    group.add_argument("--count", type=_positive, metavar="N", help="stop after N flows")
    group.add_argument(
        "--redact",
        action=argparse.BooleanOptionalAction,
        default=None,
        help=_REDACT,
    )


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")
    return int(text)


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return seconds


def is_terminal() -> bool:
    """Return whether a screen can be opened here: it is drawn on standard error."""
    return sys.stdin.isatty() and sys.stderr.isatty()
