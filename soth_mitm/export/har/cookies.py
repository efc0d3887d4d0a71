"""Cookies of a head as HAR lists them. What is not understood is left out: the headers have it all."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from soth_mitm.export.har.shapes import Cookie

if TYPE_CHECKING:
    from collections.abc import Iterable


def sent(values: Iterable[str]) -> list[Cookie]:
    """Return the cookies of `Cookie` fields."""
    return [
        Cookie(name.strip(), value.strip())
        for field in values
        for part in field.split(";")
        for name, equals, value in [part.partition("=")]
        if equals and name.strip()
    ]


def given(values: Iterable[str]) -> list[Cookie]:
    """Return the cookies of `Set-Cookie` fields."""
    return [cookie for value in values if (cookie := _given(value)) is not None]


def _given(value: str) -> Cookie | None:
    first, *attributes = value.split(";")
    name, equals, text = first.partition("=")
    if not equals:
        return None
    cookie = Cookie(name.strip(), text.strip())
    for attribute in attributes:
        key, _, text = (part.strip() for part in attribute.partition("="))
        match key.lower():
            case "path":
                cookie.path = text
            case "domain":
                cookie.domain = text
            case "expires":
                cookie.expires = _iso(text)
            case "httponly":
                cookie.http_only = True
            case "secure":
                cookie.secure = True
            case "samesite":
                cookie.same_site = text
    return cookie


def _iso(text: str) -> str:
    try:
        return parsedate_to_datetime(text.replace("-", " ")).isoformat()
    except (ValueError, TypeError, IndexError, OverflowError):
        return ""
