"""What rules and breakpoints cost that nothing matches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.lane import OURS, Goal, Lane, Relation, Sample

if TYPE_CHECKING:
    from pathlib import Path

    from bench.setting import Bench

RULES, BREAKPOINTS = 20, 5
_ACTIONS = (
    'do = "set-field"\nfield = "X-A"\nvalue = "1"',
    'do = "replace-body"\npattern = "a"',
    'do = "mock"\nbody = "x"',
    'do = "remove-field"\nfield = "x-*"\non = "response"',
)
_ASKED = ("host:never{0}.test", "path:/never{0} method:POST", "status:5xx path:/{0}/", "header:x-never-{0}")
_STOPPED = ("request:host:stop{0}.test", "response:status:418 path:/{0}/", "request-body:path:/stop{0}")


def _settings(path: Path) -> Path:
    rules = (
        f"[[message_rules]]\nwhen = '{_ASKED[number // 4 % 4].format(number)}'\n{_ACTIONS[number % 4]}\n"
        for number in range(RULES)
    )
    path.write_text("\n".join(rules))
    return path


def _measure(bench: Bench, side: str) -> Sample:
    ruled = ["--config", str(_settings(bench.file("rules.toml")))]
    stops = [
        part for number in range(BREAKPOINTS) for part in ("--break", _STOPPED[number % 3].format(number))
    ]
    rates: dict[str, float] = {}
    costs: dict[str, float] = {}
    for name, ours, screen in (
        ("headless", [], False),
        ("headless, ruled", ruled, False),
        ("app", [], True),
        ("app, ruled", [*ruled, *stops], True),
    ):
        with bench.running(side, ours=ours, screen=screen) as target:
            sample = bench.hammer(target, bench.route(target, "/1k"))
            rates[name] = sample.figures["req/s"]
            costs[name] = sample.figures.get("CPU us/req", 0.0)
    figures = {
        "of headless": rates["headless, ruled"] / rates["headless"],
        "of the app": rates["app, ruled"] / rates["app"],
        **{f"req/s {name}": rate for name, rate in rates.items()},
        **{f"CPU us {name}": cost for name, cost in costs.items()},
    }
    return Sample(figures, sample.tails, sample.client, sample.note)


LANES = (
    Lane(
        "ruled",
        "Throughput with rules and breakpoints that match nothing, intercepted, 1 KiB",
        f"soth-mitm --dump -k without rules and with {RULES} of different kinds, then soth-mitm tui -k "
        f"without and with those and {BREAKPOINTS} breakpoints, one after the other. 24 kept connections, "
        "closed loop.",
        _measure,
        (Goal("of headless", Relation.ALONE, 0.8, 0.9), Goal("of the app", Relation.ALONE, 0.8, 0.9)),
        sides=(OURS,),
    ),
)
