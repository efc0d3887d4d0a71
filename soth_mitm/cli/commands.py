"""The options of each command, with their help."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from soth_mitm.cli import groups
from soth_mitm.cli.groups import port_number, positive, seconds


def _tui(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", metavar="FILE", help="a dump to open: .soth, HAR or mitmproxy")
    parser.add_argument("--dump", action="store_true", help="no screen: one line a flow on stdout")
    parser.add_argument("-r", "--read", metavar="FILE", help="read a dump; - is standard input (with --dump)")
    groups.modes(parser)
    groups.listening(parser, 8080)
    groups.policy(parser)
    groups.server_replay(parser)
    groups.stopping(parser)
    groups.recording(parser)
    groups.decoding(parser)
    groups.printing(parser)
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


def _run(parser: argparse.ArgumentParser) -> None:
    parser.usage = "soth-mitm run [OPTIONS] -- COMMAND [ARGUMENT ...]"
    groups.modes(parser)
    groups.listening(parser, 0)
    groups.policy(parser)
    groups.server_replay(parser)
    groups.recording(parser)
    group = parser.add_argument_group("summary")
    group.add_argument("-q", "--quiet", action="store_true", help="no summary at the end")
    groups.failing(group)


def _replay(parser: argparse.ArgumentParser) -> None:
    parser.usage = "soth-mitm replay [OPTIONS] FILE [EXPR]"
    parser.add_argument("file", metavar="FILE", help="the dump (.soth)")
    parser.add_argument(
        "expression", nargs="?", metavar="EXPR", help="send only flows that match this filter"
    )
    group = parser.add_argument_group("sending")
    group.add_argument("--to", metavar="URL", help="send to this server instead: scheme://host:port")
    group.add_argument("--keep-host", action="store_true", help="leave the Host field as it was, with --to")
    group.add_argument("--times", type=positive, default=1, metavar="N", help="send each N times (1)")
    group.add_argument("--concurrency", type=positive, default=1, metavar="N", help="so many at once (1)")
    group.add_argument(
        "--timeout", type=seconds, metavar="S", help="give up after S seconds of silence (120)"
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
    group.add_argument("--redact", action=argparse.BooleanOptionalAction, default=None, help=groups.REDACT)
    groups.directory(parser)
    parser.add_argument("--config", metavar="FILE", help="settings in TOML")
    groups.policy(parser)
    groups.recording(parser)


def _convert(parser: argparse.ArgumentParser) -> None:
    parser.usage = "soth-mitm convert [OPTIONS] IN OUT [EXPR]"
    parser.add_argument("input", metavar="IN", help="a dump: .soth, HAR or mitmproxy; - is standard input")
    parser.add_argument("output", metavar="OUT", help="the file to write; - is standard output")
    parser.add_argument("expression", nargs="?", metavar="EXPR", help="only flows that match this filter")
    kinds = ("soth", "har", "mitm", "jsonl")
    parser.add_argument(
        "--from", dest="source_format", choices=kinds[:3], help="format of IN (found out from what is in it)"
    )
    parser.add_argument("--to", choices=kinds, help="format of OUT (that of its name)")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing OUT")
    parser.add_argument(
        "--redact", action=argparse.BooleanOptionalAction, default=None,
        help="mask secrets in .har and .jsonl (default: yes)",
    )  # fmt: skip
    parser.add_argument("-q", "--quiet", action="store_true", help="no summary at the end")


def _redact(parser: argparse.ArgumentParser) -> None:
    parser.usage = "soth-mitm redact [OPTIONS] IN OUT"
    parser.add_argument("input", metavar="IN", help="a dump: .soth, HAR or mitmproxy; - is standard input")
    parser.add_argument("output", metavar="OUT", help="the file to write, of any format")
    group = parser.add_argument_group("rules, beside those that always hold")
    for option, what in (
        ("field", "header field"),
        ("cookie", "cookie"),
        ("query", "parameter of a query or a form"),
    ):
        group.add_argument(
            f"--{option}", action="append", metavar="NAME", help=f"mask this {what} (repeatable)"
        )
    group.add_argument(
        "--json", dest="json_path", action="append", metavar="PATH", help="mask $.a.b[*].c (repeatable)"
    )
    group.add_argument(
        "--match", action="append", metavar="REGEX", help="mask what matches, wherever it stands (repeatable)"
    )
    group.add_argument("--keep", action="append", metavar="NAME", help="this name is no secret (repeatable)")
    group.add_argument(
        "--no-default-rules",
        dest="default_rules",
        action="store_false",
        help="mask what is named here, and nothing else",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing OUT")
    parser.add_argument("-q", "--quiet", action="store_true", help="no account at the end")


def _env(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-p", "--listen-port", type=port_number, metavar="N", help="of the proxy on this port"
    )
    parser.add_argument("--unset", action="store_true", help="print what takes the variables back")


def _ca(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=("show", "export", "install", "uninstall", "rotate"),
        help="show it, export the certificate, put it into trust stores or take it out, or make a new one",
    )
    groups.directory(parser)
    parser.add_argument("--format", choices=("pem", "der", "p12"), default="pem", help="of the export (pem)")
    parser.add_argument("--out", metavar="FILE", default="-", help="where to write it; - is standard output")
    parser.add_argument(
        "--store",
        choices=("system", "browsers", "all"),
        help="trust stores to change: the system's, those of Firefox and Chromium, or all (all)",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what install or uninstall would change")


def _doctor(parser: argparse.ArgumentParser) -> None:
    groups.directory(parser)
    parser.add_argument("--config", metavar="FILE", help="settings to check with (config.toml)")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="of what is found (text)")
    parser.add_argument(
        "--probe",
        metavar="HOST",
        help="look at a server instead: trust, chain, OCSP staple, transparency (host, host:port or URL)",
    )


def _demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dump", action="store_true", help="no screen: one line a flow on stdout")
    parser.add_argument("--rate", type=float, default=6.0, metavar="N", help="flows a second (6)")
    groups.listening(parser, 0)
    groups.recording(parser)
    groups.printing(parser)


BUILDERS: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "tui": _tui,
    "run": _run,
    "replay": _replay,
    "convert": _convert,
    "redact": _redact,
    "env": _env,
    "ca": _ca,
    "demo": _demo,
    "doctor": _doctor,
}
"""What adds the options of a command."""
