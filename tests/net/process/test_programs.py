"""What is kept of processes, and when it is looked at anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from soth_mitm.model.events import ProcessKnown
from soth_mitm.net.process.ends import Ends
from soth_mitm.net.process.programs import Programs, Tally
from soth_mitm.net.process.source import Facts

ENDS = Ends(("127.0.0.1", 1), ("127.0.0.1", 2))


class Machine:
    """Processes as a test says they are."""

    def __init__(self) -> None:
        self.processes: dict[int, tuple[str, str, int, str]] = {}
        self.holds: dict[Ends, int] = {}
        self.likely: list[list[int]] = []
        self.looked_at = 0

    def run(self, pid: int, command: str, *, start: str = "1", parent: int = 0) -> None:
        self.processes[pid] = (start, command.split()[0], parent, command)

    def owners(self, wanted: Mapping[int, Ends], likely: Iterable[int]) -> dict[int, int]:
        self.likely.append(list(likely))
        return {number: self.holds[ends] for number, ends in wanted.items() if ends in self.holds}

    def facts(self, pid: int) -> Facts | None:
        if pid not in self.processes:
            return None
        start, comm, parent, _ = self.processes[pid]
        return Facts(pid, start, comm, parent)

    def command(self, pid: int) -> tuple[bytes, list[bytes]]:
        self.looked_at += 1
        command = self.processes[pid][3].encode() if pid in self.processes else b""
        return command.split()[0] if command else b"", command.split()


def programs(machine: Machine, capacity: int = 10) -> Programs:
    return Programs(machine, capacity=capacity)


def ends(number: int) -> Ends:
    return Ends(("127.0.0.1", number), ("127.0.0.1", 2))


def names(found: Mapping[int, ProcessKnown]) -> dict[int, str]:
    return {number: program.name for number, program in found.items()}


def test_a_process_is_looked_at_once_however_often_it_connects() -> None:
    machine, tally = Machine(), Tally()
    machine.run(5, "curl", parent=4)
    machine.run(4, "zsh")
    machine.holds = {ends(1): 5, ends(2): 5}
    kept = programs(machine)
    found = kept.find({1: ends(1), 2: ends(2), 3: ends(3)}, tally)
    assert names(found) == {1: "curl", 2: "curl"}
    assert (found[1].parent, found[1].parent_pid) == ("zsh", 4)
    looked_at = machine.looked_at
    kept.find({4: ends(1)}, tally)
    assert machine.looked_at == looked_at
    assert (tally.hits, tally.misses, tally.reused) == (2, 1, 0)


def test_a_number_that_another_process_has_now_is_noticed() -> None:
    machine, tally = Machine(), Tally()
    machine.run(5, "curl", start="1")
    machine.holds = {ends(1): 5}
    kept = programs(machine)
    kept.find({1: ends(1)}, tally)
    machine.run(5, "curl --again", start="2")
    assert kept.find({2: ends(1)}, tally)[2].command == "curl --again"
    assert tally.reused == 1


def test_a_process_that_became_another_program_is_looked_at_anew() -> None:
    machine, tally = Machine(), Tally()
    machine.run(5, "sh -c x")
    machine.holds = {ends(1): 5}
    kept = programs(machine)
    kept.find({1: ends(1)}, tally)
    machine.run(5, "wget x")
    assert names(kept.find({2: ends(1)}, tally)) == {2: "wget"}
    assert (tally.reused, tally.misses) == (0, 2)


def test_the_program_used_longest_ago_is_forgotten_first() -> None:
    machine, tally = Machine(), Tally()
    for pid in (1, 2, 3):
        machine.run(pid, f"p{pid}")
        machine.holds[ends(pid)] = pid
    kept = programs(machine, capacity=2)
    for pid in (1, 2, 1, 3):
        kept.find({pid: ends(pid)}, tally)
    assert tally.evicted == 1
    assert machine.likely == [[], [1], [2, 1], [1, 2]]
    kept.find({1: ends(1)}, tally)
    assert tally.hits == 2


def test_a_process_that_the_kernel_named_is_not_searched_for() -> None:
    machine = Machine()
    machine.run(5, "curl")
    assert names(programs(machine).find({1: Ends(("", 0), ("", 0), 5)}, Tally())) == {1: "curl"}
    assert machine.likely == []


def test_a_process_that_is_gone_by_now_has_no_name() -> None:
    machine = Machine()
    machine.holds = {ENDS: 5}
    assert programs(machine).find({1: ENDS}, Tally()) == {}


def test_a_long_command_is_shortened_and_made_safe() -> None:
    machine = Machine()
    machine.run(5, "curl \x1b[2J" + "x" * 9000)
    program = programs(machine).find({1: Ends(("", 0), ("", 0), 5)}, Tally())[1]
    assert program.command.startswith("curl \\x1b[2J")
    assert len(program.command) == 400


def test_circles_and_long_lines_of_parents_end() -> None:
    machine = Machine()
    machine.run(5, "node -e x", parent=6)
    machine.run(6, "node -e x", parent=5)
    assert names(programs(machine).find({1: Ends(("", 0), ("", 0), 5)}, Tally())) == {1: "node"}
    assert machine.looked_at < 10
