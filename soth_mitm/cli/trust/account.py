"""Carry plans out, or print them, and say line by line what was changed and how to take it back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from soth_mitm.cli.trust.steps import StepFailed

if TYPE_CHECKING:
    from soth_mitm.cli.trust.stores import Plan

EXIT_FAILED = 2


def carry_out(plans: list[Plan], write: Callable[[str], object], *, dry_run: bool) -> int:
    """Do what the plans say; return 0, or 2 where a step failed, or something stood in the way of all.

    A store whose step fails is left there; the others go on.
    """
    done = failed = 0
    for plan in plans:
        write(f"{plan.store}:\n")
        if plan.obstacle:
            write(f"  - {plan.obstacle}\n")
            continue
        try:
            for step in plan.steps:
                write(f"  would {step}\n" if dry_run else f"  {step.run()}\n")
        except StepFailed as error:
            write(f"  failed: {error}\n")
            failed += 1
            continue
        done += 1
        if plan.undo:
            write(f"  to undo: {plan.undo}\n")
    if dry_run:
        write("nothing was changed (--dry-run)\n")
    stuck = not done and any(plan.obstacle and not plan.idle for plan in plans)
    return EXIT_FAILED if failed or stuck else 0
