"""TLS of both sides: the interception CA, leaf certificates, upstream contexts, and why things failed.

Here live the contexts and the keys; sockets and transports do not: the listener and the dialler own
them and ask this package. Importing the package loads neither `cryptography` nor `truststore`; each
is loaded where it is first used, so that `--version` and `--help` stay quick.

- `ca`        the certificate authority in the configuration directory
- `mint`      what our certificates say (X.509)
- `keyfiles`  private files and the lock around making them
- `names`     host names as certificates spell them
- `keylog`    where TLS secrets are written
- `mirror`    what of an upstream's certificate ours repeats
- `leaf`      server contexts for the client side, cached
- `profiles`  versions, ciphers and curves of a context
- `hostnames` whether a certificate names a host, where OpenSSL is not asked
- `upstream`  client contexts for the upstream side, cached, with session resumption
- `roots`     where trust in upstream certificates comes from
- `chain`     the peer's certificates, and what one of them says
- `probe`     what a server sends that `ssl` does not hand out, asked for once, in a thread
- `evidence`  what certificates and stapled answers prove
- `rotation`  a new CA in the place of the old one
- `failure`   why a handshake failed, from an exception to a hint
"""

from __future__ import annotations
