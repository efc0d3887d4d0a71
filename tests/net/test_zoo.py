"""The certificate zoo: each wrong upstream is refused or taken as policy says, and its cause is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from soth_mitm.config import HostRule
from soth_mitm.export.lines import TextPrinter
from soth_mitm.model.events import FlowClosed, Side, TlsEstablished, TlsFailed
from soth_mitm.record.rows import RowFold
from tests.helpers.h2peer import Peer, get
from tests.helpers.net import OK, SITE, Lab
from tests.net.menagerie import ZOO, Cage, Keeper, caged
from tests.net.tls.support import issue

GET = b"GET /animal HTTP/1.1\r\nHost: site.test\r\n\r\n"


@pytest.fixture(scope="module")
def keeper(tmp_path_factory: pytest.TempPathFactory) -> Keeper:
    return Keeper(tmp_path_factory.mktemp("zoo"))


async def visit(lab: Lab, cage: Cage, *, whole: bool) -> bytes:
    """Ask the upstream through the proxy; return the answer, to the end of the connection if `whole`."""
    client = await lab.inside(await lab.connect(cage.port), context=lab.client_context())
    client.send(GET)
    answer = await client.rest() if whole else await client.exactly(len(OK))
    client.close()
    await lab.settled()
    return answer


def outcome(lab: Lab) -> str:
    """Return what the row of the last flow says in the end."""
    fold = RowFold()
    rows = [row for event in lab.events if (row := fold.apply(event)) is not None]
    assert rows[-1].error
    return rows[-1].outcome


def printed(lab: Lab) -> str:
    """Return the last line that `--dump` prints of these events."""
    lines: list[str] = []
    fold = RowFold()
    printer = TextPrinter(lines.append, fold=fold)
    for event in lab.events:
        printer(event)
    return lines[-1]


@pytest.mark.parametrize("name", ZOO)
async def test_a_wrong_upstream_is_refused_and_row_event_page_and_line_say_why(
    lab: Lab, keeper: Keeper, name: str
) -> None:
    animal = ZOO[name]
    await lab.start(rules=(HostRule(match="*", roots=str(keeper.roots)),))
    with caged(animal.make(keeper)) as cage:
        answer = await visit(lab, cage, whole=True)
    site = f"{SITE}:{cage.port}"

    assert answer.startswith(b"HTTP/1.1 502 "), answer
    page = answer.decode()
    assert animal.reason.replace("_", " ") in page
    assert animal.says in page
    assert site in page

    told = lab.bodies(TlsFailed)
    failures = {each.body.failure.reason for each in told}
    assert failures == {animal.reason}
    (of_flow,) = {each.body.failure for each in told if each.event.flow}
    assert of_flow.peer == "upstream"
    assert animal.says in of_flow.hint
    (closed,) = lab.all(FlowClosed)
    assert closed.reason == "tls_handshake_failed"

    assert animal.words in outcome(lab)
    line = printed(lab)
    assert "  502  GET " in line
    for text in (animal.words, animal.says, site):
        assert text in line
    assert cage.requests == []


@pytest.mark.parametrize("name", ["expired", "client certificate, TLS 1.2", "client certificate, TLS 1.3"])
async def test_over_http2_the_cause_is_told_as_well_however_late_it_comes(
    lab: Lab, keeper: Keeper, name: str
) -> None:
    animal = ZOO[name]
    await lab.start(rules=(HostRule(match="*", roots=str(keeper.roots)),))
    context = animal.make(keeper)
    context.set_alpn_protocols(["h2"])
    with caged(context) as cage:
        sock = await lab.connect(cage.port)
        wire = await lab.inside(sock, context=lab.client_context(alpn=("h2", "http/1.1")))
        if wire.transport.get_extra_info("ssl_object").selected_alpn_protocol() == "h2":
            client = Peer(wire, client=True)
            answer = (await client.message(client.ask(get(b"/animal")))).body
        else:  # the handshake had failed before ours: HTTP/1.1 is what is safe then
            wire.send(GET)
            answer = await wire.rest()
        wire.close()
        await lab.settled()
    assert animal.says in answer.decode()
    failures = {each.body.failure.reason for each in lab.bodies(TlsFailed) if each.event.flow}
    assert failures == {animal.reason}
    assert animal.words in printed(lab)


TAKEN = [(name, how) for name, animal in ZOO.items() for how in animal.accepted]


@pytest.mark.parametrize(("name", "how"), TAKEN)
async def test_the_same_upstream_is_taken_where_policy_says_so(
    lab: Lab, keeper: Keeper, name: str, how: str
) -> None:
    rule = HostRule(
        match="*",
        roots=str(keeper.roots),
        insecure=how == "insecure",
        tls_profile="compat" if how == "compat" else None,
        client_cert=str(keeper.client) if how == "client_cert" else "",
    )
    await lab.start(rules=(rule,))
    with caged(ZOO[name].make(keeper)) as cage:
        assert await visit(lab, cage, whole=False) == OK
    assert cage.requests == [GET]
    assert lab.all(TlsFailed) == []
    upstream = next(each for each in lab.all(TlsEstablished) if each.side is Side.UPSTREAM)
    assert upstream.verified is (how != "insecure")
    assert "  200  GET " in printed(lab)


@pytest.mark.parametrize("name", [name for name in ZOO if "insecure" not in ZOO[name].accepted])
async def test_insecure_does_not_make_up_for_a_client_certificate(
    lab: Lab, keeper: Keeper, name: str
) -> None:
    await lab.start(insecure=True)
    with caged(ZOO[name].make(keeper)) as cage:
        answer = await visit(lab, cage, whole=True)
    assert b"wants a client certificate" in answer
    assert {each.failure.reason for each in lab.all(TlsFailed)} == {ZOO[name].reason}


@pytest.mark.parametrize("version", ["TLS 1.2", "TLS 1.3"])
async def test_a_client_certificate_of_another_ca_is_told_apart_from_none(
    lab: Lab, keeper: Keeper, version: str, tmp_path: Path
) -> None:
    stranger = tmp_path / "stranger.pem"

    stranger.write_bytes(issue("me").pem)
    rule = HostRule(match="*", roots=str(keeper.roots), client_cert=str(stranger))
    await lab.start(rules=(rule,))
    with caged(ZOO[f"client certificate, {version}"].make(keeper)) as cage:
        answer = await visit(lab, cage, whole=True)
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert {each.failure.reason for each in lab.all(TlsFailed)} == {"client_certificate_unknown_ca"}
    assert "does not trust the issuer of the client certificate" in printed(lab)
