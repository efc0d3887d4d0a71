"""What rules do to heads, targets, cookies and paths."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.policy.editing import RequestDraft
from soth_mitm.policy.rules import actions as a
from soth_mitm.policy.rules.heads import fields_changed, remote_target, request_changed
from soth_mitm.policy.rules.local import file_in, local_path
from soth_mitm.policy.rules.sticky import Sticky

if TYPE_CHECKING:
    from pathlib import Path

FIELDS = ((b"Host", b"a.test"), (b"X-A", b"1"), (b"x-a", b"2"), (b"B", b"3"))


def draft(**changes: object) -> RequestDraft:
    """Return a request."""
    given: dict[str, object] = {
        "scheme": "https", "host": "a.test", "port": 443, "method": b"GET", "target": b"/x?y",
        "fields": FIELDS,
    }  # fmt: skip
    return RequestDraft(**(given | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        (a.SetField(field="X-a", value="9"), ((b"Host", b"a.test"), (b"X-A", b"9"), (b"B", b"3"))),
        (a.SetField(field="New", value="9"), (*FIELDS, (b"New", b"9"))),
        (a.SetField(field="B", value="4", add=True), (*FIELDS, (b"B", b"4"))),
        (a.RemoveField(field="x-A"), ((b"Host", b"a.test"), (b"B", b"3"))),
        (a.RemoveField(field="x*"), ((b"Host", b"a.test"), (b"B", b"3"))),
        (a.ReplaceField(field="x-a", pattern="[12]", replacement="<\\g<0>>"),
         ((b"Host", b"a.test"), (b"X-A", b"<1>"), (b"x-a", b"<2>"), (b"B", b"3"))),
    ],
    ids=["set", "set a new one", "add", "remove", "remove by glob", "replace"],
)  # fmt: skip
def test_fields_are_changed(action: a.Action, fields: object) -> None:
    assert fields_changed(draft(), action).fields == fields


@pytest.mark.parametrize(
    "action",
    [
        a.SetField(field="B", value="3"),
        a.RemoveField(field="none"),
        a.ReplaceField(field="B", pattern="x"),
        a.AntiCache(),
        a.MapRemote(to="http://b.test", prefix="/other"),
    ],
    ids=["set", "remove", "replace", "anti-cache", "map-remote"],
)
def test_what_changes_nothing_is_the_same_object(action: a.Action) -> None:
    request = draft()
    assert request_changed(request, action) is request


def test_what_a_group_brings_in_cannot_end_the_field() -> None:
    made = fields_changed(draft(), a.ReplaceField(field="B", pattern="3", replacement="\\r\\nEvil: 1"))
    assert made.fields[-1] == (b"B", b"Evil: 1")


@pytest.mark.parametrize(
    ("to", "prefix", "target", "wanted"),
    [
        ("http://b", "", b"/x?y", b"/x?y"),
        ("http://b/", "", b"/x", b"/x"),
        ("http://b/v2", "/api", b"/api/users", b"/v2/users"),
        ("http://b/v2/", "/api", b"/api/users?a=/b", b"/v2/users?a=/b"),
        ("http://b/v2/", "/api/", b"/api/users", b"/v2/users"),
        ("http://b/v2", "/api", b"/api", b"/v2"),
        ("http://b/v2", "/api", b"/api?x", b"/v2?x"),
        ("http://b/v2", "/api", b"/apis", None),
        ("http://b", "/api", b"/api", b"/"),
        ("http://b", "", b"*", b"/*"),
    ],
)
def test_a_target_is_mapped(to: str, prefix: str, target: bytes, wanted: bytes | None) -> None:
    assert remote_target(a.MapRemote(to=to, prefix=prefix), target) == wanted


@pytest.mark.parametrize(
    ("to", "host"),
    [("http://b.test", b"b.test"), ("https://b.test:8443", b"b.test:8443"), ("http://[::1]:80", b"[::1]")],
)
def test_the_host_field_follows_unless_it_is_kept(to: str, host: bytes) -> None:
    assert request_changed(draft(), a.MapRemote(to=to)).fields[0] == (b"Host", host)
    assert request_changed(draft(), a.MapRemote(to=to, keep_host=True)).fields == FIELDS
    assert request_changed(draft(), a.RedirectHost(to=to)).fields == FIELDS


def test_a_redirect_keeps_the_scheme_where_none_is_named() -> None:
    made = request_changed(draft(), a.RedirectHost(to="b.test:81"))
    assert (made.scheme, made.host, made.port, made.target) == ("https", "b.test", 81, b"/x?y")


# --- files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [b"/../x", b"/a/../../x", b"/%2e%2e/x", b"/a/%2e%2e%2f..%2fx", b"/..%5cx", b"/C:/x", b"/a%00b", b"/%ff"],
)
def test_a_path_that_would_lead_out_of_the_folder_names_nothing(target: bytes) -> None:
    assert local_path(target, "") is None


def test_a_path_below_its_prefix_is_named() -> None:
    assert str(local_path(b"/static/a%20b/./c?x=../..", "/static")) == "a b/c"
    assert local_path(b"/statics/a", "/static") is None
    assert str(local_path(b"/", "")) == "."


@given(st.binary(max_size=40))
def test_no_path_ever_leads_out(path: bytes) -> None:
    made = local_path(b"/" + path, "")
    assert made is None or (not made.is_absolute() and ".." not in made.parts)


def test_a_link_out_of_the_folder_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    folder = tmp_path / "www"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "index.html").write_text("i")
    (folder / "out").symlink_to(tmp_path / "secret")
    (folder / "in").symlink_to(folder / "sub" / "index.html")

    def found(target: bytes) -> Path | None:
        relative = local_path(target, "")
        assert relative is not None
        return file_in(folder, relative)

    assert found(b"/sub") == found(b"/sub/index.html") == found(b"/in") == folder / "sub" / "index.html"
    assert found(b"/out") is None
    assert found(b"/") is None
    assert found(b"/sub/none") is None


# --- what sticks --------------------------------------------------------------------------------------


def test_cookies_go_where_they_belong() -> None:
    jar = Sticky(10)
    jar.has_set("www.a.test", b"/shop/cart", b"id=1; Path=/shop")
    jar.has_set("www.a.test", b"/shop/cart", b"all=2; Domain=.a.test; Path=/; Secure")
    jar.has_set("www.a.test", b"/shop/cart", b"evil=3; Domain=b.test")
    jar.has_set("www.a.test", b"/shop/cart", b"deep=4")
    assert jar.cookies("www.a.test", b"/shop/x", secure=True) == b"id=1; deep=4; all=2"
    assert jar.cookies("www.a.test", b"/shop/x", secure=False) == b"id=1; deep=4"
    assert jar.cookies("a.test", b"/shop", secure=True) == b"all=2"
    assert jar.cookies("www.a.test", b"/shopping", secure=False) is None
    assert jar.cookies("b.test", b"/", secure=True) is None
    jar.has_set("www.a.test", b"/", b"id=; Path=/shop; Max-Age=0")
    assert jar.cookies("www.a.test", b"/shop", secure=False) == b"deep=4"


def test_what_sticks_is_bounded() -> None:
    jar = Sticky(2)
    for number in range(5):
        jar.authorized(f"h{number}", 80, b"x")
    assert jar.authorization("h2", 80) is None
    assert jar.authorization("H4", 80) == b"x"
    assert jar.authorization("h4", 81) is None
    assert jar.dropped == 3
