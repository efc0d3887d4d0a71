"""A proxy with breakpoints that stop nothing: `python -m bench.breaking COUNT --dump -p PORT ...`.

`--dump` has no breakpoints, as nobody is there to let anything go on; so this prints its lines as that
does, to the null device, and sets the breakpoints as the app would.
"""

from __future__ import annotations

import argparse
import asyncio
import os

from soth_mitm.config import Config
from soth_mitm.core import Proxy
from soth_mitm.export.lines import TextPrinter
from soth_mitm.net.loops import run
from soth_mitm.policy.breakpoints import Breakpoint, Stage
from soth_mitm.record.rows import RowFold

EXPRESSIONS = (
    "host:nowhere{}.test",
    "path:/nowhere/{}",
    "method:DELETE path:/{}",
    "header:x-nowhere-{}",
)
"""What they ask for, in turn; the number makes each one another."""


async def _serve(count: int, config: Config) -> None:
    asked = (EXPRESSIONS[number % len(EXPRESSIONS)].format(number) for number in range(count))
    both = (Stage.REQUEST, Stage.RESPONSE)
    async with Proxy(config) as proxy:
        with open(os.devnull, "w", encoding="utf-8") as nothing:

            def write(text: str) -> None:
                nothing.write(text)

            proxy.bus.attach(TextPrinter(write, fold=RowFold()))
            await proxy.control.debugger.attach()  # breakpoints stop nothing where nobody could let go
            breakpoints = [Breakpoint(expression=each, stages=both) for each in asked]
            await proxy.control.debugger.set_breakpoints(breakpoints)
            await asyncio.Event().wait()


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int)
    parser.add_argument("--dump", action="store_true")
    parser.add_argument("-k", action="store_true")
    parser.add_argument("-p", type=int, required=True)
    parser.add_argument("--confdir", required=True)
    options = parser.parse_args()
    config = Config(listen_port=options.p, confdir=options.confdir, insecure=options.k)
    run(_serve(options.count, config))


if __name__ == "__main__":
    _main()
