"""The tables of a part of a row index, and under which numbers a page has what stands in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soth_mitm.record.packed import Packed, Result, Site
    from soth_mitm.record.pages import Page

_NEW = -1


class Tables:
    """Belongs to one part and one index. Of a page only what its rows need is asked for."""

    __slots__ = ("_page", "_result_ids", "_site_ids", "results", "sites")

    def __init__(self, sites: list[Site], results: list[Result]) -> None:
        self.sites = sites
        self.results = results
        self._page: Page | None = None
        self._site_ids: list[int] = []
        self._result_ids: list[int] = []

    def of(self, page: Page, row: Packed) -> tuple[int, int]:
        """Return the numbers of the site and the result of a row in a page."""
        if page is not self._page:
            self._page = page
            self._site_ids = [_NEW] * len(self.sites)
            self._result_ids = [_NEW] * len(self.results)
        site = self._site_ids[row.site]
        if site < 0:
            site = self._site_ids[row.site] = page.site_id(self.sites[row.site])
        result = self._result_ids[row.result]
        if result < 0:
            told = self.results[row.result]
            result = page.result_id(told)
            if told[18] <= 0:  # what a page makes of a call of gRPC depends on what it has already
                self._result_ids[row.result] = result
        return site, result
