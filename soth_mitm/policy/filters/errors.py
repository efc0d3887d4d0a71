"""What is wrong with an expression, and where."""

from __future__ import annotations

from soth_mitm.errors import SothError


class FilterError(SothError):
    """An expression that cannot be understood; `column` counts from 0 into the text."""

    def __init__(self, column: int, message: str) -> None:
        super().__init__(f"filter, column {column + 1}: {message}")
        self.column = column
        self.message = message
