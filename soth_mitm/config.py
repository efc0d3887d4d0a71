"""Settings: one frozen value, made of defaults, a TOML file and the command line, in that order.

The TOML file is the person's and is never rewritten. An error names the file, the key and the
nearest key that exists.
"""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Any, Literal

import msgspec

from soth_mitm.errors import ConfigError, in_words


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Budgets; docs/limits.md says what each one does. Sizes in bytes, times in seconds."""

    max_connections: int = 2048
    max_head_bytes: int = 65_536
    write_buffer_bytes: int = 65_536
    capture_body_bytes: int = 64 * 1024 * 1024
    hook_body_bytes: int = 8 * 1024 * 1024
    hold_seconds: float = 10.0
    paused_messages: int = 200
    paused_bytes: int = 64 * 1024 * 1024
    pause_seconds: float = 60.0
    edit_bytes: int = 256 * 1024
    message_bytes: int = 8 * 1024 * 1024
    message_inflate_bytes: int = 8 * 1024 * 1024
    message_backlog_bytes: int = 16 * 1024 * 1024
    recorder_queue_bytes: int = 64 * 1024 * 1024
    write_filter_bytes: int = 64 * 1024 * 1024
    cursor_queue_events: int = 8192
    spill_bytes: int = 4096 * 1024 * 1024
    memory_spill_bytes: int = 256 * 1024 * 1024
    list_rows: int = 1_000_000
    message_rows: int = 100_000
    leaf_cache: int = 1024
    session_cache: int = 1024
    sticky_values: int = 1024
    learned_hosts: int = 1024
    pool_idle_per_host: int = 64
    pool_idle_total: int = 256
    upstream_per_host: int = 1024
    upstream_queue: int = 256
    breaker_failures: int = 10
    breaker_hosts: int = 1024
    in_flight_bytes: int = 256 * 1024 * 1024
    process_queue: int = 1024
    process_cache: int = 4096
    tunnel_pipe_bytes: int = 256 * 1024
    h2_max_streams: int = 100
    h2_stream_window: int = 64 * 1024
    h2_stream_window_max: int = 1024 * 1024
    h2_connection_window: int = 16 * 1024 * 1024
    h2_to_h1_connections: int = 16
    h2_header_block_bytes: int = 128 * 1024
    h2_continuations: int = 32
    h2_flood_window: float = 10.0
    h2_resets: int = 1000
    h2_errors: int = 200
    h2_pings: int = 200
    h2_settings: int = 50
    h2_empty_frames: int = 200
    h2_other_frames: int = 1000
    replay_concurrency: int = 32
    replay_times: int = 10_000
    document_bytes: int = 256 * 1024 * 1024
    pretty_bytes: int = 64 * 1024 * 1024
    search_matches: int = 10_000
    search_body_bytes: int = 64 * 1024 * 1024
    head_timeout: float = 30.0
    peek_timeout: float = 5.0
    server_first_wait: float = 0.3
    connect_timeout: float = 10.0
    tls_timeout: float = 10.0
    upstream_queue_time: float = 10.0
    breaker_window: float = 120.0
    breaker_time: float = 5.0
    response_timeout: float = 0.0
    idle_timeout: float = 600.0
    pool_idle_timeout: float = 60.0
    handler_timeout: float = 15.0
    replay_timeout: float = 120.0
    process_timeout: float = 5.0
    drain_timeout: float = 5.0


TlsProfile = Literal["strict", "default", "compat"]
"""Versions and ciphers towards upstreams: TLS 1.3 alone; 1.2 and 1.3; whatever old servers speak."""
SniMode = Literal["auto", "required", "disabled"]
"""Whether upstreams are told which host is wanted."""
ClientCertMode = Literal["never", "if-requested", "required"]
"""Whether a client certificate is shown to upstreams."""
TlsVersion = Literal["1.0", "1.1", "1.2", "1.3"]
Curve = Literal["P-256", "P-384", "P-521"]


class TlsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """TLS on both sides; docs/tls.md explains each. Files are PEM, times are seconds."""

    profile: TlsProfile = "default"
    upstream_min_version: TlsVersion | None = None
    """Of the profile `default`, like the three below: the other two are what they are."""
    upstream_max_version: TlsVersion | None = None
    upstream_ciphers: str = ""
    """OpenSSL's cipher string, for TLS 1.2 and below."""
    upstream_curve: Curve | None = None
    client_min_version: TlsVersion = "1.2"
    client_max_version: TlsVersion | None = None
    client_ciphers: str = ""
    client_curve: Curve | None = None
    sni: SniMode = "auto"
    client_cert: str = ""
    """File with certificate and key, shown to upstreams that have no rule with one of their own."""
    client_cert_mode: ClientCertMode = "if-requested"
    request_client_cert: str = ""
    """A CA file: clients are asked for a certificate, which must come from it if they show one."""
    keylog: str = ""
    """Where TLS secrets of both sides are written, for Wireshark; empty: where SSLKEYLOGFILE says."""
    mirror: bool = True
    """Repeat the names of an upstream's certificate in ours."""
    passthrough_after: int = 3
    """So many refusals of our certificate make a host pass through; 0: none ever does."""
    passthrough_window: float = 300.0
    """Within how many seconds."""
    passthrough_time: float = 900.0
    """For how many."""


class HostRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to do with the hosts that match; the first rule that matches decides.

    `match` is a glob over the host (`*.example.com`, also with a port: `*:8443`).
    """

    match: str
    action: Literal["intercept", "tunnel", "block", "metadata-only"] = "intercept"
    insecure: bool = False
    """Do not verify the upstream's certificate."""
    lenient: bool = False
    """Let through requests that RFC 9112 says to reject, but for ambiguous framing."""
    no_h2: bool = False
    """Never offer HTTP/2 to this host."""
    client_cert: str = ""
    """PEM file with certificate and key, shown to the upstream that asks."""
    client_cert_mode: ClientCertMode | None = None
    """`required` fails before anything is sent where there is no certificate to show."""
    tls_profile: TlsProfile | None = None
    sni: SniMode | None = None
    roots: str = ""
    """`os`, `certifi` or a PEM file, in place of `upstream_roots`."""


class ServerReplay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Answers from dumps, in place of upstreams; docs/rules.md says how requests are matched."""

    files: tuple[str, ...] = ()
    extra: Literal["forward", "fail"] = "forward"
    """What becomes of a request without a recorded answer."""
    ignore: tuple[str, ...] = ()
    """What may differ: `scheme`, `host`, `port`, `query`, `query:NAME`, `body`."""
    once: bool = False
    """Give each answer one time only; otherwise the last of equal requests is given again."""
    timing: bool = False
    """Send bodies at the pace at which they came."""


class ProxyRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Through which proxy the hosts that match are reached; the first rule that matches decides."""

    match: str
    """A glob over the host, as that of a `HostRule`."""
    via: str
    """`http://user:pass@host:port`, `https://…`, `socks5://…`, `socks5h://…`, or `direct`."""


StageName = Literal[
    "request", "request-body", "response", "response-body", "message-up", "message-down"
]  # fmt: skip


class BreakpointSetting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Messages that are stopped while the app runs; docs/breakpoints.md says what the stages are."""

    expression: str = ""
    """Of the filter language, asked of the message at hand; empty for all."""
    stages: tuple[StageName, ...] = ("request-body",)
    name: str = ""
    once: bool = False
    enabled: bool = True


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings of one run; immutable, and replaced as a whole on a reload."""

    mode: tuple[str, ...] = ()
    """What to listen for, each as `NAME[:WHAT][@[HOST:]PORT]`; empty: `regular`. See docs/modes.md."""
    listen_host: str = "127.0.0.1"
    listen_port: int | None = None
    """Of the modes that name none; None: 8080, and 1080 of `socks5`."""
    keep_host: bool = False
    """Reverse modes leave the Host field as the client sent it."""
    proxy_protocol: bool = False
    """Connections begin with a PROXY header, of every mode but `transparent`."""
    proxy_auth: str = ""
    """`user:password` that clients have to give; empty: anybody may use the proxy."""
    upstream: tuple[ProxyRule, ...] = ()
    no_proxy: tuple[str, ...] = ()
    """Hosts that are reached directly; `$NO_PROXY` stands for the variable of that name."""
    confdir: str = ""
    """Where the CA and the settings live; empty: the platform's configuration directory."""
    insecure: bool = False
    http2: bool = True
    """Speak HTTP/2 where both sides can."""
    key_type: Literal["ec", "rsa"] = "ec"
    upstream_roots: str = "os"
    """`os`, `certifi`, or a PEM file."""
    tunnel: tuple[str, ...] = ()
    block: tuple[str, ...] = ()
    rules: tuple[HostRule, ...] = ()
    breakpoints: tuple[BreakpointSetting, ...] = ()
    message_rules: tuple[dict[str, Any], ...] = ()
    """What is done to messages without code; docs/rules.md has the actions."""
    server_replay: ServerReplay = ServerReplay()
    handler_fails: Literal["open", "closed"] = "open"
    """What happens to a message when a handler hook raises or takes too long."""
    spill: bool = True
    strict_capture: bool = False
    redact: bool = True
    proto: tuple[str, ...] = ()
    """Schemas of Protocol Buffers: descriptor sets, `.proto` files where a compiler is installed, or servers
    that are asked by reflection (`grpc://HOST:PORT`)."""
    magic_host: str = "soth.mitm"
    tls: TlsSettings = TlsSettings()
    process_lookup: bool = True
    """Find out which program of this machine opened a connection."""
    limits: Limits = Limits()

    @property
    def directory(self) -> Path:
        """The configuration directory; it need not exist yet."""
        if self.confdir:
            return Path(self.confdir).expanduser()
        import platformdirs

        return Path(platformdirs.user_config_dir("soth-mitm"))


def state_directory() -> Path:
    """Return where spills and state that the app itself writes live."""
    import platformdirs

    return Path(platformdirs.user_state_dir("soth-mitm"))


def load(path: Path | None, **overrides: object) -> Config:
    """Build the settings from `path` (TOML, optional) and `overrides` (from the command line).

    Raises:
        ConfigError: the file cannot be read, is not TOML, or holds a key or value that is wrong.
    """
    settings: dict[str, Any] = {}
    source = "the command line"
    if path is not None:
        source = str(path)
        try:
            settings = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"cannot read the config file {path}: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"the config file {path} is not UTF-8: byte {error.start} is wrong") from error
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"the config file {path} is not valid TOML: {error}") from error
        _check_keys(settings, Config, path, "")
    for name in ("tunnel", "block", "breakpoints"):
        given = overrides.get(name)
        if isinstance(given, (list, tuple)) and given:
            overrides[name] = [*given, *settings.get(name, ())]
    tls, given = settings.get("tls"), overrides.get("tls")
    if isinstance(tls, dict) and isinstance(given, dict):
        overrides["tls"] = {**tls, **given}
    replay, given = settings.get("server_replay"), overrides.get("server_replay")
    if isinstance(replay, dict) and isinstance(given, dict):
        overrides["server_replay"] = {**replay, **given}
    settings.update({key: value for key, value in overrides.items() if value is not None})
    try:
        config = msgspec.convert(settings, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"wrong value in {source}: {in_words(str(error), Config)}") from error
    _check_values(config, source)
    return config


_TABLES: dict[str, type[msgspec.Struct]] = {
    "limits": Limits, "tls": TlsSettings, "server_replay": ServerReplay,
}  # fmt: skip
_ROWS: dict[str, type[msgspec.Struct]] = {
    "rules": HostRule, "upstream": ProxyRule, "breakpoints": BreakpointSetting
}  # fmt: skip


def _check_keys(table: dict[str, Any], kind: type[msgspec.Struct], path: Path, where: str) -> None:
    known = {field.name: field for field in msgspec.structs.fields(kind)}
    for key, value in table.items():
        if key not in known:
            near = difflib.get_close_matches(key.replace("-", "_"), known, n=1)
            hint = (
                f"; did you mean {where}{near[0]}?" if near else f"; known keys: {', '.join(sorted(known))}"
            )
            raise ConfigError(f"unknown key {where}{key} in {path}{hint}")
        if key in _TABLES and isinstance(value, dict):
            _check_keys(value, _TABLES[key], path, f"{key}.")
        rows = _ROWS.get(key)
        if rows is not None and isinstance(value, list):
            for number, rule in enumerate(value):
                if isinstance(rule, dict):
                    _check_keys(rule, rows, path, f"{key}[{number}].")


def _check_values(config: Config, source: str) -> None:
    if not 0 <= (config.listen_port or 0) <= 65535:
        raise ConfigError(f"listen_port {config.listen_port} in {source} is not between 0 and 65535")
    user, colon, _ = config.proxy_auth.partition(":")
    if config.proxy_auth and not (user and colon):
        raise ConfigError(f"proxy_auth in {source} must be USER:PASSWORD, with a colon between them")
    may_be_zero = {
        "response_timeout", "leaf_cache", "session_cache", "pool_idle_per_host", "pool_idle_total",
        "upstream_queue", "breaker_failures", "pause_seconds", "hold_seconds",
    }  # fmt: skip
    for field in msgspec.structs.fields(Limits):
        value = getattr(config.limits, field.name)
        if value < 0 or (value == 0 and field.name not in may_be_zero):
            raise ConfigError(f"limits.{field.name} = {value} in {source} must be greater than 0")
    _check_roots(config.upstream_roots, f"upstream_roots in {source}")
    _check_tls(config.tls, source)
    for number, rule in enumerate(config.rules):
        where = f"rules[{number}] in {source}"
        if rule.roots:
            _check_roots(rule.roots, f"roots of {where}")
        _check_cert(rule.client_cert, f"client_cert of {where}")
        _check_sni(rule.tls_profile or config.tls.profile, rule.sni or config.tls.sni, where)


def _check_roots(named: str, what: str) -> None:
    if named not in ("os", "certifi") and not Path(named).expanduser().exists():
        raise ConfigError(f"{what} names no file: {named}")


def _check_cert(named: str, what: str) -> None:
    if named and not Path(named).expanduser().is_file():
        raise ConfigError(f"{what} names no file: {named}; it has to hold certificate and key in PEM form")


def _check_tls(tls: TlsSettings, source: str) -> None:
    _check_sni(tls.profile, tls.sni, f"tls in {source}")
    _check_cert(tls.client_cert, f"tls.client_cert in {source}")
    for name in ("passthrough_after", "passthrough_window", "passthrough_time"):
        value = getattr(tls, name)
        if value < 0 or (not value and name != "passthrough_after"):
            raise ConfigError(f"tls.{name} = {value} in {source} must be greater than 0")
    for side in ("upstream", "client"):
        least, most = getattr(tls, f"{side}_min_version"), getattr(tls, f"{side}_max_version")
        if least and most and least > most:
            raise ConfigError(f"tls.{side}_min_version {least} in {source} is above its max_version {most}")


def _check_sni(profile: TlsProfile, sni: SniMode, where: str) -> None:
    if profile == "strict" and sni == "disabled":
        raise ConfigError(f"{where}: the TLS profile strict and sni = disabled exclude each other")


def difference(old: Config, new: Config) -> tuple[str, ...]:
    """Return the names of the settings that differ, for the event of a reload."""
    names = [field.name for field in msgspec.structs.fields(Config)]
    return tuple(name for name in names if getattr(old, name) != getattr(new, name))
