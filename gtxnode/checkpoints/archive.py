"""What a chain's database keeps of checkpoints: certificates by height, and which keys are guarded.

Invariant: every certificate is of a block of this chain.
"""

from typing import Final

from consensus.checkpoints import Certificate, certificate_codec
from storage.kv import KeyValue, WriteBatch
from storage.tables import U64, Raw, Table

_CERTIFICATES: Final = Table(b"k", U64(), certificate_codec, name="certificates of checkpoints")
_GUARDED: Final = Table(b"g", Raw(33), Raw(0), name="authorities' keys with a guard")


class CertificateArchive:
    """The certificates of one chain. One writer; any thread may read."""

    def __init__(self, database: KeyValue) -> None:
        self._database = database

    def newest(self, below: int | None = None) -> Certificate | None:
        """The highest, or the highest below a height."""
        found = _CERTIFICATES.scan(self._database, stop=below, reverse=True, limit=1)
        return next((certificate for _, certificate in found), None)

    def at(self, height: int) -> Certificate | None:
        """The one of a height."""
        return _CERTIFICATES.get(self._database, height)

    def keep(self, certificate: Certificate) -> None:
        """Store one, synced."""
        write = WriteBatch()
        _CERTIFICATES.put(write, certificate.checkpoint.height, certificate)
        self._database.write(write, sync=True)

    def is_guarded(self, public_key: bytes) -> bool:
        """Whether a guard was made for an authority's key on this node."""
        return _GUARDED.get(self._database, public_key) is not None

    def note_guard(self, public_key: bytes) -> None:
        """Remember that one was made."""
        if not self.is_guarded(public_key):
            write = WriteBatch()
            _GUARDED.put(write, public_key, b"")
            self._database.write(write, sync=True)
