"""The recipes of the code and gibberish models: what they make of texts, and that files come back."""

import random

import numpy as np
import pytest

from guardrails.catalogue import code_language, gibberish
from training.code import train
from training.gibberish import train as mash


def test_a_model_is_fitted_and_comes_back_from_its_file():
    """A toy of two languages is learnt; the file's weights are those fitted, to a byte."""
    pytest.importorskip("scipy", reason="only the recipe needs it")
    texts = {
        "python": "def a{n}(self):\n    return self.b{n}\n",
        "go": "func a{n}() error {{\n\treturn nil\n}}\n",
        "none": "The cat sat on mat {n}.\nIt was warm.\n",
    }
    made = [
        (language, f"package {number % 4}", text.format(n=number))
        for language, text in texts.items()
        for number in range(24)
    ]
    words, names, weights, bias = train.fit(made, train.vocabulary(made))
    content = code_language.encode(words, names, weights, bias)
    model = code_language.decode(content)

    assert {"def", "return", "func"} <= model.words
    for language, text in texts.items():
        shares = code_language.probabilities(text.format(n=99), model)
        assert max(shares, key=shares.__getitem__) == language
    assert np.abs(model.weights - weights).max() <= np.abs(weights).max() / 127


def test_snippets_say_what_language_they_are_in():
    """A test of TypeScript without types, a licence, and a document with code in it are left out."""
    assert train._says("typescript", "const a: string = b;")
    assert not train._says("typescript", "const a = {b: c, d: e};")
    assert not train._says("python", "# one\n# two\nx = 1")
    assert not train._says("none", "See this:\n>>> import x\ndef f():")
    assert [
        one["text"]
        for one in train.queries(
            [{"language": "go", "package": "p", "split": "train", "text": 'q("SELECT a FROM b WHERE c")'}]
        )
    ] == [
        "SELECT a FROM b WHERE c",
        "select a from b where c",
    ]


def test_letters_hit_at_random_have_odds_above_those_of_words():
    """A table from few words and many bursts tells them apart, and comes back from its file."""
    source = random.Random(1)
    written = mash.counts(["the cat and the other cat were here again and there"] * 50)
    hit = mash.counts(mash.mashed(source) for _ in range(5_000))
    table = mash.odds(mash.smoothed(written / written.sum()), mash.smoothed(hit / hit.sum()))
    assert (gibberish.decode(gibberish.encode(table)) == table).all()
    words = gibberish.words("there asdkjf qqqq abcd", table).bits

    assert words[0] < 0 < words[1]
    assert table[0] == 0 or table[0] < 0
