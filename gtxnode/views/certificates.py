"""Certificates of origin of one chain: its retirements, by id, by consumer, by meter."""

from collections.abc import Iterable
from functools import partial
from itertools import islice

import trio

from consensus import merkle
from consensus.types import commit_codec
from consensus.types import header_codec as block_header_codec
from gtxnode.batches.batch import batch_codec, header_codec
from gtxnode.chain.activity import (
    RetirementLine,
    RetirementRecord,
    lines,
    retired_of_meter,
    retirement,
)
from gtxnode.chain.inclusion import prove_inclusion
from gtxnode.chain.store import ChainStore
from gtxnode.rpc.errors import NotFound
from gtxnode.rpc.views.certificates import (
    CertificatePage,
    CertificateProof,
    CertificateView,
    CertifiedView,
    PathView,
)
from gtxnode.rpc.wire import Address, Amount, Hex
from gtxnode.views.coins import origin_view
from storage.kv import Reader


class CertificatesView:
    """Implements `rpc.backend.Certificates`."""

    def __init__(self, shard: str, store: ChainStore) -> None:
        self._shard = shard
        self._store = store

    async def get(self, id: bytes) -> CertificateView:
        """The certificate of a retirement, by its transaction; raises `NotFound`."""
        found = retirement(self._store.database, id)
        if found is None:
            raise NotFound(f"certificate {id.hex()}")
        return self._view(id, found)

    async def prove(self, id: bytes) -> CertificateProof:
        """A certificate with the way of its transaction into a final block; raises `NotFound`."""
        certificate = await self.get(id)
        return await trio.to_thread.run_sync(self._prove, certificate)

    def _prove(self, certificate: CertificateView) -> CertificateProof:
        place = self._store.transaction(certificate.id)
        assert place is not None, "a retirement is a transaction of a block"
        height, position = place
        block, commit = self._store.block(height)
        batches = []
        for identity in block.payload:
            encoded = self._store.encoded_batch(identity)
            if encoded is None:
                raise NotFound(f"batch {identity.hex()}")
            batches.append(batch_codec.decode(encoded))
        proof = prove_inclusion(block, commit, batches, position)
        return CertificateProof(
            certificate,
            Hex(proof.transaction),
            _path_view(proof.transaction_proof),
            Hex(header_codec.encode(proof.batch_header)),
            _path_view(proof.batch_proof),
            Hex(block_header_codec.encode(proof.header)),
            Hex(commit_codec.encode(proof.commit)),
        )

    async def of_consumer(
        self, address: bytes, start_s: int, end_s: int, limit: int
    ) -> CertificatePage:
        """What was retired in an address's name from one time to another."""
        work = partial(self._of_consumer, address, start_s, end_s, limit)
        return await trio.to_thread.run_sync(work)

    def _of_consumer(self, address: bytes, start_s: int, end_s: int, limit: int) -> CertificatePage:
        with self._store.snapshot() as reader:
            found = (
                line.retirement
                for _, line in lines(reader, address, start_s, end_s)
                if isinstance(line, RetirementLine)
            )
            return self._page(reader, found, limit)

    async def of_meter(self, meter: bytes, start_s: int, end_s: int, limit: int) -> CertificatePage:
        """What was retired of the energy that a meter made from one time to another."""
        work = partial(self._of_meter, meter, start_s, end_s, limit)
        return await trio.to_thread.run_sync(work)

    def _of_meter(self, meter: bytes, start_s: int, end_s: int, limit: int) -> CertificatePage:
        with self._store.snapshot() as reader:
            # A retirement stands under each interval of the meter's that it has energy of.
            found = dict.fromkeys(retired_of_meter(reader, meter, start_s, end_s))
            return self._page(reader, found, limit)

    def _page(self, reader: Reader, ids: Iterable[bytes], limit: int) -> CertificatePage:
        views = []
        for identity in islice(ids, limit + 1):
            found = retirement(reader, identity)
            assert found is not None, "an index and its entry are written together"
            views.append(self._view(identity, found))
        return CertificatePage(tuple(views[:limit]), len(views) > limit)

    def _view(self, identity: bytes, found: RetirementRecord) -> CertificateView:
        return CertificateView(
            self._shard,
            Hex(identity),
            found.height,
            found.time_ms,
            Address(found.consumer),
            "voluntary" if found.meter is None else "import",
            None if found.meter is None else Hex(found.meter),
            Amount(sum(lot.amount_wh for lot in found.lots)),
            Amount(sum(found.credits_mgco2e)),
            tuple(
                CertifiedView(Amount(lot.amount_wh), origin_view(lot.origin), Amount(credit_mg))
                for lot, credit_mg in zip(found.lots, found.credits_mgco2e, strict=True)
            ),
        )


def _path_view(proof: merkle.Proof) -> PathView:
    return PathView(proof.index, proof.total, tuple(map(Hex, proof.path)))
