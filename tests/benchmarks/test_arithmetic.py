"""The arithmetic of measurements: work is counted as PyTorch does, sweeps find the fastest."""

import time
from argparse import Namespace

import pytest
import torch
from scipy.stats import ttest_1samp
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertForTokenClassification,
    MarianConfig,
    MarianMTModel,
)

from benchmarks.figure import decades, ticks
from benchmarks.paired import difference_of, in_points
from benchmarks.problems import PROBLEMS, chosen, read_conll
from benchmarks.sweep import find_fastest
from benchmarks.work import (
    Work,
    attention_flops,
    linear_flops,
    linear_shapes,
    trained_parameters,
    work_of,
)
from tests.tiny import make_tokenizer

ROWS, TOKENS, WRITTEN = 4, 16, 8


def work(written=0):
    """Make the work of one step over rows of one length."""
    return Work(
        items=ROWS,
        epochs=1.0,
        steps=1,
        tokens=ROWS * TOKENS,
        target_tokens=ROWS * written,
        squares=ROWS * TOKENS**2,
        target_squares=ROWS * written**2,
        crossed=ROWS * TOKENS * written,
        vocabulary=10,
    )


def counted(model, **batch):
    """Have PyTorch count a step, forwards and backwards."""
    model.train()
    with FlopCounterMode(display=False) as counter:
        model(**batch).loss.backward()
    return counter.get_total_flops()


def bert(head):
    """Make a tiny BERT whose attention is written out, so that its products are counted."""
    config = BertConfig(
        vocab_size=50,
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=64,
        num_labels=2,
        attn_implementation="eager",
    )
    return head(config)


@pytest.mark.parametrize("head", [BertForSequenceClassification, BertForTokenClassification])
def test_work_is_what_pytorch_counts(head):
    model = bert(head)
    n_labels = (ROWS, TOKENS) if head is BertForTokenClassification else (ROWS,)
    ids = torch.randint(50, (ROWS, TOKENS))
    theirs = counted(model, input_ids=ids, labels=torch.zeros(n_labels, dtype=torch.long))
    ours = linear_flops(linear_shapes(model, work(), cls_only=False), 1)
    ours += attention_flops(model, work(), cls_only=False)
    assert ours == pytest.approx(theirs, rel=1e-9)


def test_work_of_an_encoder_and_a_decoder_is_what_pytorch_counts():
    config = MarianConfig(
        vocab_size=60,
        d_model=32,
        encoder_layers=2,
        decoder_layers=3,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        pad_token_id=0,
        decoder_start_token_id=0,
        attn_implementation="eager",
    )
    model = MarianMTModel(config)
    ids, labels = torch.randint(1, 60, (ROWS, TOKENS)), torch.randint(1, 60, (ROWS, WRITTEN))
    theirs = counted(model, input_ids=ids, labels=labels)
    ours = linear_flops(linear_shapes(model, work(WRITTEN)), 1)
    ours += attention_flops(model, work(WRITTEN))
    assert ours == pytest.approx(theirs, rel=1e-9)


def test_a_head_that_reads_one_token_leaves_keys_and_values_of_the_others():
    model = bert(BertForSequenceClassification)
    left, whole = (linear_shapes(model, work(), cls_only=one) for one in (True, False))
    assert whole[ROWS * TOKENS, 32, 32] == 12  # query, key, value, output of three layers
    assert left[ROWS * TOKENS, 32, 32] == 10
    assert left[ROWS, 32, 32] == 3  # query and output of the last layer, and the pooler
    assert attention_flops(model, work()) < attention_flops(model, work(), cls_only=False)


def test_words_that_do_not_occur_need_no_optimizer():
    model = bert(BertForSequenceClassification)
    total = sum(one.numel() for one in model.parameters())
    assert trained_parameters(model, work(), occurring=False) == total
    assert trained_parameters(model, work()) == total - 40 * 32


def test_tokens_are_counted_over_epochs_or_steps():
    rows = [("yes no", "a"), ("yes", "b"), ("no", "a")]
    options = Namespace(max_tokens=None, batch_size=2, steps=-1, epochs=3)
    seen = work_of(PROBLEMS["reviews"], rows, make_tokenizer("bert"), ["a", "b"], options)
    assert (seen.items, seen.steps, seen.tokens, seen.squares) == (3, 6, 10, 16 + 9 + 9)
    assert seen.tokens_seen == 30
    options.steps = 2
    assert (
        work_of(PROBLEMS["reviews"], rows, make_tokenizer("bert"), ["a", "b"], options).tokens_seen
        == 10
    )


def test_a_sweep_finds_the_fastest_and_leaves_bf16_where_it_is_hopeless():
    tried = [{"bf16": bf16, "n": n} for bf16 in (False, True) for n in (3, 1)]
    asked = []

    def train(settings):
        asked.append((settings["bf16"], settings["n"]))
        layer = torch.nn.Linear(1, 1)
        for _ in range(5 * settings["n"] * (9 if settings["bf16"] else 1)):
            time.sleep(0.004)
            layer(torch.ones(1))

    seconds = find_fastest(tried, train, passes=2)
    assert min(range(4), key=lambda i: seconds[i] or 9) == 1
    assert seconds[2:] == [None, None]
    assert [one for one in asked if one[0]] == [(True, 1)]


def test_rows_are_chosen_alike_and_over_again_where_there_are_too_few():
    assert chosen(10, 4) == chosen(10, 10)[:4]
    assert sorted(chosen(3, 6)) == [0, 0, 1, 1, 2, 2]


def test_a_line_with_a_tab_alone_ends_a_sentence(tmp_path):
    path = tmp_path / "some.conll"
    path.write_text("a\tO\nb\tB-x\n\t\nc\tO\n\n\nd\tO\n")
    assert [words for words, _ in read_conll(path)] == [["a", "b"], ["c"], ["d"]]


def test_a_paired_difference_has_students_interval():
    found = difference_of([71.0, 72.5, 70.0, 73.0], [70.0, 72.0, 70.5, 71.0])
    theirs = ttest_1samp([1.0, 0.5, -0.5, 2.0], 0.0)
    assert found["difference"] == pytest.approx(0.75)
    assert found["interval"] == pytest.approx(theirs.confidence_interval(0.95))
    assert in_points(found) == "+0.75 points, 95 % interval -0.91 to +2.41"


def test_one_seed_has_no_interval():
    assert in_points(difference_of([71.0], [70.0])) == "+1.00 points, 95 % interval unknown"


def test_axes_reach_over_what_they_show():
    assert ticks(0.9)[-1] >= 0.9
    assert ticks(1234) == [0, 500, 1000, 1500]
    assert decades(3, 70) == [2, 5, 10, 20, 50, 100]
