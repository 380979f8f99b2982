"""An authority's guard: whatever it is asked, what it signs never contradicts itself."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.checkpoints import Checkpoint, checkpoint_digest, may_sign, verify_signed
from consensus.signing import verify
from gtxnode.checkpoints.archive import CertificateArchive
from gtxnode.checkpoints.guard import CheckpointGuard, open_guards
from gtxnode.ledger.parameters import Authority, ChainParameters
from gtxnode.primitives.zones import Role
from gtxnode.signer import ForeignSigner, Signer, WouldGoBack, WouldSignTwice
from storage.errors import Corrupted, Locked, Missing
from storage.memory import MemoryStore
from tests.checkpoints.statements import AUTHORITIES, CHAIN, checkpoint, key, public

PARAMETERS = ChainParameters(authorities=(Authority(Role.EGAT, public(1)),))


def opened(path: Path, role: int = 1) -> CheckpointGuard:
    return CheckpointGuard.open(path, key(role), CHAIN, create=True)


def test_a_word_is_the_authoritys_and_on_the_disk_before_it_is_given(tmp_path: Path) -> None:
    guard = opened(tmp_path / "guard")
    stated = checkpoint(100)
    word = guard.sign(stated)
    assert verify_signed(CHAIN, AUTHORITIES, word) == 1
    assert word.signature in (tmp_path / "guard").read_bytes()
    guard.close()
    guard = opened(tmp_path / "guard")
    assert guard.last_height == 100
    assert guard.sign(stated) == word
    guard.close()


REFUSED = {
    "another block": (checkpoint(100, 2), WouldSignTwice),
    "another epoch": (checkpoint(100, 1, epoch=3), WouldSignTwice),
    "a smaller epoch": (checkpoint(200, 1, epoch=1), WouldGoBack),
    "a lower height": (checkpoint(99, 1, epoch=2), WouldGoBack),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_contradict_is_refused_after_a_restart_too(tmp_path: Path, case: str) -> None:
    stated, error = REFUSED[case]
    guard = opened(tmp_path / "guard")
    guard.sign(checkpoint(100, 1, epoch=2))
    guard.close()
    guard = opened(tmp_path / "guard")
    with pytest.raises(error, match="height 100, epoch 2, checkpoint"):
        guard.sign(stated)
    assert guard.last_height == 100
    guard.close()


STATED = st.builds(
    lambda height, block, epoch: checkpoint(height, block, epoch=epoch),
    st.integers(1, 4),
    st.integers(1, 2),
    st.integers(0, 2),
)


@settings(max_examples=60)
@given(st.lists(STATED | st.none(), max_size=20))
def test_it_signs_exactly_what_the_rule_lets_through(asked: list[Checkpoint | None]) -> None:
    """Whatever comes in between: None is a restart."""
    last: Checkpoint | None = None
    with TemporaryDirectory() as folder:
        guard = opened(Path(folder) / "guard")
        for stated in asked:
            if stated is None:
                guard.close()
                guard = opened(Path(folder) / "guard")
                continue
            if may_sign(last, stated):
                word = guard.sign(stated)
                assert verify(public(1), checkpoint_digest(stated), word.signature)
                last = stated
            else:
                with pytest.raises(WouldSignTwice):
                    guard.sign(stated)
        guard.close()


def test_a_second_holder_another_key_and_a_validators_guard_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "guard"
    guard = opened(path)
    with pytest.raises(Locked):
        opened(path)
    guard.close()
    with pytest.raises(ForeignSigner, match="another key"):
        opened(path, role=2)
    Signer.open(tmp_path / "signer", key(1), CHAIN, create=True).close()
    with pytest.raises(ForeignSigner, match="another chain"):
        opened(tmp_path / "signer")


def test_damage_is_refused_with_the_name_of_the_file(tmp_path: Path) -> None:
    opened(tmp_path / "guard").close()
    (tmp_path / "guard").write_bytes(bytes(8192))
    with pytest.raises(Corrupted, match=str(tmp_path / "guard")):
        opened(tmp_path / "guard")


def test_guards_are_made_once_for_each_key(tmp_path: Path) -> None:
    archive = CertificateArchive(MemoryStore())

    def path_of(public_key: bytes) -> Path:
        return tmp_path / public_key.hex()[:16]

    for _ in range(2):
        with open_guards(CHAIN, PARAMETERS, archive, [key(1), key(9)], path_of) as guards:
            # The second is no authority's, and may come to be by a rotation.
            assert [guard.public_key for guard in guards] == [public(1), public(9)]
    path_of(public(1)).unlink()
    with pytest.raises(Missing), open_guards(CHAIN, PARAMETERS, archive, [key(1)], path_of):
        pass
    with open_guards(CHAIN, ChainParameters(), archive, [], path_of) as guards:
        assert guards == ()
