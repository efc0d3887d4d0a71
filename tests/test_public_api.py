"""The names that `import soth_mitm` offers."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

import soth_mitm


def declared() -> dict[str, str]:
    """Return where the type checker finds each public name: module by name."""
    tree = ast.parse(Path(soth_mitm.__file__).read_bytes())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {
        alias.name: node.module
        for node in imports
        for alias in node.names
        if node.module and node.module.startswith("soth_mitm.")
    }


def test_a_type_checker_sees_exactly_the_public_names() -> None:
    assert set(declared()) == set(soth_mitm.__all__)


@pytest.mark.parametrize(("name", "module"), declared().items())
def test_a_public_name_is_the_object_that_the_type_checker_sees(name: str, module: str) -> None:
    assert getattr(soth_mitm, name) is getattr(importlib.import_module(module), name)


def test_the_public_names_are_listed_before_they_are_used() -> None:
    assert set(soth_mitm.__all__) <= set(dir(soth_mitm))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'soth_mitm' has no attribute 'Proxie'$"):
        soth_mitm.Proxie  # noqa: B018 - reading it is the test
