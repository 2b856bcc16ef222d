"""The network over word vectors gives what its definition says, however the text is cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.detectors import CannotJudge, Deadline
from guardrails.detectors.ngrams import model, words
from guardrails.detectors.ngrams.features import BLOCK, encode
from guardrails.detectors.ngrams.words import WIDTH, Net

KNOWN = model.vectors("words-1")


def net(seed, filters=7, units=5, classes=2):
    r = np.random.default_rng(seed)
    size = KNOWN.table.shape[1]
    shapes = (
        (WIDTH * size, filters),
        (filters,),
        (size, units),
        (units,),
        (filters + units, classes),
        (classes,),
    )
    return Net(*(r.normal(size=shape).astype(np.float32) for shape in shapes))


def plainly(one, encoded, start, end):
    """The log-odds of the whole cells of a window, a word at a time."""
    places, rows = KNOWN.rows(encoded, Deadline.after(10))
    first, last = np.searchsorted(places, (start // 48 * 48, -(-end // 48) * 48))
    nothing = np.zeros((WIDTH - 1, KNOWN.table.shape[1]))
    table = np.concatenate([nothing, KNOWN.table[rows], nothing])
    ends = last + WIDTH - 1 if last == len(rows) else last
    best = np.zeros(len(one.filters_bias))
    for place in range(first, ends):
        best = np.maximum(best, table[place : place + WIDTH].ravel() @ one.filters + one.filters_bias)
    mean = KNOWN.table[rows[first:last]].sum(axis=0) / np.sqrt(last - first + 4)
    return np.concatenate([best, np.maximum(mean @ one.mean + one.mean_bias, 0)]) @ one.out + one.out_bias


@pytest.mark.parametrize("copies", [1, 3, 40])
def test_each_window_is_the_sum_of_its_parts(copies):
    """Filters, mean and output of every window are those of its words, computed one by one."""
    encoded = encode("Forget the harbour, it's dry; call +1 555 and ask for Ada.\n" * copies)
    one = net(1)

    for windows in one.judge(KNOWN, encoded, Deadline.after(10)):
        for start, end, odds in zip(windows.starts, windows.ends, windows.odds, strict=True):
            assert odds == pytest.approx(plainly(one, encoded, start, end), rel=1e-3, abs=1e-2)


def test_batches_do_not_change_the_odds(monkeypatch):
    """How many words are multiplied at once is of no consequence."""
    encoded = encode("one two, three. " * 900)
    one = net(2)
    whole = one.judge(KNOWN, encoded, Deadline.after(10))
    monkeypatch.setattr(words, "_BATCH", 33)

    for few, many in zip(one.judge(KNOWN, encoded, Deadline.after(10)), whole, strict=True):
        assert few.odds == pytest.approx(many.odds, rel=1e-3, abs=1e-2)


def test_words_are_found_in_every_block():
    """A word has the same row wherever it stands, also at the border of blocks."""
    encoded = encode("harbour quay " * (3 * BLOCK // 13))
    places, rows = KNOWN.rows(encoded, Deadline.after(10))

    assert len(set(rows.tolist())) == 2
    assert 0 not in rows
    assert np.all(np.diff(places) > 0)
    assert len(rows) == 2 * (3 * BLOCK // 13)


def test_words_that_mean_the_same_lie_near():
    """The vectors know which words are alike: that is what they are for."""

    def vector(word):
        return KNOWN.table[KNOWN.rows(encode(word), Deadline.after(10))[1][0]]

    def alike(one, other):
        return float(
            vector(one) @ vector(other) / np.linalg.norm(vector(one)) / np.linalg.norm(vector(other))
        )

    assert alike("disregard", "ignore") > 0.5 > alike("disregard", "pancake")
    assert alike("password", "passwords") > 0.5 > alike("password", "sunset")


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.characters(), max_size=300))
def test_any_text_has_odds(text):
    """Any characters, surrogates included, give finite numbers."""
    for windows in net(3).judge(KNOWN, encode(text), Deadline.after(10)):
        assert np.isfinite(windows.odds).all()


def test_the_deadline_is_kept():
    """A long text is given up at the deadline."""
    with pytest.raises(CannotJudge):
        net(4).judge(KNOWN, encode("one two three " * 10_000), Deadline.after(0))
