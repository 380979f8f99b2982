"""Certificates of origin."""

from __future__ import annotations

from typing import Literal, Protocol

from gtxnode.rpc.views.certificates import CertificatePage, CertificateProof, CertificateView


class Certificates(Protocol):
    """Certificates of origin."""

    async def get(self, id: bytes) -> CertificateView:
        """The certificate of a retirement, by its transaction; raises `NotFound`."""
        ...

    async def of_consumer(
        self, address: bytes, start_s: int, end_s: int, limit: int
    ) -> CertificatePage:
        """What was retired in an address's name from one time to another."""
        ...

    async def of_meter(self, meter: bytes, start_s: int, end_s: int, limit: int) -> CertificatePage:
        """What was retired of the energy that a meter made from one time to another."""
        ...

    async def prove(
        self, id: bytes, by: Literal["validators", "authorities"] | None
    ) -> CertificateProof:
        """A certificate with what proves it, by either; `NotFound` says what is not here."""
        ...
