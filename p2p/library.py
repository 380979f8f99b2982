"""All that is used of libp2p, imported in this one place; the other modules take it from here.

The release is pinned exactly (setup.cfg), because `mended_muxer`, `mended_host` and
`mended_gossip` replace parts of its inside. Each replacement has a test that shows why it is
still needed (tests/p2p/test_mends.py), so that a better release lets it be deleted.
"""

import libp2p.network.swarm as swarm_module
import libp2p.pubsub.gossipsub as gossipsub_module
import libp2p.pubsub.pubsub as pubsub_module
from google.protobuf.message import DecodeError as ProtobufError
from libp2p.abc import INetConn, INetStream, INetwork, INotifee
from libp2p.crypto.secp256k1 import create_new_key_pair as secp256k1_key_pair
from libp2p.crypto.x25519 import create_new_key_pair as x25519_key_pair
from libp2p.custom_types import TProtocol
from libp2p.exceptions import BaseLibp2pError
from libp2p.host.basic_host import BasicHost
from libp2p.host.exceptions import StreamFailure
from libp2p.network.auto_connector import AutoConnector
from libp2p.network.config import ConnectionConfig, RetryConfig
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.network.connection.swarm_connection import SwarmConn
from libp2p.network.exceptions import SwarmException
from libp2p.network.stream.exceptions import StreamEOF
from libp2p.network.stream.net_stream import NetStream
from libp2p.network.swarm import Swarm
from libp2p.peer.id import ID
from libp2p.peer.peerstore import PeerStore, PeerStoreError
from libp2p.pubsub.gossipsub import PROTOCOL_ID_V11, PROTOCOL_ID_V12, GossipSub
from libp2p.pubsub.mcache import MessageCache
from libp2p.pubsub.pb import rpc_pb2
from libp2p.pubsub.pubsub import Pubsub
from libp2p.pubsub.rpc_queue import RpcQueue
from libp2p.pubsub.validators import signature_validator
from libp2p.rcmgr import Direction as LibraryDirection
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE
from libp2p.security.noise.transport import Transport as NoiseTransport
from libp2p.stream_muxer.yamux import yamux as yamux_module
from libp2p.stream_muxer.yamux.yamux import PROTOCOL_ID as YAMUX
from libp2p.stream_muxer.yamux.yamux import Yamux, YamuxStream
from libp2p.tools.anyio_service import background_trio_service
from libp2p.transport.tcp.tcp import TCP
from libp2p.transport.upgrader import TransportUpgrader
from multiaddr import Multiaddr
from multiaddr.exceptions import Error as MultiaddrError

__all__ = [
    "ID",
    "NOISE",
    "PROTOCOL_ID_V11",
    "PROTOCOL_ID_V12",
    "TCP",
    "YAMUX",
    "AutoConnector",
    "BaseLibp2pError",
    "BasicHost",
    "ConnectionConfig",
    "GossipSub",
    "INetConn",
    "INetStream",
    "INetwork",
    "INotifee",
    "LibraryDirection",
    "MessageCache",
    "Multiaddr",
    "MultiaddrError",
    "NetStream",
    "NoiseTransport",
    "PeerStore",
    "PeerStoreError",
    "ProtobufError",
    "Pubsub",
    "RawConnection",
    "RetryConfig",
    "RpcQueue",
    "StreamEOF",
    "StreamFailure",
    "Swarm",
    "SwarmConn",
    "SwarmException",
    "TProtocol",
    "TransportUpgrader",
    "Yamux",
    "YamuxStream",
    "background_trio_service",
    "gossipsub_module",
    "pubsub_module",
    "rpc_pb2",
    "secp256k1_key_pair",
    "signature_validator",
    "swarm_module",
    "x25519_key_pair",
    "yamux_module",
]
