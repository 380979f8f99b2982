"""Merkle trees: RFC 6962's shape, proofs that hold, and none that should not."""

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from consensus import merkle

leaves = st.lists(st.binary(max_size=40), min_size=1, max_size=40)


def by_definition(items: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, as it stands there: split at the largest power of two."""
    if not items:
        return sha256(b"").digest()
    if len(items) == 1:
        return sha256(b"\x00" + items[0]).digest()
    split = 1
    while split * 2 < len(items):
        split *= 2
    left, right = by_definition(items[:split]), by_definition(items[split:])
    return sha256(b"\x01" + left + right).digest()


@given(st.lists(st.binary(max_size=40), max_size=70))
def test_the_root_is_the_standards(items: list[bytes]) -> None:
    """Level by level or by recursion, the tree is the same."""
    assert merkle.root(items) == by_definition(items)


def test_known_roots() -> None:
    """Of the certificate-transparency test vectors."""
    items = [
        bytes.fromhex(text)
        for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")
    ]
    assert merkle.root([]).hex().startswith("e3b0c44298fc1c14")
    assert merkle.root(items[:1]).hex().startswith("6e340b9cffb37a98")
    assert merkle.root(items[:3]).hex().startswith("aeb6bcfe274b70a1")
    assert merkle.root(items[:7]).hex().startswith("ddb89be403809e32")


@given(leaves, st.data())
def test_a_proof_holds_for_its_leaf_alone(items: list[bytes], data: st.DataObject) -> None:
    """At its place, in its tree."""
    index = data.draw(st.integers(0, len(items) - 1))
    proof = merkle.prove(items, index)
    root = merkle.root(items)
    assert merkle.verify(root, items[index], proof)
    assert not merkle.verify(root, items[index] + b"x", proof)
    assert not merkle.verify(bytes(32), items[index], proof)
    other = data.draw(st.integers(0, len(items) - 1))
    if items[other] != items[index]:
        assert not merkle.verify(root, items[other], proof)


@given(leaves, st.data())
def test_a_changed_proof_does_not_hold(items: list[bytes], data: st.DataObject) -> None:
    """A node less, a node more, a node changed."""
    index = data.draw(st.integers(0, len(items) - 1))
    proof, root = merkle.prove(items, index), merkle.root(items)
    longer = merkle.Proof(proof.index, proof.total, (*proof.path, bytes(32)))
    assert not merkle.verify(root, items[index], longer)
    if proof.path:
        shorter = merkle.Proof(proof.index, proof.total, proof.path[:-1])
        changed = merkle.Proof(proof.index, proof.total, (bytes(32), *proof.path[1:]))
        assert not merkle.verify(root, items[index], shorter)
        assert not merkle.verify(root, items[index], changed)


def test_a_node_does_not_pass_for_a_leaf() -> None:
    """The two are hashed behind different bytes."""
    items = [b"a", b"b", b"c", b"d"]
    hashes = [sha256(b"\x00" + item).digest() for item in items]
    pairs = [hashes[0] + hashes[1], hashes[2] + hashes[3]]
    assert merkle.root(pairs) != merkle.root(items)


def test_an_odd_leaf_is_not_doubled() -> None:
    """Two lists, two roots."""
    assert merkle.root([b"a", b"b", b"c"]) != merkle.root([b"a", b"b", b"c", b"c"])
