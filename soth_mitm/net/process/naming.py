"""The name a person knows a program by: not that of an interpreter, but that of what it runs.

`node /srv/node_modules/.bin/vite` is vite, `python3 -m http.server` is http.server. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from soth_mitm.text import printable

NAME_LIMIT: Final = 80

_PYTHON: Final = re.compile(r"(python|pypy)[\d.]*w?")
_SCRIPT_ENDS: Final = re.compile(r"\.(m?js|cjs|m?ts|cts|jsx|tsx|pyw?|pyc|pyz|rb|pl|php|phar|jar|exe)$", re.I)
_VERSIONED: Final = re.compile(r"(ruby|perl|php)[\d.]*")
_RUNTIMES: Final = frozenset({"node", "nodejs", "deno", "bun", "ts-node", "tsx"})
_MANAGERS: Final = frozenset({"npm", "npx", "pnpm", "yarn", "corepack", "bun", "deno"})
"""What starts programs for others: never the answer to which program it was."""
_COMMON: Final = frozenset({"index", "main", "__main__", "cli", "server", "app", "start", "run", "bin"})
"""Names of files that say nothing; the folder's does."""
_FOLDERS: Final = frozenset(
    {"", ".", "..", "bin", "dist", "build", "lib", "out", "src", "scripts", "esm", "cjs"}
)

# Options whose value is the next argument; what is not listed is taken to stand alone.
_TAKES_VALUE: Final = {
    "node": frozenset({
        "-r", "--require", "--import", "--loader", "--experimental-loader", "-C", "--conditions",
        "--env-file", "--title", "-P", "--project", "-O", "--compiler-options", "--tsconfig", "-c",
        "--config", "--cwd",
        "--preload",
    }),
    "python": frozenset({"-W", "-X", "--check-hash-based-pycs"}),
    "ruby": frozenset({"-I", "-r", "-E", "-C", "--encoding"}),
    "perl": frozenset({"-I"}),
    "php": frozenset({"-c", "-d", "-z", "-S", "-t"}),
    "java": frozenset({"-cp", "-classpath", "--class-path", "-p", "--module-path", "--add-modules"}),
}  # fmt: skip
_CODE: Final = {
    "node": frozenset({"-e", "--eval", "-p", "--print", "-pe"}),
    "python": frozenset({"-c"}),
    "ruby": frozenset({"-e"}),
    "perl": frozenset({"-e", "-E"}),
    "php": frozenset({"-r"}),
}
"""Options after which the program itself stands, which has no name."""
_NAMED_BY: Final = {"python": frozenset({"-m"}), "java": frozenset({"-jar", "-m", "--module"})}
"""Options whose value is what is run."""
_VERBS: Final = frozenset({"run", "exec", "x", "task", "serve", "test", "watch"})
"""What may stand before the script of deno and bun."""


def base_name(path: bytes | str) -> str:
    """Return the last part of a path, of either kind of system, without the ending of a program."""
    text = printable(path, 1000)
    return text.replace("\\", "/").rstrip("/").rpartition("/")[2].removesuffix(".exe")


def runtime_of(name: str) -> str:
    """Return which interpreter a program is, as the tables name it; empty where it is none."""
    lower = name.lower()
    if lower in _RUNTIMES:
        return "node"
    if lower == "java":
        return "java"
    if _PYTHON.fullmatch(lower):
        return "python"
    versioned = _VERSIONED.fullmatch(lower)
    return versioned[1] if versioned else ""


def name_of(
    path: bytes, arguments: Sequence[bytes], comm: str, *, ancestors: Iterable[Sequence[bytes]]
) -> str:
    """Return what to call a program: for an interpreter, by what it runs.

    Of a JavaScript runtime that runs a package, the package; of one that runs a script, the script;
    of one that runs neither, the package that an ancestor runs. `ancestors` are the arguments of those,
    nearest first, and are asked for only then.
    """
    called = base_name(arguments[0]) if arguments else ""
    own = base_name(path) or called or comm
    # One file with many programs in it (busybox) goes by the name it was called by.
    if called and own in ("busybox", "toybox", "coreutils"):
        return called[:NAME_LIMIT]
    runtime = runtime_of(own) or runtime_of(called)
    if not runtime:
        return (own or "unknown")[:NAME_LIMIT]
    named = _what_runs(runtime, arguments[1:])
    if runtime == "node" and named:
        named = package_of(named) or named
    elif runtime == "node":
        named = _of_ancestors(ancestors)
    return (_short(named) or own)[:NAME_LIMIT]


def package_of(script: str) -> str:
    """Return the npm package that a script belongs to; empty where it belongs to none."""
    _, found, rest = script.replace("\\", "/").rpartition("node_modules/")
    if not found:
        return ""
    parts = [part for part in rest.split("/") if part]
    if parts[:1] == [".bin"]:
        parts = parts[1:]
    elif parts[:1] == [".pnpm"]:
        return ""
    if not parts:
        return ""
    return "/".join(parts[:2]) if parts[0].startswith("@") else parts[0]


def _of_ancestors(ancestors: Iterable[Sequence[bytes]]) -> str:
    for arguments in ancestors:
        if arguments and runtime_of(base_name(arguments[0])) == "node":
            package = package_of(_what_runs("node", arguments[1:]))
            if package and package not in _MANAGERS:
                return package
    return ""


def _what_runs(runtime: str, arguments: Sequence[bytes]) -> str:
    """Return the script or module among the arguments of an interpreter; empty for none."""
    left = [printable(argument, 1000) for argument in arguments]
    takes, named = _TAKES_VALUE[runtime], _NAMED_BY.get(runtime, frozenset())
    code = _CODE.get(runtime, frozenset())
    at = 0
    while at < len(left):
        argument = left[at]
        value = left[at + 1] if at + 1 < len(left) else ""
        cluster = argument[:1] + argument[-1:] if len(argument) > 2 and argument[1:].isalpha() else argument
        if argument == "--":
            return value
        if argument in code or (runtime == "python" and cluster in code):
            return ""
        if argument in named or (runtime == "python" and argument[:1] == "-" and cluster in named):
            return value
        if argument[:1] != "-":
            if runtime == "node" and argument in _VERBS and value:
                at += 1
                continue
            return argument
        at += 2 if argument in takes else 1
    return ""


def _short(named: str) -> str:
    """Return a script's own name without its folder and ending; where that says nothing, the folder's."""
    if named.startswith("@") or ("/" not in named and "\\" not in named):
        return _SCRIPT_ENDS.sub("", named)
    *folders, file = named.replace("\\", "/").split("/")
    stem = _SCRIPT_ENDS.sub("", file).removesuffix("-script")
    if stem in _COMMON:
        meant = next((folder for folder in reversed(folders) if folder not in _FOLDERS), "")
        return meant or stem
    return stem
