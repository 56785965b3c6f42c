"""`prompt-mlm`: classifies by letting a masked language model fill the mask of a pattern.

A pattern turns a row into a text with a mask, and each label has a word, a single token; a label's
score is the logit of its word at the mask:

    "{text} It was {mask}."   positive: great, negative: bad
    p(label | text) = softmax over labels of  head(state of the mask)[word of the label]

No weight is new, so a few rows suffice. The patterns and the loss are those of PET, Schick and
Schütze 2021, section 3.1, https://arxiv.org/abs/2001.07676; a single prompt, as in LM-BFF, Gao,
Fisch and Chen 2021, section 4, https://arxiv.org/abs/2012.15723.

Deviations: one pattern and one word per label, no ensemble of patterns that labels further rows for
a final model (PET, 3.3); no language-model loss beside the loss (PET, 3.2); no search for words or
patterns and no demonstrations (LM-BFF, 5 and 6). The tokenizer's separator stays between two
texts.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict
from typing import ClassVar

from pydantic import Field

from luthier.errors import ModelError
from luthier.hf_types import Model
from luthier.job import Job
from luthier.models.plain_checkpoint import SingleLabelMethod
from luthier.recipe.tree import Section
from luthier.records import StepInfo

FILLS_MASKS = "AutoModelForMaskedLM"


class PromptMlmOptions(Section):
    """The pattern around a text, and the words of the labels."""

    pattern: str | None = Field(
        None,
        description="A text with {mask} and the task's texts in braces; null: '{text} It was "
        "{mask}.', or '{text}? {mask}, {text_pair}'.",
    )
    verbaliser: dict[str, str] = Field(
        default_factory=dict,
        description="Label to word, a single token; other labels are their own words.",
    )


class PromptMlm(SingleLabelMethod):
    """Train the language model to fill a pattern's mask with the label's word."""

    name: ClassVar[str] = "prompt-mlm"
    Options = PromptMlmOptions
    options: PromptMlmOptions

    def fit(self, model: Model, job: Job) -> Generator[StepInfo, None, Model]:
        """Replace the model by a masked language model with the pattern, and train that."""
        from luthier.models.prompts import PromptClassifier
        from luthier.text.patterns import read_prompt
        from luthier.text.tokenize import model_limit
        from luthier.training.loop import train

        del model  # its head is new; the language model's is needed
        prompt = read_prompt(
            self.options.pattern,
            self.options.verbaliser,
            roles=job.problem.codec.task.input_roles,
            labels=job.problem.codec.target.names,
            tokenizer=job.problem.codec.processor,
        )
        filler = job.session.make_model(True, auto_model=FILLS_MASKS)
        max_tokens = model_limit(job.problem.codec.processor, filler.config)
        refuse_long_texts(job, n_pieces=len(prompt.pieces), max_tokens=max_tokens)
        prompted = PromptClassifier(filler, max_tokens=max_tokens, **asdict(prompt))
        return (yield from train(prompted, job))


def refuse_long_texts(job: Job, *, n_pieces: int, max_tokens: int) -> None:
    """Raise if a text leaves no room for the pattern.

    Raises:
        ModelError: A text of any split is too long.
    """
    longest = {split: int(rows.cost.max(initial=0)) for split, rows in job.problem.items.items()}
    split = max(longest, key=lambda name: longest[name])
    if longest[split] + n_pieces > max_tokens:
        raise ModelError(
            f"The model reads at most {max_tokens} tokens, and the pattern needs {n_pieces}.",
            received=f"a text of {longest[split]} tokens in {split}",
            hint=f"data.max_tokens={max_tokens - n_pieces}",
        )
