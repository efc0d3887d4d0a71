"""The trust stores of a place, and what has to be done to each. Planning touches nothing."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from soth_mitm.cli.trust.steps import RemoveFile, Run, Step, WriteFile

if TYPE_CHECKING:
    from soth_mitm.cli.trust.certs import Cert
    from soth_mitm.cli.trust.place import Place


class Plan(NamedTuple):
    """What is to be done to one store."""

    store: str
    """In words."""
    steps: tuple[Step, ...] = ()
    undo: str = ""
    """The commands that take it back by hand."""
    obstacle: str = ""
    """Why nothing is done, and what to do instead; empty where something is."""
    idle: bool = False
    """There is nothing to do, which is as it should be."""


class _Anchors(NamedTuple):
    """How a family of Linux systems takes certificates of the administrator's."""

    family: str
    directory: str
    tool: str
    install: tuple[str, ...]
    uninstall: tuple[str, ...]


LINUX: Final = (
    _Anchors("Debian", "/usr/local/share/ca-certificates", "update-ca-certificates", (), ("--fresh",)),
    _Anchors("Fedora", "/etc/pki/ca-trust/source/anchors", "update-ca-trust", ("extract",), ("extract",)),
    _Anchors("Arch", "/etc/ca-certificates/trust-source/anchors", "update-ca-trust", (), ()),
    _Anchors("openSUSE", "/etc/pki/trust/anchors", "update-ca-certificates", (), ()),
)

FIREFOX: Final = (
    ".mozilla/firefox/*",
    ".config/mozilla/firefox/*",
    "snap/firefox/common/.mozilla/firefox/*",
    ".var/app/org.mozilla.firefox/.mozilla/firefox/*",
    "Library/Application Support/Firefox/Profiles/*",
)
"""Where profiles of Firefox lie, below the home directory."""

CHROMIUM: Final = (
    ".pki/nssdb",
    ".local/share/pki/nssdb",
    "snap/chromium/current/.pki/nssdb",
)

NSS_HINT: Final = (
    "certutil of NSS is missing: install libnss3-tools (Debian, Ubuntu), nss-tools (Fedora) or nss "
    "(Arch, macOS), or import the certificate in the browser's settings"
)


def install(place: Place, cert: Cert, *, which: str) -> list[Plan]:
    """Plan the installation of a certificate; `which` is `system`, `browsers` or `all`."""
    return [
        *(_system(place, [cert], remove=False) if which != "browsers" else ()),
        *(_browsers(place, [cert], remove=False) if which != "system" else ()),
    ]


def uninstall(place: Place, certs: list[Cert], *, which: str) -> list[Plan]:
    """Plan the removal of certificates."""
    return [
        *(_system(place, certs, remove=True) if which != "browsers" else ()),
        *(_browsers(place, certs, remove=True) if which != "system" else ()),
    ]


# --- the system -----------------------------------------------------------------------------------


def _system(place: Place, certs: list[Cert], *, remove: bool) -> Iterator[Plan]:
    if place.system == "darwin":
        yield _macos(place, certs, remove=remove)
    elif place.system == "win32":
        yield _windows(certs, remove=remove)
    else:
        yield _linux(place, certs, remove=remove)


def _linux(place: Place, certs: list[Cert], *, remove: bool) -> Plan:
    for anchors in LINUX:
        directory, tool = place.at(anchors.directory), place.tool(anchors.tool)
        if tool is None or not directory.is_dir():
            continue
        name = f"the system's store ({anchors.family})"
        paths = [directory / f"soth-mitm-{cert.short}.crt" for cert in certs]
        if remove:
            paths = [path for path in paths if path.exists()]
            if not paths:
                return Plan(name, obstacle="has no certificate of this CA", idle=True)
        if not place.privileged:
            return Plan(name, obstacle=_needs_root(certs[0].path.parent, remove=remove))
        if remove:
            refresh = Run((tool, *anchors.uninstall))
            return Plan(name, (*(RemoveFile(path) for path in paths), refresh), "soth-mitm ca install")
        undo = f"rm {shlex.quote(str(paths[0]))} && {shlex.join((tool, *anchors.uninstall))}"
        return Plan(name, (WriteFile(paths[0], certs[0].pem), Run((tool, *anchors.install))), undo)
    known = ", ".join(f"{each.directory} with {each.tool}" for each in LINUX)
    return Plan(
        "the system's store",
        obstacle=f"none is known here ({known}); see your system's manual for its own way",
    )


def _needs_root(confdir: Path, *, remove: bool) -> str:
    action = "uninstall" if remove else "install"
    command = shlex.join(("sudo", "soth-mitm", "ca", action, "--store", "system", "--confdir", str(confdir)))
    return f"only root may change it; run: {command}"


def _macos(place: Place, certs: list[Cert], *, remove: bool) -> Plan:
    keychain = str(place.home / "Library" / "Keychains" / "login.keychain-db")
    tool = place.tool("security") or "/usr/bin/security"
    if remove:
        steps = tuple(
            Run(
                (tool, "delete-certificate", "-t", "-Z", cert.sha1, keychain),
                f"{cert.nickname} was not there",
            )
            for cert in certs
        )
        return Plan("the login keychain", steps, "soth-mitm ca install")
    step = Run((tool, "add-trusted-cert", "-r", "trustRoot", "-k", keychain, str(certs[0].path)))
    undo = shlex.join((tool, "delete-certificate", "-t", "-Z", certs[0].sha1, keychain))
    return Plan("the login keychain", (step,), undo)


def _windows(certs: list[Cert], *, remove: bool) -> Plan:
    name = "the trusted roots of this user"
    if remove:
        steps = tuple(
            Run(("certutil", "-user", "-delstore", "Root", cert.sha1), f"{cert.nickname} was not there")
            for cert in certs
        )
        return Plan(name, steps, "soth-mitm ca install")
    step = Run(("certutil", "-user", "-addstore", "Root", str(certs[0].path)))
    return Plan(name, (step,), f"certutil -user -delstore Root {certs[0].sha1}")


# --- browsers -------------------------------------------------------------------------------------


def _browsers(place: Place, certs: list[Cert], *, remove: bool) -> Iterator[Plan]:
    if place.system == "win32":  # Chromium takes the system's, and NSS has no certutil there
        words = "uses the system's store where security.enterprise_roots.enabled is on"
        yield Plan("Firefox", obstacle=words, idle=True)
        return
    databases = list(_databases(place))
    if not databases:
        yield Plan(
            "browsers", obstacle="no profile of Firefox and no database of Chromium is here", idle=True
        )
        return
    tool = place.tool("certutil")
    if tool is None:
        yield Plan(f"browsers ({len(databases)} databases)", obstacle=NSS_HINT)
        return
    for name, directory in databases:
        yield _nss(name, directory, certs, tool=tool, remove=remove)


def _databases(place: Place) -> Iterator[tuple[str, Path]]:
    """Yield the NSS databases of browsers, by what they are."""
    for pattern in FIREFOX:
        for path in sorted(place.home.glob(f"{pattern}/cert9.db")):
            yield f"Firefox, profile {path.parent.name}", path.parent
    for name in CHROMIUM:
        path = place.home / name
        if (path / "cert9.db").is_file():
            yield "Chromium and Chrome", path


def _nss(name: str, directory: Path, certs: list[Cert], *, tool: str, remove: bool) -> Plan:
    base = (tool, "-d", f"sql:{directory}")
    if remove:
        steps = tuple(
            Run((*base, "-D", "-n", cert.nickname), f"{cert.nickname} was not in {directory}")
            for cert in certs
        )
        return Plan(name, steps, "soth-mitm ca install")
    cert = certs[0]
    step = Run((*base, "-A", "-t", "C,,", "-n", cert.nickname, "-i", str(cert.path)))
    return Plan(name, (step,), shlex.join((*base, "-D", "-n", cert.nickname)))
