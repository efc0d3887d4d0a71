"""Options that several commands have, in groups, and how their values are read."""

from __future__ import annotations

import argparse

from soth_mitm.cli import tls_options

REDACT = "mask secrets in what is printed (default: yes)"


def directory(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--confdir", metavar="DIR", help="where the CA and the settings live")


def modes(parser: argparse.ArgumentParser) -> None:
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


def listening(parser: argparse.ArgumentParser, port: int) -> None:
    group = parser.add_argument_group("listening")
    group.add_argument(
        "-p",
        "--listen-port",
        type=port_number,
        metavar="N",
        help=f"port ({port}; 0 picks a free one and prints it)",
    )
    group.add_argument("--listen-host", metavar="H", help="address (127.0.0.1)")
    directory(parser)
    parser.add_argument("--config", metavar="FILE", help="settings in TOML; read again on SIGUSR1")


def policy(parser: argparse.ArgumentParser) -> None:
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


def server_replay(parser: argparse.ArgumentParser) -> None:
    """Add what answers from dumps."""
    group = parser.add_argument_group("server replay")
    group.add_argument(
        "--server-replay", action="append", metavar="FILE", help="answer from this dump (repeatable)"
    )
    group.add_argument(
        "--server-replay-extra",
        choices=("forward", "fail"),
        help="what becomes of requests that were not recorded (forward)",
    )
    group.add_argument(
        "--server-replay-ignore",
        action="append",
        metavar="PART",
        help="may differ: scheme, host, port, query, query:NAME, body (repeatable)",
    )


def stopping(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("debugging (in the app)")
    group.add_argument(
        "--break",
        dest="breakpoints",
        action="append",
        metavar="[STAGE:]EXPR",
        help="pause messages that match, such as method:POST or response:status:5xx; stages: request, "
        "request-body, response, response-body, message-up, message-down, message (repeatable)",
    )


def recording(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("recording")
    group.add_argument(
        "-w", "--write", metavar="FILE", help="record everything to FILE; - is standard output"
    )
    exclusive = group.add_mutually_exclusive_group()
    exclusive.add_argument("--append", action="store_true", help="go on writing an existing FILE")
    exclusive.add_argument("--overwrite", action="store_true", help="replace an existing FILE")
    group.add_argument("--write-filter", metavar="EXPR", help="record only flows that match")
    group.add_argument(
        "--rotate",
        action="append",
        metavar="AMOUNT",
        help="go on in a new file after 100MB, 10min or 5000 flows; FILE is a directory (repeatable)",
    )
    group.add_argument(
        "--keep",
        action="append",
        metavar="AMOUNT",
        help="remove the oldest files beyond 10GB, 7d or 20 files (repeatable)",
    )
    group.add_argument("--compress", action="store_true", help="compress what is recorded (Zstandard)")
    group.add_argument(
        "--strict-capture",
        action="store_true",
        default=None,
        help="hold traffic rather than lose a recorded event",
    )


def decoding(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("decoding")
    group.add_argument(
        "--proto",
        action="append",
        metavar="FILE",
        help="schema of Protocol Buffers: a descriptor set, a .proto file, or grpc://HOST:PORT to ask a "
        "server by reflection (repeatable)",
    )


def printing(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("printing (--dump)")
    group.add_argument("--format", choices=("text", "jsonl"), help="of the lines (text)")
    group.add_argument("--filter", metavar="EXPR", help="print only flows that match, such as status:5xx")
    group.add_argument("-v", "--verbose", action="count", default=0, help="heads too; -vv: bodies too")
    group.add_argument("-q", "--quiet", action="store_true", help="print no flows")
    group.add_argument(
        "--line",
        metavar="TEMPLATE",
        help="a line of your own, such as '{status} {url}' (docs/cli.md)",
    )
    group.add_argument("-n", "--count", type=positive, metavar="N", help="stop after N flows")
    group.add_argument("--exit-after", type=seconds, metavar="S", help="stop after S seconds")
    failing(group)
    group.add_argument(
        "--redact",
        action=argparse.BooleanOptionalAction,
        default=None,
        help=REDACT,
    )


def failing(group: argparse._ArgumentGroup) -> None:
    """Add what makes flows fail the run."""
    group.add_argument(
        "--fail-on", metavar="EXPR", help="exit with 3 where a flow matches, such as status:5xx"
    )


def port_number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")
    return int(text)


def positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return seconds
