"""The chain on which zones trade, in one run: its market, its authorities, its certificates."""

from collections.abc import Sequence
from typing import Any

import structlog
import trio

from gtxnode.devnet.acts import Act, Script
from gtxnode.devnet.exchange import SHARD, Exchange, certificates_of
from gtxnode.devnet.fleet import Fleet
from gtxnode.devnet.watch import Watch
from gtxnode.genesis import chain_id
from gtxnode.primitives.units import WH_PER_KWH
from gtxnode.rpc.client import Client, Disconnected, RpcError
from gtxnode.rpc.views.certificates import CertificateView

log = structlog.get_logger(__name__)

SAID_LINES = 3


class Trading:
    """`run` it, and `collect` what it came to at the end."""

    def __init__(self, fleet: Fleet, script: Sequence[Act]) -> None:
        self._owners = [each.owner for each in fleet.households if each.shard == SHARD]
        self._exchange = Exchange()
        network = chain_id(fleet.genesis.network, SHARD)
        self._script = Script(script, fleet.authorities, network)
        self._certificates: list[CertificateView] = []

    async def run(self, urls: Sequence[str], watch: Watch) -> None:
        """Follow the market, and let the authorities act, for ever."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._exchange.run, urls)
            nursery.start_soon(self._script.run, urls, watch)

    def notes(self) -> list[str]:
        """What there is to see now, and what authorities said last."""
        market = f"{SHARD}: {self._exchange.as_text()}"
        return [market, *self._script.said[-SAID_LINES:]]

    async def collect(self, client: Client) -> None:
        """Ask for the certificates of what was retired."""
        try:
            self._certificates = await certificates_of(client, self._owners)
        except (Disconnected, RpcError) as error:
            log.warning("devnet.no_certificates", reason=str(error))

    def as_object(self) -> dict[str, Any]:
        """What the run came to."""
        imports = [each for each in self._certificates if each.purpose == "import"]
        return {
            **self._exchange.as_object(),
            "acts": list(self._script.said),
            "certificates": len(self._certificates),
            "certificate": as_text(imports[-1]) if imports else None,
        }


def as_text(certificate: CertificateView) -> str:
    """A certificate for a person."""
    parts = [
        f"{int(each.energy_wh) / WH_PER_KWH:.1f} kWh {each.origin.source} of {each.origin.zone}"
        for each in certificate.energy
    ]
    meter = certificate.meter.hex() if certificate.meter is not None else ""
    return f"{certificate.id.hex()}: {', '.join(parts)}, used up by the import of meter {meter}"
