"""Asking a peer for the certificates that lead on from a checkpoint, and answering."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import msgspec
import trio

from consensus.authorities import MAX_AUTHORITIES, MAX_KEYS_PER_ROLE
from consensus.checkpoints import MAX_CERTIFICATE_BYTES
from consensus.encoding import Codec, DecodeError, Height
from consensus.errors import Refusal
from gtxnode.checkpoints.trust import InvalidTrust, NoTrust, Trust, decode_trust, encode_trust
from p2p.errors import Refused
from p2p.identity import PeerId
from p2p.network import MAX_RESPONSE_BYTES, Network, Offence

REQUEST_TIMEOUT_S: Final = 5.0
MAX_REQUEST_BYTES: Final = 16
# Of turns in one answer: who is further behind asks again.
MAX_LEAD_STEPS: Final = 64
_MAX_STEP_BYTES: Final = MAX_CERTIFICATE_BYTES + MAX_AUTHORITIES * (MAX_KEYS_PER_ROLE * 40 + 16)

assert (MAX_LEAD_STEPS + 1) * _MAX_STEP_BYTES <= MAX_RESPONSE_BYTES, "a lead fits an answer"


class LeadRequest(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What leads on from the newest checkpoint up to a height, 0 for the genesis."""

    after: Height


_REQUEST: Final = Codec(LeadRequest, max_bytes=MAX_REQUEST_BYTES)


def checkpoint_protocol(chain_id: str) -> str:
    """The request protocol for a chain's certificates."""
    return f"/gtx/1/checkpoint/{chain_id}"


@asynccontextmanager
async def serving_leads(
    network: Network,
    chain_id: str,
    lead: Callable[[int], Trust],
    refused: Callable[[str], None],
) -> AsyncIterator[None]:
    """Answer requests, with nothing where nothing leads on (`NoTrust`).

    `refused` counts requests that are none.

    `lead` is called in a worker thread, one at a time; when the block ends, no more.
    """
    one = trio.CapacityLimiter(1)

    async def answer(peer: PeerId, payload: bytes) -> bytes:
        try:
            after = _REQUEST.decode(payload).after
        except DecodeError as error:
            refused(Refusal.MALFORMED)
            network.report(peer, Offence.MALFORMED)
            raise Refused(f"malformed request: {error}"[:200]) from error
        try:
            return encode_trust(await trio.to_thread.run_sync(lead, after, limiter=one))
        except NoTrust:
            return b""

    network.serve(checkpoint_protocol(chain_id), answer)
    try:
        yield
    finally:
        with trio.CancelScope(shield=True):
            await one.acquire_on_behalf_of(object())


async def ask_lead(network: Network, chain_id: str, peer: PeerId, after: int) -> Trust | None:
    """What leads on by a peer, unverified; None where it has nothing.

    Raises `RequestFailed`, and `InvalidTrust` for bytes that are none.
    """
    protocol, request = checkpoint_protocol(chain_id), _REQUEST.encode(LeadRequest(after))
    answer = await network.request(peer, protocol, request, timeout_s=REQUEST_TIMEOUT_S)
    if not answer:
        return None
    trust = decode_trust(answer)
    if len(trust.steps) > MAX_LEAD_STEPS:
        raise InvalidTrust(f"{len(trust.steps)} steps, at most {MAX_LEAD_STEPS}")
    return trust
