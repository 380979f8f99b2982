"""Asking a peer for its newest certificate, and answering: one request without a question in it."""

from collections.abc import Callable
from typing import Final

from consensus.checkpoints import MAX_CERTIFICATE_BYTES, Certificate, certificate_codec
from p2p.errors import Refused
from p2p.identity import PeerId
from p2p.network import MAX_RESPONSE_BYTES, Network

REQUEST_TIMEOUT_S: Final = 5.0

assert MAX_CERTIFICATE_BYTES <= MAX_RESPONSE_BYTES, "a certificate fits an answer"


def checkpoint_protocol(chain_id: str) -> str:
    """The request protocol for a chain's newest certificate."""
    return f"/gtx/1/checkpoint/{chain_id}"


def serve_newest(network: Network, chain_id: str, newest: Callable[[], Certificate | None]) -> None:
    """Answer requests for the newest certificate from now on; empty where there is none."""

    async def answer(peer: PeerId, payload: bytes) -> bytes:
        if payload:
            raise Refused("malformed request: there is nothing to say in it")
        certificate = newest()
        return certificate_codec.encode(certificate) if certificate is not None else b""

    network.serve(checkpoint_protocol(chain_id), answer)


async def ask_newest(network: Network, chain_id: str, peer: PeerId) -> Certificate | None:
    """A peer's newest certificate, unverified; None where it has none.

    Raises `RequestFailed`, and `DecodeError` for bytes that are none.
    """
    protocol = checkpoint_protocol(chain_id)
    answer = await network.request(peer, protocol, b"", timeout_s=REQUEST_TIMEOUT_S)
    return certificate_codec.decode(answer) if answer else None
