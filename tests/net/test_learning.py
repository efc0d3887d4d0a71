"""Learned pass-through over real connections: clients refuse, the host passes, a person takes it back."""

from __future__ import annotations

import ssl

import pytest

from soth_mitm.config import TlsSettings
from soth_mitm.export.lines import TextPrinter
from soth_mitm.model.events import FlowKind, FlowOpened, Noted, Notice, PolicyDecided, TlsLearningAudit
from soth_mitm.record.rows import RowFold
from tests.helpers.net import OK, SITE, Lab, Origin
from tests.helpers.wire import Handshake, Wire


async def refuse(lab: Lab, origin: Origin, times: int) -> None:
    """Have clients that do not trust the CA connect."""
    for _ in range(times):
        before = len(lab.all(TlsLearningAudit))
        client = await lab.inside(await lab.connect(origin.port))
        with pytest.raises(ssl.SSLCertVerificationError):
            await Handshake(client, lab.client_context(trusts=False), name=SITE).run()
        await lab.told(TlsLearningAudit, before + 1)


async def through(lab: Lab, origin: Origin) -> Wire:
    """Shake hands with the origin itself."""
    context = ssl.create_default_context(cafile=str(lab.world.roots))
    return await lab.inside(await lab.connect(origin.port), context=context)


async def test_three_refusals_make_a_host_pass_through_and_a_person_takes_it_back(lab: Lab) -> None:
    await lab.start()
    origin = await lab.origin(tls=True)
    await refuse(lab, origin, 3)
    audits = lab.all(TlsLearningAudit)
    assert [(each.host, each.decision, each.code, each.count) for each in audits] == [
        (SITE, "applied", "authoritative", count) for count in (1, 2, 3)
    ]
    assert [each.passes_for for each in audits] == [0.0, 0.0, 900.0]
    assert (audits[2].after, audits[2].applied, audits[2].ignored) == (3, 3, 0)
    (notice,) = [each for each in lab.all(Notice) if "passes through undecrypted" in each.text]
    assert notice.level == "warning"
    assert notice.text.startswith(f"{SITE}: clients refused our certificate 3 times")

    client = await through(lab, origin)
    client.send(b"GET / HTTP/1.1\r\n\r\n")
    opened = lab.all(FlowOpened)[-1]
    assert (opened.flow_kind, opened.host) == (FlowKind.TUNNEL, SITE)
    decided = lab.all(PolicyDecided)[-1]
    assert (decided.action, decided.reason) == ("tunnel", "learned_passthrough")
    note = lab.all(Noted)[-1]
    assert (note.code, note.detail) == (
        "learned_passthrough",
        "clients refused our certificate 3 times; for another 15 min",
    )
    ((learned, left),) = await lab.running.control.passed_through()
    assert (learned.host, learned.refusals) == (SITE, 3)
    assert 0 < left <= 900

    assert await lab.running.control.forget_passthrough(SITE)
    assert not await lab.running.control.forget_passthrough(SITE)
    assert await lab.running.control.passed_through() == ()
    link = await lab.link("tls", origin=origin)
    assert lab.all(PolicyDecided)[-1].action == "intercept"
    assert link.client.transport.get_extra_info("peercert")["issuer"][0][0][1].startswith("soth-mitm CA")


async def test_the_row_says_why_it_passes_through_and_how_to_take_that_back(lab: Lab) -> None:
    await lab.start(tls=TlsSettings(passthrough_after=1))
    origin = await lab.origin(tls=True)
    await refuse(lab, origin, 1)
    client = await through(lab, origin)
    client.close()
    await lab.settled()
    out: list[str] = []
    fold = RowFold()
    printer = TextPrinter(out.append, fold=fold)
    for event in lab.events:
        printer(event)
    started, ended = out[-2:]
    assert "tunnel: learned passthrough" in started
    assert ended.count("learned passthrough") == 1
    assert f"Clients refused the certificate for {SITE}" in ended


async def test_a_client_that_only_hangs_up_never_teaches_anything(lab: Lab) -> None:
    await lab.start(tls=TlsSettings(passthrough_after=1))
    origin = await lab.origin(tls=True)
    for number in range(3):
        client = await lab.inside(await lab.connect(origin.port), context=lab.client_context())
        client.close()
        audit = (await lab.told(TlsLearningAudit, number + 1))[-1]
        assert (audit.decision, audit.code, audit.confidence) == ("ignored", "inferred_signal", "inferred")
    await lab.link("tls", origin=origin)
    assert {each.action for each in lab.all(PolicyDecided)} == {"intercept"}


async def test_a_client_that_trusts_the_authority_clears_the_count(lab: Lab) -> None:
    await lab.start()
    origin = await lab.origin(tls=True)
    await refuse(lab, origin, 2)
    for _ in range(2):
        await origin.accept()
    link = await lab.link("tls", origin=origin)
    await link.pass_request(link.get())
    await link.pass_response(OK)
    link.client.close()
    await lab.settled()
    await refuse(lab, origin, 1)
    assert [each.count for each in lab.all(TlsLearningAudit)] == [1, 2, 1]


async def test_switched_off_a_host_is_refused_as_often_as_clients_like(lab: Lab) -> None:
    await lab.start(tls=TlsSettings(passthrough_after=0))
    origin = await lab.origin(tls=True)
    await refuse(lab, origin, 4)
    assert {each.code for each in lab.all(TlsLearningAudit)} == {"switched_off"}
    assert {each.action for each in lab.all(PolicyDecided)} == {"intercept"}


async def test_an_sni_that_differs_from_the_host_of_the_connect_is_noted_on_its_conn(lab: Lab) -> None:
    await lab.start()
    origin = await lab.origin(tls=True, names=("named.test",))
    await lab.inside(await lab.connect(origin.port), host="named.test", context=lab.client_context())
    (told,) = lab.bodies(Noted)
    assert (told.body.code, told.body.detail) == (
        "sni_mismatch",
        f"CONNECT named {SITE}, the SNI named.test",
    )
    assert told.event.conn
    assert not told.event.flow


@pytest.mark.parametrize(("host", "name"), [("127.0.0.1", "named.test"), ("Named.TEST", "named.test")])
async def test_an_sni_that_only_looks_different_is_not_noted(lab: Lab, host: str, name: str) -> None:
    await lab.start()
    origin = await lab.origin(tls=True, names=(name,))
    await lab.inside(await lab.connect(origin.port, host=host), host=name, context=lab.client_context())
    assert lab.bodies(Noted) == []
