"""Settings of `model.generate`: those of the task, whatever the model brings along.

A model's own `generation_config.json` may ask for samples, for several texts, or for what needs
code of the hub; what is scored is one text for each row, the same each time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from luthier.hf_types import Model, Tokenizer
from luthier.models.vocabulary_fit import refuse_unknown_token

PLAINLY: dict[str, Any] = {  # one text for each row, written alike each time
    **dict.fromkeys(("max_length", "penalty_alpha", "dola_layers", "prompt_lookup_num_tokens")),
    **dict.fromkeys(("force_words_ids", "constraints", "stop_strings", "watermarking_config")),
    **dict.fromkeys(("temperature", "top_k", "top_p", "cache_implementation", "guidance_scale")),
    **dict.fromkeys(("do_sample", "return_dict_in_generate", "output_scores"), False),
    **dict.fromkeys(("output_logits", "output_attentions", "output_hidden_states"), False),
    **dict.fromkeys(("num_return_sequences", "num_beam_groups"), 1),
    "diversity_penalty": 0.0,
}
TOKENS = (
    *("decoder_start_token_id", "forced_bos_token_id", "forced_eos_token_id"),
    *("suppress_tokens", "begin_suppress_tokens"),
)


def set_generation(model: Model, settings: Mapping[str, Any], tokenizer: Tokenizer) -> None:
    """Store generation settings in a model, so that plain `model.generate` uses them too."""
    n_rows = model.get_input_embeddings().num_embeddings
    for field in TOKENS:
        given = getattr(model.generation_config, field, None)
        refuse_unknown_token(given, n_rows, f"generation_config.json: {field}")
    wanted = {**PLAINLY, "pad_token_id": model.config.pad_token_id, **settings}
    model.generation_config.update(**wanted)
    if model.generation_config.eos_token_id is None:
        model.generation_config.eos_token_id = tokenizer.eos_token_id
