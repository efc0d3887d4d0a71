"""docs/from-mitmproxy.md: what mitmproxy's keys, filters and options are here.

To write it anew: `python tests/docs/test_from_mitmproxy_page.py > docs/from-mitmproxy.md`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from soth_mitm_tui.actions import ACTIONS, DEFAULT
from soth_mitm_tui.actions.action import readable
from soth_mitm_tui.mitmproxy import KEYS, SAME, here

PAGE = Path(__file__).parents[2] / "docs" / "from-mitmproxy.md"
HEAD = """\
# Coming from mitmproxy

Your fingers know most of it: `j k g G`, `enter`, `q`, `?`, `/` in a flow, `m ; d w X E` do what they
did. A key that does something else here says so once, when you first press it; one that does nothing
here says what to press instead.

| Key | In mitmproxy | Here |
|---|---|---|
"""
REST = """
## What is different, and why

* A stream is shown while it streams. There is no `stream_large_bodies`: bytes go on as they come, and a
  copy is kept up to `capture_body_bytes`.
* Memory is bounded. What was recorded lies in a spill file, so there is nothing to clear; the oldest
  goes first.
* A client that refuses our certificate is a row, with the reason and what to do.
* Filters: the [language](filters.md) has fields, ranges and states; expressions with a `~` mean what
  they mean in mitmproxy. A naked word in one is a regular expression over the URL, as there; without any
  `~` it is plain text looked for in the whole line.
* There is no command line in the app. `^p` finds every action by its words, and shows its key.
* Files: `.soth` records survive a kill, are readable while they are written, and hold open flows too.

## Options

| mitmproxy, mitmdump | Here |
|---|---|
| `mitmproxy`, `mitmdump` | `soth-mitm`, `soth-mitm --dump` |
| `-p N`, `--listen-host H` | the same |
| `-m MODE@[HOST:]PORT` | the same ([modes](modes.md)): regular, transparent, socks5, reverse and upstream |
| `-m upstream:URL`, `--upstream-auth USER:PASS` | the same, with `USER:PASSWORD@` in the URL; SOCKS 5 too |
| `-m local`, `wireguard`, `dns`, `tun` | not in this version |
| `--proxyauth USER:PASS` | `--proxy-auth USER:PASSWORD` |
| `--set keep_host_header=true` | `--keep-host`, or `keep-host` behind one mode |
| `-w FILE`, `-r FILE` | the same; `.soth` instead of `.mitm` |
| `-k`, `--ssl-insecure` | `-k`, `--insecure`; for one host `[[rules]]` with `insecure = true` |
| `--ignore-hosts REGEX` | `--tunnel GLOB` |
| `--set block_list=/~d ads/403` | `--block GLOB` |
| `--set confdir=DIR` | `--confdir DIR` |
| `--set client_certs=PATH` | `--client-cert FILE`, or `client_cert` of a host's rule: [tls.md](tls.md) |
| `--set request_client_cert` | `--request-client-cert CAFILE`; a client's certificate is checked |
| `--set ssl_verify_upstream_trusted_ca=FILE` | `upstream_roots`; `roots` of a rule for one host |
| `--set tls_version_server_min=...`, `ciphers_server` | `--tls-profile`, and `[tls]` in `config.toml` |
| `MITMPROXY_SSLKEYLOGFILE` | `--keylog FILE`, or `SSLKEYLOGFILE` |
| `--flow-detail N` | `-v` for heads, `-vv` for bodies; `--format jsonl` for programs |
| a filter as the last argument | `--filter EXPR` |
| `http://mitm.it` | `http://soth.mitm` |
| `-s script.py` | the handler API: [embedding](embedding.md) |
"""


def page() -> str:
    rows = []
    for entry in KEYS:
        key = readable(entry.key).replace("|", "\\|")
        said = SAME if entry.here == SAME else here(entry, DEFAULT)
        rows.append(f"| `{key}` | {entry.there} | {said} |\n")
    return HEAD + "".join(rows) + REST


def test_the_page_is_that_of_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


def test_what_is_said_to_be_the_same_has_that_key() -> None:
    keys = {key for action in ACTIONS for key in action.keys.split(",")}
    assert {entry.key for entry in KEYS if entry.here == SAME} <= keys


if __name__ == "__main__":
    sys.stdout.write(page())
