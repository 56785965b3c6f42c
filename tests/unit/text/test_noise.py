"""Texts are damaged as T5 and BART had them, and what is written restores them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from luthier.errors import ModelError
from luthier.seeding import stream
from luthier.text.noise import Noise, noise_for
from tests.tiny import make_tokenizer

SENTINELS = tuple(range(900, 920))
MASK = 999
LIKE_T5 = Noise(0.15, 3.0, SENTINELS)
LIKE_BART = Noise(0.3, 3.0, mask=MASK)


def test_a_corruption_by_spans_written_out():
    shown, written = LIKE_T5.damage(np.arange(20), stream(0, "noise", 1, 2))
    assert shown.tolist() == [*range(12), 900, *range(15, 20)]
    assert written.tolist() == [900, 12, 13, 14, 901]


def test_a_text_with_gaps_written_out():
    shown, written = LIKE_BART.damage(np.arange(20), stream(0, "noise", 1, 2))
    assert shown.tolist() == [0, MASK, *range(1, 5), MASK, *range(5, 11), MASK, 17, 18, 19]
    assert written.tolist() == [*range(20)]


noises = st.builds(
    Noise,
    st.floats(0.01, 0.99),
    st.floats(1, 9),
    st.sampled_from([SENTINELS, SENTINELS[:2], ()]),
    st.just(MASK),
)


@given(noises, st.integers(1, 80), st.integers(0, 999))
def test_what_is_written_fills_what_is_shown(noise, n_tokens, seed):
    ids = np.arange(n_tokens)
    shown, written = noise.damage(ids, stream(seed))
    if not noise.sentinels:
        assert written.tolist() == ids.tolist()
        kept = shown[shown != MASK]
        assert n_tokens - len(kept) == min(max(round(n_tokens * noise.density), 1), n_tokens)
        assert len(shown) <= n_tokens
        assert not ((shown[1:] == MASK) & (shown[:-1] == MASK)).any()
        return
    is_sentinel = np.isin(written, SENTINELS)
    used = written[is_sentinel].tolist()
    assert used == list(SENTINELS[: len(used)])
    taken = np.split(written, np.flatnonzero(is_sentinel)[1:])
    fills = {int(one[0]): one[1:].tolist() for one in taken}
    restored = [x for one in shown.tolist() for x in fills.get(one, [one])]
    assert restored == ids.tolist()
    assert fills[used[-1]] == []  # the last one ends what is written
    assert all(fills[one] for one in used[:-1])


def test_shares_and_lengths_are_those_of_the_papers():
    shares, spans = [], []
    for number in range(300):
        shown, _ = LIKE_BART.damage(np.arange(200), stream(1, number))
        spans.append((shown == MASK).sum())
        shares.append(1 - (shown != MASK).sum() / 200)
    assert np.mean(shares) == pytest.approx(0.3)
    assert 60 / np.mean(spans) == pytest.approx(3, rel=0.05)  # the last span is cut
    shown, written = LIKE_T5.damage(np.arange(200), stream(1))
    assert len(shown) == 200 - 30 + 10
    assert len(written) == 30 + 10 + 1


def test_an_empty_text_stays_empty():
    assert [one.tolist() for one in LIKE_T5.damage(np.arange(0), stream(0))] == [[], [900]]
    assert [one.tolist() for one in LIKE_BART.damage(np.arange(0), stream(0))] == [[], []]


def test_the_tokenizer_decides_and_what_it_lacks_is_told():
    tokenizer = make_tokenizer("t5")
    made = noise_for(tokenizer, None, density=None, mean_length=3.0)
    assert (made.density, made.mask, made.sentinels) == (0.3, tokenizer.mask_token_id, ())
    with pytest.raises(ModelError, match=r"(?s)no sentinels.*noise=text-infilling"):
        noise_for(tokenizer, "span-corruption", density=None, mean_length=3.0)
    tokenizer.add_special_tokens({"extra_special_tokens": ["<extra_id_0>", "<extra_id_1>"]})
    made = noise_for(tokenizer, None, density=None, mean_length=3.0)
    assert made.density == 0.15
    assert tokenizer.convert_ids_to_tokens(made.sentinels) == ["<extra_id_0>", "<extra_id_1>"]
    tokenizer.mask_token = None
    with pytest.raises(ModelError, match=r"no mask token to stand"):
        noise_for(tokenizer, "text-infilling", density=None, mean_length=3.0)
