"""Rules: what they say when they cannot work, and how they are written in TOML."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.policy.rules import Rule, RuleError, RuleSet, check, described, from_table, name_of, to_table
from soth_mitm.policy.rules import actions as a
from soth_mitm_tui.toml_text import to_toml

if TYPE_CHECKING:
    from pathlib import Path

FAULTS = [
    (a.MapRemote(to="example.com"), "to: 'example.com' must begin with http:// or https://"),
    (a.MapRemote(to="ftp://x"), "ftp:// is neither http:// nor https://"),
    (a.MapRemote(to="http://x", prefix="api"), "prefix: 'api' must begin with /"),
    (a.RedirectHost(to="http://x/path"), "has a path; map-remote can send to one"),
    (a.RedirectHost(to=""), "'' names no host"),
    (a.RedirectHost(to="h:99999"), "'h:99999' names no server: the port is not a number from 1 to 65535"),
    (a.RedirectHost(to="h:0"), "'h:0' names no server: the port is not a number from 1 to 65535"),
    (a.RedirectHost(to="a b"), "to: 'a b' has a character that no address has"),
    (a.RedirectHost(to="(h)"), "to: '(h)' names no host"),
    (a.MapRemote(to="http://[::1"), "to: 'http://[::1' is no address: "),
    (a.MapRemote(to="http://h", prefix="x" * 500), f"prefix: '{'x' * 60}…' must begin with /"),
    (a.MapLocal(path="/no/such/folder"), "path: there is no '/no/such/folder'"),
    (a.MapLocal(path="x" * 500), "path: File name too long: 'xxxx"),
    (a.MapLocal(path="~nobody-here/x"), "path: ~nobody-here: there is no such home directory"),
    (a.RemoveField(field="a[b c]"), "'a[b c]' is no field name"),
    (a.Mock(status=99), "status: 99 is not in 200..599"),
    (a.Mock(fields=("nothing",)), "fields: 'nothing': it must be written Name: value"),
    (a.Mock(fields=("A: b\r\nC: d",)), "value: a line break or NUL would end the field"),
    (a.Mock(body="x", file="y"), "body and file exclude each other"),
    (a.Mock(file="/no/file"), "file: there is no file '/no/file'"),
    (a.SetField(field="a b", value=""), "'a b' is no field name"),
    (a.SetField(field="Content-Length", value="1"), "Content-Length follows from the body"),
    (a.SetField(field="A", value="1\n2"), "value: a line break"),
    (a.ReplaceField(field="A", pattern="("), "pattern: '(', column 1: missing ), unterminated subpattern"),
    (a.ReplaceField(field="A", pattern="(a)", replacement="\\2"), "replacement: '\\\\2': invalid group"),
    (a.ReplaceBody(pattern="a{99999999999}"), "'a{99999999999}': the repetition number is too large"),
    (a.ReplaceBody(pattern=""), "pattern: it is empty"),
    (a.ReplaceBody(pattern="a*"), "matches nothing at all, which is everywhere"),
    (a.ReplaceBody(pattern="(a+)+b"), "the repetition at column 1 would take for ever to fail"),
    (a.Delay(seconds=301), "seconds: 301 is more than 300"),
    (a.LimitRate(bytes_per_second=0), "bytes-per-second: 0 is less than 1"),
    (a.Fail(after_bytes=1, after_messages=1), "exclude each other"),
    (a.Fail(after_bytes=-1), "after-bytes: -1 is less than 0"),
    (a.Fail(after_messages=-1), "after-messages: -1 is less than 0"),
    (a.Delay(seconds=0), "seconds: 0 is not more than 0"),
]


@pytest.mark.parametrize(("action", "says"), FAULTS, ids=[str(n) for n in range(len(FAULTS))])
def test_a_rule_that_cannot_work_says_what_of_it_and_why(action: a.Action, says: str) -> None:
    with pytest.raises(RuleError) as caught:
        check(Rule(action=action, name="it"))
    assert str(caught.value).startswith("the rule 'it': ")
    assert says in str(caught.value)


def test_an_expression_that_cannot_be_read_says_where() -> None:
    with pytest.raises(RuleError, match=r"the rule 'it': expression 'status:', column \d+: "):
        check(Rule(action=a.AntiCache(), expression="status:", name="it"))


def test_rules_that_cannot_work_leave_those_that_are_there() -> None:
    rules = RuleSet()
    rules.replace([Rule(action=a.AntiCache())])
    with pytest.raises(RuleError):
        rules.replace([Rule(action=a.AntiCache()), Rule(action=a.Delay(seconds=-1))])
    assert len(rules.states) == 1


def test_hits_stay_with_a_rule_and_those_of_the_file_come_first() -> None:
    rules = RuleSet()
    rules.replace([Rule(action=a.AntiCache(), name="own")])
    rules.replace([Rule(action=a.AntiCache(), name="file")], from_file=True)
    own = rules.states[1].rule
    rules.hit(own)
    rules.replace([Rule(action=a.NoCompression(), name="new"), own])
    assert [(each.rule.name, each.hits, each.from_file) for each in rules.states] == [
        ("file", 0, True), ("new", 0, False), ("own", 1, False),
    ]  # fmt: skip
    assert len({each.rule.id for each in rules.states}) == 3


WORDS = st.text("abc/\\'\" äö", min_size=1, max_size=8)
LINES = st.lists(WORDS, max_size=3).map(tuple)
ACTIONS = st.one_of(
    st.builds(a.MapRemote, to=WORDS, prefix=WORDS, keep_host=st.booleans()),
    st.builds(a.MapLocal, path=WORDS, missing=st.sampled_from(["404", "forward"])),
    st.builds(
        a.Mock, status=st.integers(200, 599), fields=st.lists(WORDS, max_size=3).map(tuple), body=WORDS
    ),
    st.builds(a.SetField, field=WORDS, value=WORDS, on=st.sampled_from(["request", "response"])),
    st.builds(a.ReplaceBody, pattern=WORDS, literal=st.booleans()),
    st.builds(a.Delay, seconds=st.floats(0.01, 300)),
    st.builds(a.Fail, after_bytes=st.none() | st.integers(0, 10**9)),
    st.builds(a.StickyAuth),
)


@given(ACTIONS, WORDS, WORDS, st.booleans())
def test_a_rule_is_read_as_it_was_written(action: a.Action, name: str, folder: str, enabled: bool) -> None:
    rule = Rule(action=action, name=name, folder=folder, expression=name, enabled=enabled)
    text = to_toml({"message_rules": [to_table(rule)]})
    (table,) = tomllib.loads(text)["message_rules"]
    assert from_table(table, "here") == rule


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"do": "set-feild"}, "here: do = 'set-feild' is no action; did you mean set-field?"),
        ({}, "here: do = None is no action; known: map-remote, "),
        ({"do": "block", "statsu": 1}, "here: block has no key statsu; did you mean status?"),
        ({"do": "block", "status": "x"}, "here: status must be a whole number, not text"),
        ({"do": "set-field", "field": "a"}, "here: value is missing"),
        (
            {"do": "delay", "seconds": 1, "enabled": 3},
            "enabled must be true or false, not a whole number",
        ),
    ],
)
def test_a_table_that_cannot_be_read_says_what_and_what_may_be_meant(
    table: dict[str, object], says: str
) -> None:
    with pytest.raises(RuleError) as caught:
        from_table(table, "here")
    assert says in str(caught.value)


def test_every_action_has_a_name_and_is_described() -> None:
    assert len({name_of(kind) for kind in a.KINDS}) == len(a.KINDS) == 16
    assert described(a.Mock(status=404)) == "404"
    assert Rule(action=a.Delay(seconds=1)).title == "delay response by 1 s"
    assert Rule(action=a.AntiCache()).title == "anti-cache"


def test_a_mocks_file_and_a_folder_may_be_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "x.json").write_text("{}")
    check(Rule(action=a.Mock(file="~/x.json")))
    check(Rule(action=a.MapLocal(path="~")))
