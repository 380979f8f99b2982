"""Words: kept by height and role, few of each, and those that contradict one another found."""

from consensus.authorities import Authority, AuthoritySet
from consensus.checkpoints import certify
from gtxnode.checkpoints.archive import CertificateArchive
from gtxnode.checkpoints.words import Words
from storage.memory import MemoryStore
from tests.checkpoints.statements import AUTHORITIES, checkpoint, key, public, word


def test_words_for_one_checkpoint_are_counted_by_those_who_count() -> None:
    words = Words()
    for role in (1, 2, 3):
        assert words.take(role, word(role, checkpoint(100))) is None
    words.take(4, word(4, checkpoint(100, 2)))
    words.take(4, word(4, checkpoint(200)))
    found = words.about(checkpoint(100), AUTHORITIES)
    assert sorted(each.public_key for each in found) == sorted(map(public, (1, 2, 3)))
    without_one = AuthoritySet([Authority(role, (public(role),)) for role in (2, 3, 4)], 3)
    assert len(words.about(checkpoint(100), without_one)) == 2


def test_the_same_word_is_known_and_another_is_not() -> None:
    words = Words()
    words.take(1, word(1, checkpoint(100)))
    assert words.knows(word(1, checkpoint(100)))
    assert not words.knows(word(1, checkpoint(100, 2)))
    assert not words.knows(word(2, checkpoint(100)))


def test_a_role_that_contradicts_itself_is_found_with_the_earlier_word() -> None:
    words = Words()
    first = word(1, checkpoint(100, epoch=1))
    words.take(1, first)
    assert words.take(2, word(2, checkpoint(100, 2))) is None
    assert words.take(1, word(1, checkpoint(100, 2))) == first
    assert words.take(1, word(1, checkpoint(200, epoch=0))) == first


def test_of_one_role_and_height_two_statements_are_kept() -> None:
    words = Words()
    for block in range(1, 20):
        words.take(1, word(1, checkpoint(100, block)))
    assert words.knows(word(1, checkpoint(100, 1)))
    assert words.knows(word(1, checkpoint(100, 2)))
    assert not words.knows(word(1, checkpoint(100, 3)))


def test_other_heights_are_forgotten() -> None:
    words = Words()
    for height in (100, 200, 300):
        words.take(1, word(1, checkpoint(height)))
    words.keep(lambda height: height == 200)
    known = [words.knows(word(1, checkpoint(height))) for height in (100, 200, 300)]
    assert known == [False, True, False]


def test_certificates_are_kept_by_height_and_the_newest_is_found() -> None:
    database = MemoryStore()
    archive = CertificateArchive(database)
    assert archive.newest() is None
    kept = {}
    for height in (100, 300):
        kept[height] = certify(AUTHORITIES, [word(r, checkpoint(height)) for r in (1, 2, 4)])
        certificate = kept[height]
        assert certificate is not None
        archive.keep(certificate)
    again = CertificateArchive(database)
    assert again.newest() == kept[300]
    assert again.at(100) == kept[100]
    assert again.at(200) is None


def test_a_guarded_key_is_remembered() -> None:
    archive = CertificateArchive(MemoryStore())
    assert not archive.is_guarded(public(1))
    archive.note_guard(public(1))
    archive.note_guard(public(1))
    assert archive.is_guarded(public(1))
    assert not archive.is_guarded(key(2) + b"\x00")
