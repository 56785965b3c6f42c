"""How far apart two passes' answers are: the symmetric divergences of R-Drop.

Liang et al. 2021, equation 3, https://arxiv.org/abs/2106.14448. The two divergences are averaged,
½ (KL(p‖q) + KL(q‖p)) = ½ Σ (p − q)(log p − log q), and gradients flow through both.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def between_labels(one: Tensor, other: Tensor) -> Tensor:
    """Compare distributions over labels by their logits, (…, labels), to (…).

    Labels of logit -∞ in both take no part.
    """
    log_p, log_q = one.float().log_softmax(dim=-1), other.float().log_softmax(dim=-1)
    is_real = (log_p > float("-inf")) & (log_q > float("-inf"))
    log_p, log_q = log_p.where(is_real, 0.0), log_q.where(is_real, 0.0)
    # where both are left out, exp(0) - exp(0) = 0
    return ((log_p.exp() - log_q.exp()) * (log_p - log_q)).sum(dim=-1) / 2


def between_indicators(one: Tensor, other: Tensor) -> Tensor:
    """Compare independent labels by their logits, (…, labels), to the same shape.

    The log-odds of a label are its logit, so (p − q)(log p − log q) + (q − p)(log(1−p) − log(1−q))
    is (p − q) times the difference of the logits.
    """
    z, w = one.float(), other.float()
    return (functional.sigmoid(z) - functional.sigmoid(w)) * (z - w) / 2
