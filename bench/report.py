"""The report of a run: a table for people, and JSON for everything else."""

from __future__ import annotations

import datetime
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bench.lane import DIRECT, OURS, PEER, SIDES, Goal, Lane, Relation, Rounds, Verdict, column
from bench.stats import Spread, ratios, short, spread

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

LEFT_OUT = "left out"
"""Why a side is missing that nobody asked for."""

Done = list[tuple[Lane, Rounds, dict[str, str]]]
"""Lanes with their samples, and per side why it is missing."""

HEAD = (
    "lane",
    "figure",
    OURS,
    PEER,
    DIRECT,
    "of direct",
    "compared",
    "median",
    "min .. max",
    "must",
    "aim",
    "",
)
TAILS_HEAD = ("lane", "side", "p50 ms", "p99 ms", "p99.9 ms", "max ms", "load client", "notes")
NUMBERS = frozenset(HEAD[2:6] + HEAD[7:11] + TAILS_HEAD[2:6])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of text with columns as wide as they need, numbers to the right."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(head))]

    def written(line: Sequence[str]) -> str:
        cells = (
            text.rjust(width) if name in NUMBERS else text.ljust(width)
            for text, width, name in zip(line, widths, head, strict=True)
        )
        return "  ".join(cells).rstrip()

    rule = "  ".join("-" * width for width in widths)
    return "\n".join([written(lines[0]), rule, *map(written, lines[1:])])


def _median(rounds: Rounds, side: str, figure: str) -> Spread | None:
    return spread(value for value in column(rounds, side, figure) if value is not None)


def _figures(rounds: Rounds) -> list[str]:
    """Return the names of all figures, in the order in which they first come."""
    samples = (sample for side in rounds.values() for sample in side if sample)
    return list(dict.fromkeys(name for sample in samples for name in sample.figures))


def _bound(goal: Goal, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{'<=' if goal.less else '>='} {value:g}"


def _row(lane: Lane, rounds: Rounds, figure: str, goal: Goal | None) -> list[str]:
    medians = {side: _median(rounds, side, figure) for side in SIDES}
    cells = [short(found.median if found else None) for found in medians.values()]
    of_direct = spread(ratios(column(rounds, OURS, figure), column(rounds, DIRECT, figure)))
    row = [lane.name, figure, *cells, short(of_direct.median if of_direct else None)]
    if goal is None:
        times = spread(ratios(column(rounds, OURS, figure), column(rounds, PEER, figure)))
        compared = Relation.TIMES_PEER.value if times else "-"
        return [*row, compared, *_spread_cells(times), "-", "-", ""]
    found, verdict = goal.result(rounds)
    return [
        *row,
        goal.relation.value,
        *_spread_cells(found),
        _bound(goal, goal.must),
        _bound(goal, goal.aim),
        verdict,
    ]


def _spread_cells(found: Spread | None) -> tuple[str, str]:
    if found is None:
        return "-", "-"
    return short(found.median), f"{short(found.low)} .. {short(found.high)}"


def figure_rows(done: Done) -> list[list[str]]:
    """Return the rows of the table: each figure of each lane, with its goal where it has one."""
    rows = []
    for lane, rounds, _ in done:
        goals = {goal.figure: goal for goal in lane.goals}
        names = _figures(rounds) or list(goals)
        rows += [_row(lane, rounds, figure, goals.get(figure)) for figure in names]
    return rows


def tail_rows(done: Done) -> list[list[str]]:
    """Return the latencies of each side of each lane, the median of the rounds."""
    rows = []
    for lane, rounds, _ in done:
        for side in lane.sides:
            samples = [sample for sample in rounds[side] if sample]
            notes = dict.fromkeys(sample.note for sample in samples if sample.note)
            middle = [
                short(
                    found.median
                    if (found := spread(s.tails[name] for s in samples if name in s.tails))
                    else None
                )
                for name in ("p50", "p99", "p99.9", "max")
            ]
            client = samples[0].client if samples else ""
            if notes or any(text != "-" for text in middle):
                rows.append([lane.name, side, *middle, client or "-", "; ".join(notes)])
    return rows


def not_run(done: Done) -> list[str]:
    """Return one line for each reason why sides of lanes did not run, with the lanes it hit."""
    hit: dict[tuple[str, str], list[str]] = {}
    for lane, _, missing in done:
        for side, why in missing.items():
            if why != LEFT_OUT:
                hit.setdefault((side, why), []).append(lane.name)
    return [f"{side} in {', '.join(lanes)}: {why}" for (side, why), lanes in hit.items()]


def verdicts(done: Done) -> list[tuple[str, Goal, Verdict]]:
    """Return every goal of the run with its lane and its verdict."""
    return [(lane.name, goal, goal.result(rounds)[1]) for lane, rounds, _ in done for goal in lane.goals]


def text(done: Done, facts: Mapping[str, str], command: str) -> str:
    """Return the whole report for a person."""
    parts = ["\n".join(f"{name + ':':22}{value}" for name, value in {"command": command, **facts}.items())]
    parts.append("\n".join(f"{lane.name}: {lane.title}.\n    {lane.method}" for lane, _, _ in done))
    parts.append(table(HEAD, figure_rows(done)))
    if tails := tail_rows(done):
        parts.append(
            "Latency of a request (of an event for sse-delay), median of the rounds\n"
            + table(TAILS_HEAD, tails)
        )
    if absent := not_run(done):
        parts.append("Not run\n" + "\n".join(absent))
    judged = verdicts(done)
    short_of = [f"{name} ({goal.figure})" for name, goal, verdict in judged if verdict is Verdict.SHORT]
    met = sum(verdict in (Verdict.AIM, Verdict.MUST) for _, _, verdict in judged)
    opened = sum(verdict is Verdict.OPEN for _, _, verdict in judged)
    parts.append(
        f"{met} of {len(judged)} goals met, {opened} not compared in this run"
        + (f"; short: {', '.join(short_of)}" if short_of else "")
    )
    return "\n\n".join(parts)


def document(done: Done, facts: Mapping[str, str], command: str) -> dict[str, Any]:
    """Return everything as plain values."""
    lanes = [
        {
            "name": lane.name,
            "title": lane.title,
            "method": lane.method,
            "goals": [_goal(goal, rounds) for goal in lane.goals],
            "rounds": {side: [asdict(s) if s else None for s in samples] for side, samples in rounds.items()},
            "missing": missing,
        }
        for lane, rounds, missing in done
    ]
    return {"command": command, "facts": dict(facts), "lanes": lanes}


def _goal(goal: Goal, rounds: Rounds) -> dict[str, Any]:
    found, verdict = goal.result(rounds)
    return {**asdict(goal), "found": asdict(found) if found else None, "verdict": verdict.value}


def write(folder: Path, content: Mapping[str, Any]) -> Path:
    """Write the JSON file of a run, named after the moment, and return its path."""
    folder.mkdir(exist_ok=True)
    moment = datetime.datetime.now(datetime.UTC)
    path = folder / f"{moment:%Y%m%dT%H%M%SZ}.json"
    path.write_text(
        json.dumps({"finished": moment.isoformat(timespec="seconds"), **content}, indent=2) + "\n"
    )
    return path
