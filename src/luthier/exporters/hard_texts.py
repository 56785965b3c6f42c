"""Texts that are hard to cut into tokens, on which two tokenizers are compared."""

from __future__ import annotations

from collections.abc import Sequence

HARD = (  # to cut into tokens
    "",
    " \t\n ",
    "Crème Brûlée, ÅNGSTRÖM & naïveté",
    "re\u0301sume\u0301 o\u0308 \u1e69 \u0130stanbul \u0131 stra\u00dfe",
    "\u03a3\u039f\u03a6\u039f\u03a3 \u03c3\u03bf\u03c6\u03cc\u03c2",
    "東京は日本の首都です。北京in中国 한국어 ﾊﾝｶｸ",
    "\U0001f44d\U0001f3fd \U0001f469\u200d\U0001f467 \u2603\ufe0f \U0001f1e9\U0001f1ea ok",
    "a\u0000b\u0007c\u200bd\ufeffe\u00adf\u2028g\u0085h\x1bi\ue000j\U000f0001k",
    "non\u00a0breaking\u2003spaces\u3000here",
    "don't e-mail 50% (off) [now] {a_b} ~`^ ¿qué? «oui» — …",
    "[CLS] a [MASK] b [SEP] [UNK][PAD] [mask] [ SEP ]",
    "ᚠᛇᚻ ѣ ܐ ৠ \U0001d54f \U0010fffd",
    "x" * 100 + " " + "y" * 101 + " " + "é" * 101 + " " + "語" * 300,
    "नमस्ते สวัสดี مرحبا שלום " * 5,
)


def hard_columns(texts: Sequence[str], most: int) -> tuple[list[str], list[str]]:
    """Make texts that are hard to cut, or too long in one text of a pair or in both.

    Of a pair that is too long, every cut of one text is kept with every cut of the other, so that
    memory grows with the square of what is too long.

    Args:
        texts: Texts of a run, whose words the long ones repeat.
        most: Tokens that the model reads.

    Returns:
        First texts, and as many second ones.
    """
    words = " ".join(texts).split() or ["x"]
    n_words = 2 * most + 1
    long = " ".join((words * n_words)[:n_words])
    return [*HARD, long, "short", long, "ab " * 70], [*HARD[::-1], "short", long, long, "cd " * 69]
