"""The environment that makes client programs use the proxy and trust its CA.

Trust variables replace a program's own store, so they name a bundle: the system's roots and our CA.
`NO_PROXY` is emptied, because a loopback gateway in it would go past the proxy.
"""

from __future__ import annotations

import os
import ssl
import tempfile
from pathlib import Path

from soth_mitm.errors import ConfigError

PROXY = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
PROXY_OF_TOOLS = ("GLOBAL_AGENT_HTTP_PROXY", "npm_config_proxy", "npm_config_https_proxy", "CGI_HTTP_PROXY")
NO_PROXY = ("NO_PROXY", "no_proxy")
BUNDLE = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "CARGO_HTTP_CAINFO",
    "PERL_LWP_SSL_CA_FILE",
    "PIP_CERT",
    "AWS_CA_BUNDLE",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "DENO_CERT",
    "CODEX_CA_CERTIFICATE",
)
EXTRA = ("NODE_EXTRA_CA_CERTS",)
"""Variables that add to a store: our CA alone is enough."""


def variables(proxy: str, *, ca: Path, bundle: Path) -> dict[str, str]:
    """Return what to set for clients of the proxy at the URL `proxy`."""
    wanted = dict.fromkeys((*PROXY, *PROXY_OF_TOOLS), proxy)
    wanted.update(dict.fromkeys(NO_PROXY, ""))
    wanted.update(dict.fromkeys(BUNDLE, str(bundle)))
    wanted.update(dict.fromkeys(EXTRA, str(ca)))
    wanted["NODE_USE_ENV_PROXY"] = "1"
    return wanted


def write_bundle(confdir: Path, ca_pem: bytes) -> Path:
    """Write the system's roots and our CA into one file of the configuration directory.

    Raises:
        ConfigError: it cannot be written.
    """
    path = confdir / "ca-bundle.pem"
    try:
        descriptor, name = tempfile.mkstemp(dir=confdir, prefix=".ca-bundle-")
        with open(descriptor, "wb") as file:
            file.write(_system_roots().rstrip() + b"\n" + ca_pem)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except OSError as error:
        raise ConfigError(f"cannot write the CA bundle {path}: {error.strerror or error}") from error
    return path


def _system_roots() -> bytes:
    """Return the roots in PEM: the system's file, all of its directory, or certifi's."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile:
        return Path(paths.cafile).read_bytes()
    context = ssl.create_default_context()
    roots = context.get_ca_certs(binary_form=True)
    if roots:
        return "".join(ssl.DER_cert_to_PEM_cert(der) for der in roots).encode()
    import certifi

    return Path(certifi.where()).read_bytes()
