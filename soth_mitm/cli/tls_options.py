"""The options of TLS, and the settings of `[tls]` that they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import argparse

OPTIONS: Final = {
    "tls_profile": ("--tls-profile", "profile"),
    "client_cert": ("--client-cert", "client_cert"),
    "request_client_cert": ("--request-client-cert", "request_client_cert"),
    "keylog": ("--keylog", "keylog"),
}
"""Option and setting, by the name of the argument."""


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options of TLS to a parser."""
    group = parser.add_argument_group("TLS")
    group.add_argument(
        "--tls-profile",
        choices=("strict", "default", "compat"),
        help="TLS with upstreams: 1.3 alone, 1.2 and 1.3, or all that old servers speak (default)",
    )
    group.add_argument(
        "--client-cert", metavar="FILE", help="certificate and key for upstreams that ask (PEM)"
    )
    group.add_argument(
        "--request-client-cert",
        metavar="CAFILE",
        help="ask clients for a certificate that comes from a CA in CAFILE",
    )
    group.add_argument(
        "--keylog", metavar="FILE", help="write TLS secrets to FILE, for Wireshark (SSLKEYLOGFILE does too)"
    )


def given(arguments: argparse.Namespace) -> dict[str, str] | None:
    """Return the settings of `[tls]` that were given as options; None for none."""
    named = {setting: getattr(arguments, name, None) for name, (_, setting) in OPTIONS.items()}
    return {setting: value for setting, value in named.items() if value is not None} or None
