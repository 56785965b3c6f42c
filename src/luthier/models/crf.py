"""A linear-chain CRF over the tags that a token classifier gives.

The score of a sequence of tags is the sum of what the model says of each word and of what each
step from tag to tag is worth; its likelihood is that over all sequences. Lafferty, McCallum &
Pereira 2001; over a neural tagger as in Lample et al. 2016, section 3, https://arxiv.org/abs/1603.01360.
Decoding is NumPy's, in `text/viterbi.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from luthier.models.speedups.host_copies import number
from luthier.models.structure import compute_again

IGNORED = -100


class CrfTagger(nn.Module):
    """A token classifier of Transformers, and the worth of each step from tag to tag.

    Args:
        tagger: Any model for token classification.
    """

    def __init__(self, tagger: Any):
        super().__init__()
        self.settings = {"crf": True}
        self.tagger = tagger
        self.config = tagger.config
        n_labels = tagger.config.num_labels
        self.transitions = nn.Parameter(torch.zeros(n_labels + 1, n_labels))  # row n: the start

    @property
    def base_model(self) -> Any:
        """The trunk, by the name that models of Transformers have for it."""
        return self.tagger.base_model

    def get_input_embeddings(self) -> Any:
        """Give the embeddings of tokens."""
        return self.tagger.get_input_embeddings()

    def gradient_checkpointing_enable(self) -> None:
        """Trade time for memory in the trunk."""
        compute_again(self.tagger)

    def forward(self, **batch: Tensor) -> Any:
        """Give `.logits`, (batch, tokens, labels), and itself as `.crf` for the loss."""
        said = self.tagger(**batch)
        said["crf"] = self
        return said

    def negative_log_likelihood(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Compute -log p(labels), (batch,); only tokens with a label are part of a sequence.

        Args:
            logits: (batch, tokens, labels).
            labels: (batch, tokens), -100 where a token is no word's first.
        """
        counts = labels != IGNORED
        n_words = counts.sum(dim=1)  # (batch,)
        most = number(labels, lambda one: (one != IGNORED).sum(dim=1).max())
        order = torch.argsort((~counts).to(torch.int8), dim=1, stable=True)[:, :most]
        emissions = logits.gather(1, order[..., None].expand(-1, -1, logits.shape[-1]))
        tags = labels.gather(1, order).clamp(min=0)  # (batch, words)
        is_word = torch.arange(order.shape[1], device=labels.device) < n_words[:, None]
        if order.shape[1] == 0:
            return logits.sum(dim=(1, 2)) * 0.0
        start, steps = self.transitions[-1], self.transitions[:-1]
        picked = emissions.gather(2, tags[..., None]).squeeze(2)  # (batch, words)
        moves = torch.cat([start[tags[:, :1]], steps[tags[:, :-1], tags[:, 1:]]], dim=1)
        score = ((picked + moves) * is_word).sum(dim=1)
        total = start + emissions[:, 0]  # (batch, labels)
        for word in range(1, order.shape[1]):
            ahead = torch.logsumexp(total[:, :, None] + steps, dim=1) + emissions[:, word]
            total = torch.where(is_word[:, word, None], ahead, total)
        has_words = n_words > 0
        return (torch.logsumexp(total, dim=1) - score) * has_words

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the tagger as a plain checkpoint, and the CRF beside it."""
        from luthier.models.heads import write_head

        self.tagger.save_pretrained(folder)
        write_head(self, Path(folder), inner="tagger.")
