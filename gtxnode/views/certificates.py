"""Certificates of origin of one chain: its retirements, by id, by consumer, by meter."""

from collections.abc import Iterable
from functools import partial
from itertools import islice
from typing import Literal

import trio

from consensus import merkle
from gtxnode.certificates.proof import (
    ByAuthorities,
    ByValidators,
    Fault,
    Finality,
    InvalidCertificate,
    RetirementProof,
)
from gtxnode.certificates.prove import By, NotProvable, prove_certificate
from gtxnode.chain.activity import RetirementLine, lines
from gtxnode.chain.retirements import NotKept, retired_of_meter, retirement
from gtxnode.chain.store import ChainStore
from gtxnode.ledger.energy.retirement_log import Retired
from gtxnode.rpc.errors import ErrorCode, NotFound, RpcFailure
from gtxnode.rpc.views.certificates import (
    CertificatePage,
    CertificateProof,
    CertificateView,
    CertifiedView,
)
from gtxnode.rpc.views.transactions import PathView
from gtxnode.rpc.wire import Address, Amount, Hex
from gtxnode.views.coins import origin_view
from gtxnode.views.transactions import path_view
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
        return certificate_view(self._shard, found.entry)

    async def prove(
        self, id: bytes, by: Literal["validators", "authorities"] | None
    ) -> CertificateProof:
        """A certificate with what proves it; `NotFound` says what is not here, or not yet."""
        return await trio.to_thread.run_sync(self._prove, id, None if by is None else By(by))

    def _prove(self, identity: bytes, by: By | None) -> CertificateProof:
        found = retirement(self._store.database, identity)
        if found is None:
            raise NotFound(f"certificate {identity.hex()}")
        try:
            proof = prove_certificate(self._store, found, by)
        except (NotProvable, NotKept) as error:
            why = f"certificate {identity.hex()} cannot be proved here: {error}"
            raise RpcFailure(ErrorCode.NOT_FOUND, why) from error
        return _proof_view(certificate_view(self._shard, found.entry), proof)

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
            views.append(certificate_view(self._shard, found.entry))
        return CertificatePage(tuple(views[:limit]), len(views) > limit)


def certificate_view(shard: str, entry: Retired) -> CertificateView:
    """A retirement as it reads."""
    return CertificateView(
        shard,
        Hex(entry.transaction),
        entry.height,
        entry.time_ms,
        Address(entry.consumer),
        "voluntary" if entry.meter is None else "import",
        None if entry.meter is None else Hex(entry.meter),
        Amount(sum(lot.amount_wh for lot in entry.lots)),
        Amount(sum(entry.credits_mgco2e)),
        tuple(
            CertifiedView(Amount(lot.amount_wh), origin_view(lot.origin), Amount(credit_mg))
            for lot, credit_mg in zip(entry.lots, entry.credits_mgco2e, strict=True)
        ),
    )


def proof_in(view: CertificateProof) -> RetirementProof:
    """What a certificate's proof is checked by; raises `InvalidCertificate`."""
    return RetirementProof(
        view.entry, _path_in(view.log_path), view.log, _path_in(view.state_path), _finality_in(view)
    )


def _finality_in(view: CertificateProof) -> Finality:
    match view.by, view.header, view.commit, view.trust:
        case "validators", bytes(header), bytes(commit), None:
            return ByValidators(header, commit)
        case "authorities", None, None, bytes(trust):
            return ByAuthorities(trust)
    why = f"{view.by} sign another part than there is"
    raise InvalidCertificate(Fault.UNREADABLE, "by", why)


def _proof_view(certificate: CertificateView, proof: RetirementProof) -> CertificateProof:
    header = commit = trust = None
    if isinstance(proof.finality, ByAuthorities):
        trust = Hex(proof.finality.trust)
    else:
        header, commit = Hex(proof.finality.header), Hex(proof.finality.commit)
    return CertificateProof(
        certificate,
        Hex(proof.entry),
        path_view(proof.log_path),
        Hex(proof.log),
        path_view(proof.state_path),
        "validators" if trust is None else "authorities",
        header,
        commit,
        trust,
    )


def _path_in(view: PathView) -> merkle.Proof:
    return merkle.Proof(view.index, view.total, view.path)
