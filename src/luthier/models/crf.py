"""A linear-chain CRF over the tags that a token classifier scores.

The score of a tag sequence is the sum of the classifier's logits and of the scores of transitions
from tag to tag; its likelihood is normalised over all sequences. Lafferty, McCallum & Pereira 2001;
over a neural tagger as in Lample et al. 2016, section 3, https://arxiv.org/abs/1603.01360.
Decoding runs in NumPy, in `text/viterbi.py`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from luthier.hf_types import Model
from luthier.models.speedups.host_copies import number
from luthier.models.wrapper import HeadOutput, Wrapper

IGNORED = -100


class CrfTagger(Wrapper):
    """A token classifier with learned transition scores.

    Args:
        inner: Model model of Transformers for token classification.
    """

    def __init__(self, inner: Model):
        super().__init__(inner)
        self.settings = {"crf": True}
        n_labels = len(inner.config.id2label or ())
        self.transitions = nn.Parameter(torch.zeros(n_labels + 1, n_labels))  # last row: the start

    def forward(self, **batch: Tensor) -> HeadOutput:
        """Return `logits`, (batch, tokens, labels), and `transitions` for the loss."""
        return HeadOutput(logits=self.inner(**batch).logits, transitions=self.transitions)


def negative_log_likelihood(transitions: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
    """Sum -log p(labels) over the batch; a sequence consists of the tokens that have a label.

    Args:
        transitions: Scores from label to label, (labels + 1, labels); the last row is the start.
        logits: Scores of each token's labels, (batch, tokens, labels).
        labels: Label ids, (batch, tokens); -100 for tokens that are not the first of a word.
    """
    counts = labels != IGNORED
    n_words = counts.sum(dim=1)  # (batch,)
    most = number(labels, lambda one: (one != IGNORED).sum(dim=1).max())
    # a stable sort moves labelled tokens to the front of each row and keeps their order
    order = torch.argsort((~counts).to(torch.int8), dim=1, stable=True)[:, :most]
    if order.shape[1] == 0:
        return logits.sum(dim=(1, 2)) * 0.0
    emissions = logits.gather(1, order[..., None].expand(-1, -1, logits.shape[-1]))
    tags = labels.gather(1, order).clamp(min=0)  # (batch, words)
    is_word = torch.arange(order.shape[1], device=labels.device) < n_words[:, None]
    start, steps = transitions[-1], transitions[:-1]
    picked = emissions.gather(2, tags[..., None]).squeeze(2)  # (batch, words)
    moves = torch.cat([start[tags[:, :1]], steps[tags[:, :-1], tags[:, 1:]]], dim=1)
    score = ((picked + moves) * is_word).sum(dim=1)
    # forward algorithm: total[b, l] = log of the summed scores of all prefixes that end in l
    total = start + emissions[:, 0]  # (batch, labels)
    for word in range(1, order.shape[1]):
        ahead = torch.logsumexp(total[:, :, None] + steps, dim=1) + emissions[:, word]
        total = torch.where(is_word[:, word, None], ahead, total)
    return (torch.logsumexp(total, dim=1) - score) * (n_words > 0)
