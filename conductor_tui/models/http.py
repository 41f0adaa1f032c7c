"""HTTP as both providers use it: how a client is opened, and what its faults mean to a person.

Loads httpx, so only the wires import it.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx

from conductor_tui.domain.errors import JudgeUnavailable
from conductor_tui.domain.plaintext import plain_line
from conductor_tui.models.wire import Endpoint, Unreachable

SHOWN = 200
"""Characters of a server's own words that are repeated in a reason."""

CHECK_URL = "check judge.url and judge.provider"
NETWORK = "check judge.url and the network"

Sign = Callable[[httpx.Request], httpx.Request]


def client_options(endpoint: Endpoint) -> dict[str, Any]:
    """Return how to open a client for a server. Reads certificates: not for the event loop.

    Redirects are not followed: the work would be sent to where nobody said. Proxies of the
    environment are for other machines than this one.

    Raises:
        JudgeUnavailable: the address, the key or the certificates do not do.
    """
    with setup_faults(endpoint):
        parts = urlsplit(endpoint.base)
        if not parts.hostname or parts.port == 0:
            raise ValueError("no host or port")
        near = _is_near(parts.hostname)
        return {
            "auth": _sign(endpoint),
            "timeout": httpx.Timeout(None, connect=endpoint.connect_s),
            "verify": _trusted(parts.scheme),
            "trust_env": not near,
            "follow_redirects": False,
        }


def _trusted(scheme: str) -> ssl.SSLContext:
    """Return whose certificates are trusted; without TLS nobody's, which is made in no time."""
    if scheme == "https":
        return httpx.create_ssl_context()
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _is_near(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _sign(endpoint: Endpoint) -> Sign:
    """Return what puts our key on a request, and nobody else's.

    The `ollama` client would send the user's key for Ollama's own service to any server.
    """
    key = f"Bearer {endpoint.token}" if endpoint.token else ""
    parts = urlsplit(endpoint.url)
    if not key and parts.username is not None:
        basic = httpx.BasicAuth(unquote(parts.username), unquote(parts.password or ""))
        request = next(basic.auth_flow(httpx.Request("GET", endpoint.base)))
        key = request.headers["Authorization"]
    if not (key.isascii() and key.isprintable()):
        raise JudgeUnavailable(
            f"the key for {endpoint.base} has characters that no header can carry",
            "check judge.token_env or judge.token_file",
        )

    def sign(request: httpx.Request) -> httpx.Request:
        request.headers.pop("Authorization", None)
        if key:
            request.headers["Authorization"] = key
        return request

    return sign


@contextmanager
def setup_faults(endpoint: Endpoint) -> Iterator[None]:
    """Tell what hinders opening a client: address, certificates, the environment's proxies."""
    try:
        yield
    except (ValueError, httpx.InvalidURL) as error:
        raise JudgeUnavailable(
            f"{endpoint.base} is no address of a server: {_words(error)}", "check judge.url"
        ) from error
    except (ImportError, OSError) as error:
        raise JudgeUnavailable(
            f"no client can be opened for {endpoint.base}: {_words(error)}",
            "check the variables of proxies and certificates in the environment",
        ) from error


@contextmanager
def line_faults(endpoint: Endpoint) -> Iterator[None]:
    """Tell what broke between us and the server."""
    try:
        yield
    except httpx.InvalidURL as error:
        raise JudgeUnavailable(
            f"{endpoint.base} is no address of a server: {_words(error)}", "check judge.url"
        ) from error
    except (httpx.HTTPError, ConnectionError) as error:
        raise line_fault(error, endpoint) from error


def line_fault(error: BaseException, endpoint: Endpoint) -> JudgeUnavailable:
    """Return what an error of the connection means; `Unreachable` where a second try may help."""
    where, words = endpoint.base, _words(error)
    # The first that is found among an error's causes tells most.
    meanings: tuple[tuple[type[BaseException], JudgeUnavailable], ...] = (
        (socket.gaierror, Unreachable(f"the name in {where} is not known", NETWORK)),
        (ConnectionRefusedError, Unreachable(f"nothing listens at {where}", endpoint.start)),
        (
            ssl.SSLError,
            JudgeUnavailable(f"{where} cannot be trusted: {words}", "check its certificate"),
        ),
        (
            httpx.ConnectTimeout,
            Unreachable(f"no connection to {where} within {endpoint.connect_s:g} s", NETWORK),
        ),
        (httpx.ConnectError, Unreachable(f"no connection to {where}: {words}", endpoint.start)),
        (
            httpx.UnsupportedProtocol,
            JudgeUnavailable(f"{where} cannot be asked: {words}", CHECK_URL),
        ),
    )
    causes = list(_causes(error))
    for kind, meaning in meanings:
        if any(isinstance(cause, kind) for cause in causes):
            return meaning
    return Unreachable(f"the connection to {where} broke: {words}", "see the server's log")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that led to it."""
    pending, seen = [error], set[int]()
    while pending:
        cause = pending.pop()
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        if isinstance(cause, BaseExceptionGroup):
            pending.extend(cause.exceptions)
        pending.extend(led for led in (cause.__cause__, cause.__context__) if led is not None)


def status_fault(status: int, text: str, endpoint: Endpoint) -> JudgeUnavailable:
    """Return what a status other than 200 means.

    Args:
        status: of HTTP.
        text: the server's own words.
        endpoint: the server and its model.
    """
    where = endpoint.base
    said = f"{status}: {shown(text, endpoint)}" if text.strip() else str(status)
    if status in (401, 403):
        mend = "set judge.token_env or judge.token_file"
        return JudgeUnavailable(f"{where} refuses the key ({said})", mend)
    if status == 404 and "model" in text.lower():
        return missing(endpoint)
    if status == 404:
        return JudgeUnavailable(f"{where} does not speak {endpoint.api}'s API ({said})", CHECK_URL)
    if 300 <= status < 400:
        return JudgeUnavailable(f"{where} redirects elsewhere ({said})", "set judge.url to there")
    if status == 429 or status >= 500:
        return JudgeUnavailable(
            f"{where} cannot answer now ({said})", "see the server's log; it may be loading or busy"
        )
    return JudgeUnavailable(f"{where} refused the question ({said})", "see the server's log")


def missing(endpoint: Endpoint, there: tuple[str, ...] = ()) -> JudgeUnavailable:
    """Return the fault of a server that lacks the model, with what it has instead."""
    has = f" (it has {shown(', '.join(there), endpoint)})" if there else ""
    return JudgeUnavailable(f"{endpoint.base} has no model {endpoint.model}{has}", endpoint.fetch)


def nonsense(text: str, endpoint: Endpoint) -> JudgeUnavailable:
    """Return the fault of a server that says what is not of its protocol."""
    said = shown(text, endpoint)
    return JudgeUnavailable(
        f"{endpoint.base} does not speak {endpoint.api}'s API: {said}", CHECK_URL
    )


def shown(text: str, endpoint: Endpoint) -> str:
    """Return a server's words on one line, harmless, short, and without the key."""
    line = plain_line(text)
    if endpoint.token:
        line = line.replace(endpoint.token, "[key]")
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}…"


def _words(error: BaseException) -> str:
    return plain_line(str(error)) or type(error).__name__
