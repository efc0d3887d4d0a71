"""No decoder of the registry fails, hangs or grows, whatever it is given; new ones are tested by being in it.

Work is counted in calls and characters, since both bound the time that anything in the program waits. The
seconds of CPU that a test allows are many times what it takes, and only there to end what never would.
"""

from __future__ import annotations

import time
import tracemalloc
from itertools import pairwise
from random import Random

import pytest

from soth_mitm.decode import render
from soth_mitm.decode.about import About
from soth_mitm.decode.registry import DECODERS, OFFERED, Decoder, Given
from soth_mitm.decode.sniff import LOOK
from soth_mitm.decode.views import SMALL_STEP, NotThis, ReadAs, View
from soth_mitm.record.document import HERE_BYTES
from soth_mitm.text import printable
from tests.decode.hostile import BOMBS, HEADS, MEGABYTE, NESTS, REPEATED, filled, samples
from tests.decode.llm.dialects import CHAT_STREAMED
from tests.fuzz.mutating import Mutator

SAMPLES = samples()
VIEWED = [decoder.name for decoder in OFFERED if decoder.make]
SMALL = 300
ENOUGH = 20_000
"""Characters after which a reader stops looking."""
MOST_IN_A_CALL = 20 * MEGABYTE
MOST_SECONDS = 10.0
MOST_SECONDS_IN_A_CALL = 0.03
"""Several times what it should be, for slow machines."""
MOST_MEMORY = 100 * MEGABYTE
OWN = {
    "markup": "elements", "msgpack": "msgpack arrays", "cbor": "cbor without end",
    "protobuf": "protobuf groups",
    "certificate": "DER sequences", "multipart": "parts", "graphql": "objects", "jsonl": "brackets",
}  # fmt: skip
"""The nesting of a format, of which it gets a megabyte; braces where it has none of its own."""
ABOUTS = {"multipart": About(b"multipart/mixed; boundary=B"), "conversation": CHAT_STREAMED.about}

every = pytest.mark.parametrize("name", VIEWED)


class Spent:
    """What a body has cost."""

    def __init__(self) -> None:
        self.calls = 0
        self.characters = 0
        self.longest = 0

    def took(self, text: str) -> str:
        """Count a call."""
        self.calls += 1
        self.characters += len(text)
        self.longest = max(self.longest, len(text))
        return text


def read(name: str, data: bytes, *, ended: bool = True, charset: str = "", enough: int = ENOUGH) -> Spent:
    """Give a decoder a body as a viewer does; check that all it says is safe."""
    decoder = DECODERS[name]
    assert decoder.make is not None
    about = _about(name)
    view = decoder.make(Given(about, data[:LOOK], charset=charset))
    spent = Spent()
    try:
        _read(view, data, spent, ended=ended, enough=enough)
    except ReadAs as again:
        assert not charset, "a body is begun anew once"
        return read(name, data, ended=ended, charset=again.charset, enough=enough)
    except NotThis:
        return spent
    for note in (*view.notes, view.error):
        assert printable(note) == note
    return spent


def _read(view: View, data: bytes, spent: Spent, *, ended: bool, enough: int) -> None:
    texts: list[str] = []
    for start in range(0, max(len(data), 1), view.step):
        final = ended and start + view.step >= len(data)
        texts.append(spent.took(view.feed(data[start : start + view.step], final=final)))
        while view.busy and spent.characters < enough:
            texts.append(spent.took(view.go_on()))
        if spent.characters >= enough:
            break
    else:
        if not ended:
            texts.append(spent.took(view.stop()))
    shown = "".join(texts)[: 2 * SMALL]
    assert all(printable(line) == line for line in shown.split("\n"))


@every
def test_each_decoder_has_a_sample_that_it_shows(name: str) -> None:
    assert SAMPLES[name]
    assert any(render(data, about=_about(name), decoder=name).kind == name for data in SAMPLES[name])


def _about(name: str) -> About:
    return ABOUTS.get(name, About())


@every
def test_samples_may_end_at_every_border(name: str) -> None:
    for data in SAMPLES[name][:6]:
        borders = range(len(data)) if len(data) <= 40 else range(0, len(data), len(data) // 40)
        for end in borders:
            for ended in (True, False):
                read(name, data[:end], ended=ended)


@every
def test_random_bytes_and_changed_samples_do_no_harm(name: str) -> None:
    random, mutator = Random(20_261_129), Mutator(20_261_129)
    for number in range(15):
        read(name, random.randbytes(random.randrange(400)), ended=number % 2 == 0)
        read(name, mutator.made_of(SAMPLES[name])[:SMALL], ended=number % 2 == 0)


@every
def test_bodies_of_one_thing_again_and_again_do_no_harm(name: str) -> None:
    for number, piece in enumerate(REPEATED.values()):
        head = HEADS[number % len(HEADS)]
        read(name, filled(piece, SMALL), ended=number % 2 == 0)
        read(name, head + filled(piece, SMALL), ended=number % 2 == 1)


@every
def test_a_call_leaves_time_for_others(name: str) -> None:
    """Take the shorter time of two, since other programs and the collector cost some as well."""
    random = Random(name)
    bodies = [filled(NESTS[OWN.get(name, "braces")], HERE_BYTES), filled(SAMPLES[name][0], HERE_BYTES)]
    bodies += [filled(piece, HERE_BYTES) for piece in random.sample(sorted(REPEATED.values()), 3)]
    for data in bodies:
        assert min(_longest_call(name, data) for _ in range(2)) < MOST_SECONDS_IN_A_CALL


def _longest_call(name: str, data: bytes) -> float:
    """Return the CPU time of the call that takes longest, fed as a body is that the app reads itself."""
    make = DECODERS[name].make
    assert make is not None
    times = [time.thread_time()]
    try:
        view = make(Given(_about(name), data[:LOOK]))
        for start in range(0, len(data), SMALL_STEP):
            view.feed(data[start : start + SMALL_STEP], final=start + SMALL_STEP >= len(data))
            times.append(time.thread_time())
            while view.busy:
                view.go_on()
                times.append(time.thread_time())
    except (NotThis, ReadAs):
        times.append(time.thread_time())
    return max(after - before for before, after in pairwise(times))


@every
def test_a_megabyte_of_nesting_costs_a_bounded_amount(name: str) -> None:
    begun = time.process_time()
    for kind, piece in NESTS.items():
        data = filled(piece, MEGABYTE if kind == OWN.get(name, "braces") else SMALL * 10)
        spent = read(name, data)
        assert spent.longest <= MOST_IN_A_CALL
        assert spent.calls <= max(len(data) // 64, 20)
    assert time.process_time() - begun < MOST_SECONDS


@every
def test_memory_stays_within_bounds(name: str) -> None:
    bodies = [filled(NESTS[OWN.get(name, "braces")], MEGABYTE // 40), *SAMPLES[name][:1]]
    tracemalloc.start()
    try:
        for data in bodies:
            read(name, data)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < MOST_MEMORY


BOMB = {coding: pack(bytes(4 * MEGABYTE)) for coding, pack in BOMBS.items()}


@pytest.mark.parametrize("coding", BOMB)
@pytest.mark.parametrize("decoder", OFFERED, ids=lambda decoder: decoder.name)
def test_a_bomb_of_one_to_a_thousand_is_shown_by_its_beginning(decoder: Decoder, coding: str) -> None:
    assert len(BOMB[coding]) * 900 < 4 * MEGABYTE
    limit = 5000
    shown = render(BOMB[coding], content_encoding=coding.encode(), decoder=decoder.name, max_output=limit)
    assert shown.truncated
    assert sum(map(len, shown.lines)) <= 6 * limit


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_file_that_is_a_bomb_is_cut_off(coding: str) -> None:
    tracemalloc.start()
    try:
        spent = read("gzip", BOMB[coding])
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < MOST_MEMORY
    assert spent.characters <= MEGABYTE


@pytest.mark.parametrize(
    ("name", "piece"),
    [
        ("certificate", b"-----BEGIN CERTIFICATE-----\n"),
        ("javascript", b"=/["),
        ("css", b"{a"),
        ("markup", b"<pre></pre>"),
    ],
)
def test_work_grows_with_the_size_and_not_with_its_square(name: str, piece: bytes) -> None:
    begun = time.process_time()
    read(name, filled(piece, 60_000), enough=10 * MEGABYTE)
    assert time.process_time() - begun < 2.0
