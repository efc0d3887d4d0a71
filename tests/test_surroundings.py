"""The surroundings that conftest.py promises to every test."""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import platformdirs
import pytest
from textual import constants


def test_home_is_an_empty_directory_of_this_run() -> None:
    assert Path.home().name.startswith("soth-home-")
    for directory in (platformdirs.user_config_path("soth-mitm"), platformdirs.user_state_path("soth-mitm")):
        assert directory.is_relative_to(Path.home())


def test_no_variable_of_the_person_reaches_a_test() -> None:
    names = {name.upper() for name in os.environ}
    assert not {name for name in names if name.endswith("_PROXY")}
    assert not names & {"NO_COLOR", "SSLKEYLOGFILE", "TEXTUAL_THEME"}


def test_textual_was_first_imported_after_the_environment_was_cleaned() -> None:
    assert constants.TEXTUAL_ANIMATIONS == "none"
    assert constants.DEFAULT_THEME == "textual-dark"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no tzset")
def test_local_time_is_utc() -> None:
    moment = 1_700_000_000
    assert time.localtime(moment).tm_hour == datetime.fromtimestamp(moment, UTC).hour


@pytest.mark.skipif(not sys.flags.bytes_warning, reason="started without -bb")
def test_comparing_bytes_with_text_is_an_error() -> None:
    wire: object = b"GET"
    with pytest.raises(BytesWarning):
        assert wire != "GET"


def test_the_files_that_workers_begin_with_are_there(pytestconfig: pytest.Config) -> None:
    (surroundings,) = (each for each in pytestconfig.pluginmanager.get_plugins() if hasattr(each, "LONGEST"))
    assert [name for name in surroundings.LONGEST if not (pytestconfig.rootpath / name).is_file()] == []
