"""Mends of the library's host and swarm, and how they are put together.

- tcp, noise and yamux, passed explicitly: the library's default also offers a plaintext
  protocol through which anyone can take another peer's id.
- No exception leaves a stream's handler: one would end the process.
- An inbound connection gives its slot back when it ends. The library keeps the slot until
  the whole host stops, so a node would take no more connections after the first hundred.
- A peer may hold a bounded number of streams open.
- The dialler does not wait out its 250 ms head start for a second transport.
- The library dials no peers by itself; the roster decides whom.
- No resource manager: it refuses connections by the machine's memory and by rates of its own.
"""

import logging
from collections import Counter

import trio

from p2p.counters import Counters
from p2p.identity import PeerId
from p2p.library import (
    NOISE,
    TCP,
    YAMUX,
    AutoConnector,
    BasicHost,
    ConnectionConfig,
    INetStream,
    Multiaddr,
    NoiseTransport,
    PeerStore,
    RawConnection,
    RetryConfig,
    StreamFailure,
    Swarm,
    TProtocol,
    TransportUpgrader,
    Yamux,
    secp256k1_key_pair,
    swarm_module,
    x25519_key_pair,
)
from p2p.streams import LIBRARY_ERRORS, reset_quietly

logger = logging.getLogger(__name__)

# The library takes a timeout per step; a handshake or negotiation over it is given up.
HANDSHAKE_S = 5.0
STREAMS_PER_PEER = 256


class _NoDials(AutoConnector):
    """In the place of the library's own dialler."""

    async def maybe_connect(self) -> None:
        """Dial nobody."""

    async def run_background_task(self, nursery: trio.Nursery) -> None:
        """Dial nobody later either."""


class MendedSwarm(Swarm):
    """A swarm that dials only whom it is told to, and whose inbound connections end."""

    def _init_connection_management(self) -> None:
        super()._init_connection_management()
        self.auto_connector = _NoDials(self)

    async def _do_handle_inbound_connection(
        self, read_write_closer: object, maddr: Multiaddr, failure_event: object
    ) -> None:
        raw = RawConnection(read_write_closer, False)  # type: ignore[arg-type]
        try:
            muxed = await self.upgrade_inbound_raw_conn(raw, maddr)
        except LIBRARY_ERRORS as error:
            logger.debug("an inbound connection came to nothing: %s", error)
            return
        assert isinstance(muxed, Yamux)
        # The socket is closed when this returns, so it must not before the connection ends.
        await muxed.event_closed.wait()


class MendedHost(BasicHost):
    """A host none of whose stream handlers can end the process."""

    def __init__(self, swarm: MendedSwarm, counters: Counters) -> None:
        self.swarm = swarm
        super().__init__(
            swarm,
            negotiate_timeout=int(HANDSHAKE_S),
            disable_identify_address_discovery=True,
        )
        self.counters = counters
        self._open_streams: Counter[PeerId] = Counter()

    async def _swarm_stream_handler(self, net_stream: INetStream) -> None:
        peer = PeerId(net_stream.muxed_conn.peer_id.to_base58())
        if self._open_streams[peer] >= STREAMS_PER_PEER:
            await reset_quietly(net_stream)
            return
        self._open_streams[peer] += 1
        try:
            await super()._swarm_stream_handler(net_stream)
        except LIBRARY_ERRORS as error:
            logger.debug("a stream of %s broke: %s", peer, error)
            await reset_quietly(net_stream)
        except Exception:  # supervised here: what leaves this ends the process
            self.counters.handler_errors += 1
            logger.exception("the handler of a stream of %s raised", peer)
            await reset_quietly(net_stream)
        finally:
            self._open_streams[peer] -= 1
            if not self._open_streams[peer]:
                del self._open_streams[peer]


def build_host(private_key: bytes, connections: int, counters: Counters) -> MendedHost:
    """A host with this identity, not yet running."""
    swarm_module._HAPPY_EYEBALLS_DELAY = 0.0
    key_pair = secp256k1_key_pair(private_key)
    noise = NoiseTransport(key_pair, noise_privkey=x25519_key_pair().private_key)
    config = ConnectionConfig(
        max_connections=connections,
        min_connections=0,
        # The library prunes only above the maximum, so never.
        low_watermark=0,
        high_watermark=connections,
        inbound_upgrade_timeout=HANDSHAKE_S,
        outbound_upgrade_timeout=HANDSHAKE_S,
        outbound_stream_protocol_negotiation_timeout=HANDSHAKE_S,
        inbound_stream_protocol_negotiation_timeout=HANDSHAKE_S,
    )
    peerstore = PeerStore()
    peerstore.add_key_pair(noise.local_peer, key_pair)
    upgrader = TransportUpgrader({NOISE: noise}, {TProtocol(YAMUX): Yamux})
    swarm = MendedSwarm(
        noise.local_peer,
        peerstore,
        upgrader,
        transports=[TCP()],
        retry_config=RetryConfig(max_retries=0),
        connection_config=config,
    )
    return MendedHost(swarm, counters)


def is_unsupported(error: StreamFailure) -> bool:
    """Whether a stream could not be opened because the peer does not know the protocol.

    The library says so in words only.
    """
    return str(error.__cause__).startswith("protocols not supported")


async def break_connection(muxer: Yamux) -> None:
    """End a connection at once, without the goodbye that a frozen peer would not read."""
    muxer.event_shutting_down.set()
    with trio.move_on_after(1.0) as scope:
        scope.shield = True
        try:
            await muxer.secured_conn.close()
        except LIBRARY_ERRORS as error:
            logger.debug("closing a connection: %s", error)
