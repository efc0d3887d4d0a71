"""What each TLS profile speaks, with servers that are strict, usual, or old."""

from __future__ import annotations

import asyncio
import socket
import ssl
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pytest

from soth_mitm.config import TlsProfile, TlsSettings
from soth_mitm.errors import StartError
from soth_mitm.model.tls import TlsFailure
from soth_mitm.net.tls.ca import CertificateAuthority
from soth_mitm.net.tls.failure import classify_upstream
from soth_mitm.net.tls.leaf import LeafCache
from soth_mitm.net.tls.upstream import UpstreamTls
from soth_mitm.policy.tls import UpstreamRule
from tests.net.tls.conftest import Run
from tests.net.tls.support import (
    Behaviour,
    Identity,
    Watcher,
    drain,
    issue,
    limit_versions,
    peer,
    server_context,
    tcp_pair,
)

V = ssl.TLSVersion
Met = tuple[str, str]


async def meet(
    tls: UpstreamTls,
    behaviour: Behaviour,
    rule: UpstreamRule | None = None,
    *,
    name: str = "localhost",
    verify: bool = True,
) -> Met | TlsFailure:
    """Shake hands as the dialler does; return version and cipher, or why it failed."""

    ours, theirs = tcp_pair()
    async with peer(behaviour, theirs):
        try:
            with tls.resuming("127.0.0.1", 443, sni=name, verify=verify):
                context, told = tls.meet(rule or UpstreamRule(), name, verify=verify, alpn=())
                transport, watcher = await asyncio.get_running_loop().create_connection(
                    Watcher, sock=ours, ssl=context, server_hostname=told, ssl_handshake_timeout=10
                )
        except (OSError, StartError) as error:
            ours.close()
            return classify_upstream(error, host=name, port=443)
        ssl_object = transport.get_extra_info("ssl_object")
        met = ssl_object.version(), ssl_object.cipher()[0]
        transport.close()
        await asyncio.wait_for(watcher.lost, 10)
        return met


def serving(sock: socket.socket, *, context: ssl.SSLContext, names: list[str | None] | None = None) -> None:
    """Shake hands as a server, noting the SNI, and read to the end."""
    if names is not None:
        context.sni_callback = lambda _, name, __: names.append(name)
    with context.wrap_socket(sock, server_side=True) as wrapped:
        drain(wrapped)


def server_of(
    root: Identity, directory: Path, lowest: V, highest: V, *, ciphers: str = "", name: str = "localhost"
) -> ssl.SSLContext:
    context = server_context(issue(name, issuer=root), directory)
    if ciphers:
        context.set_ciphers(ciphers)
    limit_versions(context, lowest, highest)
    return context


SERVERS: dict[str, tuple[V, V, str]] = {
    "1.3": (V.TLSv1_3, V.TLSv1_3, ""),
    "1.2": (V.TLSv1_2, V.TLSv1_2, ""),
    "1.0": (V.TLSv1, V.TLSv1, "ALL:@SECLEVEL=0"),
}


@pytest.mark.parametrize(
    ("profile", "server", "verify", "meets"),
    [
        ("strict", "1.3", True, "TLSv1.3"),
        ("strict", "1.2", True, ""),
        ("strict", "1.2", False, ""),
        ("default", "1.3", True, "TLSv1.3"),
        ("default", "1.2", True, "TLSv1.2"),
        ("default", "1.0", True, ""),
        ("default", "1.0", False, "TLSv1"),
        ("compat", "1.3", True, "TLSv1.3"),
        ("compat", "1.0", True, "TLSv1"),
        ("compat", "1.0", False, "TLSv1"),
    ],
)
def test_a_profile_meets_the_servers_that_it_should(
    run: Run[Any],
    root: Identity,
    root_path: Path,
    tmp_path: Path,
    profile: TlsProfile,
    server: str,
    verify: bool,
    meets: str,
) -> None:
    lowest, highest, ciphers = SERVERS[server]
    context = server_of(root, tmp_path, lowest, highest, ciphers=ciphers)
    tls = UpstreamTls(roots=root_path)
    met = run(meet(tls, partial(serving, context=context), UpstreamRule(profile), verify=verify))
    if meets:
        assert met[0] == meets
    else:
        assert met.reason == "no_common_version"
        assert "tls_profile" in met.hint


def test_settings_change_what_the_default_profile_speaks(
    run: Run[Any], root: Identity, root_path: Path, tmp_path: Path
) -> None:
    settings = TlsSettings(upstream_max_version="1.2", upstream_ciphers="ECDHE-ECDSA-AES128-GCM-SHA256")
    tls = UpstreamTls(roots=root_path, settings=settings)
    context = server_of(root, tmp_path, V.TLSv1_2, V.TLSv1_3)
    assert run(meet(tls, partial(serving, context=context))) == ("TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256")
    tls.configure(TlsSettings(upstream_curve="P-384"))
    assert run(meet(tls, partial(serving, context=context)))[0] == "TLSv1.3"


@pytest.mark.parametrize("bad", ["NO-SUCH-CIPHER", "!"])
def test_ciphers_that_do_not_exist_are_an_error_that_names_the_setting(bad: str) -> None:
    tls = UpstreamTls(roots="certifi")
    before = tls.context(verify=False)
    with pytest.raises(StartError, match=r"tls\.upstream_ciphers"):
        tls.configure(TlsSettings(upstream_ciphers=bad))
    assert tls.context(verify=False) is before, "the old settings stay"


def test_each_rule_has_one_context_of_its_own(root_path: Path) -> None:
    tls = UpstreamTls(roots=root_path)
    rules = (
        UpstreamRule(),
        UpstreamRule("strict"),
        UpstreamRule(sni="disabled"),
        UpstreamRule(roots="certifi"),
    )

    def contexts() -> list[ssl.SSLContext]:
        return [tls.meet(rule, "a.test", verify=True, alpn=())[0] for rule in rules]

    assert contexts() == contexts()
    assert len(set(contexts())) == len(rules)


class TestServerName:
    @pytest.mark.parametrize(
        ("mode", "name", "told"),
        [
            ("auto", "localhost", "localhost"),
            ("auto", "127.0.0.1", None),
            ("required", "localhost", "localhost"),
            ("disabled", "localhost", None),
        ],
    )
    def test_the_server_is_told_the_name_or_not(
        self,
        run: Run[Any],
        root: Identity,
        root_path: Path,
        tmp_path: Path,
        mode: Literal["auto", "required", "disabled"],
        name: str,
        told: str | None,
    ) -> None:
        names: list[str | None] = []
        context = server_of(root, tmp_path, V.TLSv1_2, V.TLSv1_3, name=name)
        serve = partial(serving, context=context, names=names)
        met = run(meet(UpstreamTls(roots=root_path), serve, UpstreamRule(sni=mode), name=name))
        assert met[0] == "TLSv1.3"
        assert names == [told]

    def test_an_address_cannot_be_told_where_a_name_is_required(self, run: Run[Any]) -> None:
        failed = run(meet(UpstreamTls(), drain, UpstreamRule(sni="required"), name="127.0.0.1"))
        assert (failed.reason, failed.source, failed.confidence) == (
            "sni_required",
            "settings",
            "authoritative",
        )

    def test_without_sni_the_certificate_is_still_checked_for_the_name(
        self, run: Run[Any], root: Identity, root_path: Path, tmp_path: Path
    ) -> None:
        context = server_of(root, tmp_path, V.TLSv1_2, V.TLSv1_3, name="other.test")
        tls, rule = UpstreamTls(roots=root_path), UpstreamRule(sni="disabled")
        failed = run(meet(tls, partial(serving, context=context), rule))
        assert (failed.reason, failed.source) == ("hostname_mismatch", "verify_code")
        assert run(meet(tls, partial(serving, context=context), rule, verify=False))[0] == "TLSv1.3"

    def test_a_dial_that_names_nobody_trusts_nobody(
        self, run: Run[Any], root: Identity, root_path: Path, tmp_path: Path
    ) -> None:
        context = server_of(root, tmp_path, V.TLSv1_2, V.TLSv1_3)
        unnamed = UpstreamTls(roots=root_path).context(verify=True, named=False)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = unnamed.wrap_bio(incoming, outgoing)
        back, forth = ssl.MemoryBIO(), ssl.MemoryBIO()
        server = context.wrap_bio(back, forth, server_side=True)
        with pytest.raises(ssl.SSLWantReadError):
            client.do_handshake()
        back.write(outgoing.read())
        with pytest.raises(ssl.SSLWantReadError):
            server.do_handshake()
        incoming.write(forth.read())
        with pytest.raises(ssl.SSLCertVerificationError):
            client.do_handshake()


class TestClientCertificate:
    def test_required_and_missing_fails_before_anything_is_sent(self, run: Run[Any]) -> None:
        rule = UpstreamRule(client_cert_mode="required")
        failed = run(meet(UpstreamTls(), drain, rule))
        assert (failed.reason, failed.source) == ("client_certificate_missing", "settings")
        assert "client_cert" in failed.hint

    def test_a_file_that_cannot_be_used_fails_by_name(self, run: Run[Any], tmp_path: Path) -> None:
        rule = UpstreamRule(client_cert=str(tmp_path / "none.pem"))
        failed = run(meet(UpstreamTls(), drain, rule))
        assert (failed.reason, failed.source) == ("client_certificate_unusable", "settings")
        assert "none.pem" in failed.hint

    @pytest.mark.parametrize(
        ("mode", "shown"), [("if-requested", True), ("required", True), ("never", False)]
    )
    def test_a_server_that_asks_gets_it_unless_the_mode_is_never(
        self,
        run: Run[Any],
        root: Identity,
        root_path: Path,
        tmp_path: Path,
        mode: Literal["never", "if-requested", "required"],
        shown: bool,
    ) -> None:
        path = tmp_path / "me.pem"
        path.write_bytes(issue("me", issuer=root).pem)
        context = server_of(root, tmp_path, V.TLSv1_2, V.TLSv1_2)
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(root_path)
        seen: list[bool] = []

        def serve(sock: socket.socket) -> None:
            with context.wrap_socket(sock, server_side=True) as wrapped:
                seen.append(bool(wrapped.getpeercert()))
                drain(wrapped)

        rule = UpstreamRule(client_cert=str(path), client_cert_mode=mode)
        assert run(meet(UpstreamTls(roots=root_path), serve, rule))[0] == "TLSv1.2"
        assert seen == [shown]


class TestClientSide:
    def speaks(self, leaves: LeafCache, ca: CertificateAuthority, lowest: V, highest: V) -> str:
        """Return what a client of these versions and the proxy agree on; empty for nothing."""
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.load_verify_locations(cadata=ca.certificate_pem.decode())
        client.set_ciphers("ALL:@SECLEVEL=0")
        limit_versions(client, lowest, highest)
        back, forth = ssl.MemoryBIO(), ssl.MemoryBIO()
        ours = leaves.context_for("a.test").context.wrap_bio(back, forth, server_side=True)
        theirs = client.wrap_bio(forth, back, server_hostname="a.test")
        done: set[ssl.SSLObject] = set()
        for _ in range(4):
            for side in (theirs, ours):
                try:
                    side.do_handshake()
                    done.add(side)
                except ssl.SSLWantReadError:
                    pass
                except ssl.SSLError:
                    return ""
        return ours.version() or "" if len(done) == 2 else ""

    def test_old_clients_are_served_only_where_the_settings_say_so(
        self, ca: CertificateAuthority, leaves: LeafCache
    ) -> None:
        assert self.speaks(leaves, ca, V.TLSv1, V.TLSv1) == ""
        leaves.configure(TlsSettings(client_min_version="1.0"))
        assert self.speaks(leaves, ca, V.TLSv1, V.TLSv1) == "TLSv1"
        assert self.speaks(leaves, ca, V.TLSv1, V.TLSv1_3) == "TLSv1.3"

    def test_the_newest_version_is_a_setting_too(self, ca: CertificateAuthority, leaves: LeafCache) -> None:
        leaves.configure(TlsSettings(client_max_version="1.2", client_curve="P-256"))
        assert self.speaks(leaves, ca, V.TLSv1_2, V.TLSv1_3) == "TLSv1.2"
        assert self.speaks(leaves, ca, V.TLSv1_3, V.TLSv1_3) == ""

    def test_ciphers_that_do_not_exist_leave_what_was(
        self, ca: CertificateAuthority, leaves: LeafCache
    ) -> None:
        before = leaves.context_for("a.test").context
        with pytest.raises(StartError, match=r"tls\.client_ciphers"):
            leaves.configure(TlsSettings(client_ciphers="NONE-SUCH"))
        assert leaves.context_for("a.test").context is before


class TestReload:
    def test_sessions_of_a_context_that_was_replaced_are_not_offered(
        self, run: Run[Any], root: Identity, root_path: Path, tmp_path: Path
    ) -> None:
        tls = UpstreamTls(roots=root_path)
        context = server_of(root, tmp_path, V.TLSv1_2, V.TLSv1_2)
        resumed: list[bool] = []

        def serve(sock: socket.socket) -> None:
            with context.wrap_socket(sock, server_side=True) as wrapped:
                resumed.append(bool(wrapped.session_reused))
                drain(wrapped)

        async def visit() -> None:
            ours, theirs = tcp_pair()
            async with peer(serve, theirs):
                with tls.resuming("127.0.0.1", 443, sni="localhost"):
                    chosen, told = tls.meet(UpstreamRule(), "localhost", verify=True, alpn=())
                    transport, watcher = await asyncio.get_running_loop().create_connection(
                        Watcher, sock=ours, ssl=chosen, server_hostname=told
                    )
                tls.remember(transport.get_extra_info("ssl_object"))
                transport.close()
                await asyncio.wait_for(watcher.lost, 10)

        for settings in (TlsSettings(), TlsSettings(), TlsSettings(upstream_max_version="1.2")):
            tls.configure(settings)
            run(visit())
        run(visit())
        assert resumed == [False, True, False, True]

    def test_a_file_that_was_replaced_is_read_again(
        self, root: Identity, root_path: Path, tmp_path: Path
    ) -> None:
        path = tmp_path / "me.pem"
        path.write_bytes(issue("me", issuer=root).pem)
        tls = UpstreamTls(roots=root_path)
        own, plain = tls.context(verify=True, client_cert=path), tls.context(verify=True)
        tls.configure(TlsSettings())
        assert tls.context(verify=True, client_cert=path) is not own
        assert tls.context(verify=True) is plain
