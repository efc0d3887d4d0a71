"""Network namespaces with a real redirection: a client, and a gateway with the proxy and the origins."""

from __future__ import annotations

import ctypes
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

CLIENT, GATEWAY = f"soth-client-{os.getpid()}", f"soth-gateway-{os.getpid()}"
SERVER4, SERVER6 = "10.200.1.1", "fd00:200:1::1"
PROXY_PORT = 8080
_CLONE_NEWNET = 0x40000000

_RULES = """
table inet soth {{
  chain incoming {{
    type nat hook prerouting priority dstnat;
    iifname "gate" tcp dport {{ 80, 443 }} redirect to :{port}
  }}
  chain outgoing {{
    type nat hook output priority -100;
    tcp dport 81 redirect to :{port}
  }}
}}
"""


def missing() -> str:
    """Return why no namespaces can be made here; empty where they can."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "network namespaces need root"
    probe = f"soth-probe-{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", probe], capture_output=True).returncode:
        return "this kernel or container allows no network namespaces"
    try:
        rules = _RULES.format(port=1)
        tried = subprocess.run(
            ["ip", "netns", "exec", probe, "nft", "-f", "-"], input=rules.encode(), capture_output=True
        )
        return "" if tried.returncode == 0 else "this kernel redirects no connections (nf_tables, nat)"
    finally:
        subprocess.run(["ip", "netns", "del", probe], capture_output=True)


def inside(name: str, make: Callable[[], T]) -> T:
    """Call `make` in a namespace: sockets, threads and processes that it makes belong there."""
    results: list[T] = []

    def run() -> None:
        descriptor = os.open(Path("/var/run/netns") / name, os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(descriptor, _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
        finally:
            os.close(descriptor)
        results.append(make())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    (result,) = results
    return result


def _ip(*arguments: str, name: str = "") -> None:
    where = ["-n", name] if name else []
    subprocess.run(["ip", *where, *arguments], check=True, capture_output=True)


@contextmanager
def gateway() -> Iterator[None]:
    """Make both namespaces and the way between them; ports 80 and 443 of the server lead to the proxy."""
    with ExitStack() as stack:
        for name in (CLIENT, GATEWAY):
            _ip("netns", "add", name)
            stack.callback(_ip, "netns", "del", name)
            _ip("link", "set", "lo", "up", name=name)
        _ip("link", "add", "way", "netns", CLIENT, "type", "veth", "peer", "name", "gate", "netns", GATEWAY)
        for name, link, number in ((CLIENT, "way", 2), (GATEWAY, "gate", 1)):
            _ip("addr", "add", f"10.200.0.{number}/24", "dev", link, name=name)
            _ip("addr", "add", f"fd00:200::{number}/64", "dev", link, "nodad", name=name)
            _ip("link", "set", link, "up", name=name)
        _ip("addr", "add", f"{SERVER4}/32", "dev", "lo", name=GATEWAY)
        _ip("addr", "add", f"{SERVER6}/128", "dev", "lo", "nodad", name=GATEWAY)
        _ip("route", "add", "default", "via", "10.200.0.1", name=CLIENT)
        _ip("-6", "route", "add", "default", "via", "fd00:200::1", name=CLIENT)
        subprocess.run(
            ["ip", "netns", "exec", GATEWAY, "nft", "-f", "-"],
            input=_RULES.format(port=PROXY_PORT).encode(),
            check=True,
            capture_output=True,
        )
        yield
