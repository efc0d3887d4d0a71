"""What `--break` and the settings say: stages, an expression, and where one of them is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given as always
from hypothesis import strategies as st

from soth_mitm.config import StageName, load
from soth_mitm.errors import ConfigError
from soth_mitm.policy.breakpoints import Breakpoint, BreakpointError, Stage, given, parse
from soth_mitm.policy.breakpoints.breakpoint import check

MESSAGES = (Stage.MESSAGE_UP, Stage.MESSAGE_DOWN)


@pytest.mark.parametrize(
    ("text", "stages", "expression"),
    [
        ("method:POST", (Stage.REQUEST_BODY,), "method:POST"),
        ("request:method:POST", (Stage.REQUEST,), "method:POST"),
        ("Request-Body: host:api", (Stage.REQUEST_BODY,), "host:api"),
        ("response, message:host:api", (Stage.RESPONSE, *MESSAGES), "host:api"),
        ("res,response:x", (Stage.RESPONSE,), "x"),
        ("message-down", (Stage.MESSAGE_DOWN,), ""),
        ("", (Stage.REQUEST_BODY,), ""),
        ("body:needle", (Stage.REQUEST_BODY,), "body:needle"),
        ("status:5xx host:api", (Stage.RESPONSE_BODY,), "status:5xx host:api"),
        ("~s ~u login", (Stage.RESPONSE_BODY,), "~s ~u login"),
        ("~q ~u login", (Stage.REQUEST_BODY,), "~q ~u login"),
        ("resbody:error or method:POST", (Stage.REQUEST_BODY,), "resbody:error or method:POST"),
        ('"request" host:a', (Stage.REQUEST_BODY,), '"request" host:a'),
    ],
)
def test_stages_stand_before_the_expression_or_follow_from_it(
    text: str, stages: tuple[Stage, ...], expression: str
) -> None:
    assert parse(text) == Breakpoint(expression=expression, stages=stages)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("method:", "'method:', column 7: nothing follows method:"),
        ("response:(a", "'response:(a', column 10: this '(' is not closed"),
        ("reqest:host:a", "column 1: 'reqest' is no stage; did you mean request? In quotes it is a word"),
        ("request,respnse:x", "column 9: 'respnse' is no stage; did you mean response?"),
        ("request,later:x", "'later' is no stage; there are request, request-body,"),
        ("request:status:5xx", "can stop nothing at request: what it asks for is known from the response on"),
        ("dur:>5s", "can stop nothing at response-body: what it asks for is not known while"),
        ("message:is:reused", "not known while a message is on its way"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, says: str) -> None:
    with pytest.raises(BreakpointError) as caught:
        parse(text)
    assert says in str(caught.value)


@always(st.text(alphabet='reqstbody-,: ()!"/~<>x5μ\n', max_size=24))
def test_any_text_is_a_breakpoint_that_can_work_or_an_error(text: str) -> None:
    try:
        made = parse(text)
    except BreakpointError:
        return
    check(made)


@always(st.lists(st.sampled_from(Stage), min_size=1, unique=True))
def test_every_order_of_stages_is_kept(stages: list[Stage]) -> None:
    assert parse(f"{','.join(stages)}:host:a").stages == tuple(stages)


def test_the_settings_know_each_stage_by_its_name() -> None:
    assert get_args(StageName) == tuple(stage.value for stage in Stage)


def settings(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_breakpoints_of_a_file_come_behind_those_of_the_command_line(tmp_path: Path) -> None:
    path = settings(
        tmp_path / "config.toml",
        """
        [[breakpoints]]
        expression = "host:api"
        stages = ["response", "message-up"]
        name = "the API"
        once = true
        [[breakpoints]]
        expression = "method:PUT"
        enabled = false
        """,
    )
    config = load(path, breakpoints=[{"expression": "method:POST", "stages": ["request"]}])
    assert given(config) == (
        Breakpoint(expression="method:POST", stages=(Stage.REQUEST,), given=True),
        Breakpoint(
            expression="host:api",
            stages=(Stage.RESPONSE, Stage.MESSAGE_UP),
            name="the API",
            once=True,
            given=True,
        ),
        Breakpoint(expression="method:PUT", stages=(Stage.REQUEST_BODY,), enabled=False, given=True),
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('expression = "(a"', "settings: breakpoint '(a': filter, column 1: this '(' is not closed"),
        ('expression = "status:5xx"', "can stop nothing at request-body"),
        ("stages = []", "stops at no stage"),
        ('stages = ["reqest"]', "reqest"),
        ('expresion = "a"', "did you mean breakpoints[0].expression?"),
    ],
)
def test_a_breakpoint_of_a_file_that_cannot_work_is_named(tmp_path: Path, text: str, says: str) -> None:
    path = settings(tmp_path / "config.toml", f"[[breakpoints]]\n{text}\n")
    with pytest.raises(ConfigError) as caught:
        given(load(path))
    assert says in str(caught.value)
