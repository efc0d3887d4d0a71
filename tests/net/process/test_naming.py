"""What a program is called: of an interpreter, what it runs."""

from __future__ import annotations

import pytest

from soth_mitm.net.process.naming import NAME_LIMIT, name_of, package_of


def named(command: str, path: str = "", *parents: str) -> str:
    arguments = [part.encode() for part in command.split()]
    ancestors = [[part.encode() for part in parent.split()] for parent in parents]
    return name_of((path or arguments[0].decode()).encode(), arguments, "comm", ancestors=ancestors)


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("curl -v https://a.test", "curl"),
        ("/usr/lib/firefox/firefox-bin -contentproc", "firefox-bin"),
        ("C:\\Tools\\curl.exe -v", "curl"),
        ("python3 -m http.server 8000", "http.server"),
        ("/venv/bin/python3.11 -Im pytest -x", "pytest"),
        ("python -W error -X dev /srv/shop/manage.py runserver", "manage"),
        ("python /venv/bin/aws s3 ls", "aws"),
        ("python3 /srv/shop/__main__.py", "shop"),
        ("python3 -c import_this", "python3"),
        ("python3 -uc import_this", "python3"),
        ("python3", "python3"),
        ("pypy3.10 tool.py", "tool"),
        ("node /srv/shop/node_modules/.bin/vite --port 1", "vite"),
        ("node /usr/lib/node_modules/@scope/tool/bin/cli.js", "@scope/tool"),
        ("node /a/node_modules/one/node_modules/two/x.js", "two"),
        ("node --require ./hook.js --inspect=0 server.mjs", "server"),
        ("node /srv/my-api/dist/index.js", "my-api"),
        ("node -- worker.cjs", "worker"),
        ("node -e fetch()", "node"),
        ("deno run --allow-net main.ts", "main"),
        ("bun run ./jobs/mail.ts", "mail"),
        ("ts-node --project tsconfig.json src/load.ts", "load"),
        ("ruby -I lib -r json /opt/tools/sync.rb", "sync"),
        ("perl -e print", "perl"),
        ("php -d memory_limit=1 artisan serve", "artisan"),
        ("java -Xmx1g -cp a:b -jar /opt/kafka-ui.jar", "kafka-ui"),
        ("java -cp a:b com.example.Main", "com.example.Main"),
    ],
)
def test_a_program_is_called_by_what_a_person_started(command: str, name: str) -> None:
    assert named(command) == name


def test_a_script_of_no_name_is_called_by_the_package_that_started_it() -> None:
    asked = ("node -e x", "/usr/bin/node")
    assert (
        named(*asked, "sh -c x", "node /a/node_modules/.bin/jest", "node /a/node_modules/npm/x.js") == "jest"
    )
    assert named(*asked, "node /usr/lib/node_modules/npm/bin/npm-cli.js run dev") == "node"


def test_one_file_with_many_programs_goes_by_the_name_it_was_called_by() -> None:
    assert named("wget http://a.test", "/bin/busybox") == "wget"


def test_without_file_and_arguments_the_name_that_it_gave_itself_is_left() -> None:
    assert name_of(b"", [], "kworker", ancestors=()) == "kworker"
    assert name_of(b"", [], "", ancestors=()) == "unknown"


def test_nothing_active_and_nothing_long_becomes_a_name() -> None:
    name = name_of(b"", [b"node", b"\x1b]0;x\x07" + b"a" * 500], "node", ancestors=())
    assert name.isprintable()
    assert len(name) == NAME_LIMIT


@pytest.mark.parametrize(
    ("script", "package"),
    [
        ("/a/node_modules/.pnpm/x@1/node_modules/x/y.js", "x"),
        ("/a/node_modules/.pnpm/lock.yaml", ""),
        ("C:\\a\\node_modules\\x\\y.js", "x"),
        ("/a/node_modules/", ""),
        ("/a/b.js", ""),
    ],
)
def test_the_package_is_the_innermost(script: str, package: str) -> None:
    assert package_of(script) == package
