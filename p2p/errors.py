"""The errors that leave this package.

Each carries a stable `code` for logs, counters and callers that branch on it. What the
libp2p library raises never passes the adapter: it becomes one of these, or is a bug.
"""

from enum import StrEnum, unique


class NetworkError(Exception):
    """Something the network was asked for could not be done. `code` is stable."""

    code = "network"


class MessageTooLarge(NetworkError):
    """The caller's message is over the named limit; nothing was sent."""

    code = "message_too_large"

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"{size} bytes, the limit is {limit}")
        self.size = size
        self.limit = limit


class InvalidAddress(NetworkError):
    """The text is no multiaddress ending in /p2p/<peer id>, or its transport is not TCP."""

    code = "invalid_address"


class DialFailed(NetworkError):
    """The address could not be reached, or is not the peer that it names."""

    code = "dial_failed"


class ListenFailed(NetworkError):
    """No listen address could be taken: it is not this machine's, or may not be had."""

    code = "listen_failed"


class AddressInUse(ListenFailed):
    """Another process listens on the address."""

    code = "address_in_use"


class NotConnected(NetworkError):
    """The peer is not connected, or does not have the channel open."""

    code = "not_connected"


class AlreadyOpen(NetworkError):
    """The topic, channel or protocol is in use by this process already."""

    code = "already_open"


class NetworkClosed(NetworkError):
    """The network's context has been left."""

    code = "network_closed"


class InvalidIdentity(NetworkError):
    """The bytes are no secp256k1 key of the expected length."""

    code = "invalid_identity"


@unique
class Failure(StrEnum):
    """Why a request brought no answer. The values are stable codes."""

    NOT_CONNECTED = "not_connected"
    UNSUPPORTED = "unsupported"
    TIMEOUT = "timeout"
    DISCONNECTED = "disconnected"
    REFUSED = "refused"
    MALFORMED = "malformed"


class RequestFailed(NetworkError):
    """A request brought no usable answer; `failure` says why, `detail` in words."""

    code = "request_failed"

    def __init__(self, failure: Failure, detail: str = "") -> None:
        super().__init__(f"{failure.value}: {detail}" if detail else failure.value)
        self.failure = failure
        self.detail = detail


class Refused(Exception):
    """Raised by a request handler: the peer gets the reason, and no offence is counted."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class MalformedFrame(Exception):
    """A peer's bytes are not what the wire format allows: the one error of parsing."""
