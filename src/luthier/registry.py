"""The catalogue: maps the name of a plug-in to its class, which is imported on first use.

This is the only module that turns a name into a class. A third party adds a plug-in with an entry
point in the group `luthier.<kind>` (`luthier.tasks`, say); nothing is ever loaded from a dotted
path in a file. Metrics, panels and documents of a run are found in the same way (`DECLARED`).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from luthier.errors import RecipeError, suggestion

CATALOGUE: dict[str, dict[str, str]] = {
    "tasks": {
        "text-classification": "luthier.tasks.text_classification:TextClassification",
        "multi-label-classification": (
            "luthier.tasks.multi_label_classification:MultiLabelClassification"
        ),
        "pair-classification": "luthier.tasks.pair_classification:PairClassification",
        "text-regression": "luthier.tasks.text_regression:TextRegression",
        "pair-regression": "luthier.tasks.pair_regression:PairRegression",
        "token-classification": "luthier.tasks.token_classification:TokenClassification",
        "question-answering": "luthier.tasks.question_answering:QuestionAnswering",
        "multiple-choice": "luthier.tasks.multiple_choice:MultipleChoice",
        "translation": "luthier.tasks.translation:Translation",
        "summarization": "luthier.tasks.summarization:Summarization",
        "causal-lm": "luthier.tasks.causal_lm:CausalLm",
        "masked-lm": "luthier.tasks.masked_lm:MaskedLm",
        "denoising": "luthier.tasks.denoising:Denoising",
        "image-classification": "luthier.tasks.image_classification:ImageClassification",
        "multimodal-classification": (
            "luthier.tasks.multimodal_classification:MultimodalClassification"
        ),
        "multimodal-regression": "luthier.tasks.multimodal_regression:MultimodalRegression",
        "audio-classification": "luthier.tasks.audio_classification:AudioClassification",
    },
    "methods": {
        "full": "luthier.methods.full:Full",
        "linear-probe": "luthier.methods.linear_probe:LinearProbe",
        "prototypes": "luthier.methods.prototypes:Prototypes",
        "knn": "luthier.methods.knn:Knn",
        "contrastive": "luthier.methods.contrastive:Contrastive",
        "top-layers": "luthier.methods.top_layers:TopLayers",
        "layer-wise": "luthier.methods.layer_wise:LayerWise",
        "head-first": "luthier.methods.head_first:HeadFirst",
        "gradual-unfreezing": "luthier.methods.gradual_unfreezing:GradualUnfreezing",
        "lora": "luthier.methods.lora:Lora",
        "qlora": "luthier.methods.qlora:Qlora",
        "ia3": "luthier.methods.ia3:Ia3",
        "prefix-tuning": "luthier.methods.prefix_tuning:PrefixTuning",
        "prompt-tuning": "luthier.methods.prompt_tuning:PromptTuning",
        "p-tuning": "luthier.methods.p_tuning:PTuning",
        "peft": "luthier.methods.peft:Peft",
        "bitfit": "luthier.methods.bitfit:Bitfit",
        "prompt-mlm": "luthier.methods.prompt_mlm:PromptMlm",
        "distillation": "luthier.methods.distillation:Distillation",
        "self-training": "luthier.methods.self_training:SelfTraining",
        "coral": "luthier.methods.coral:Coral",
        "dann": "luthier.methods.dann:Dann",
        "prototypical-networks": ("luthier.methods.prototypical_networks:PrototypicalNetworks"),
        "maml": "luthier.methods.maml:Maml",
        "reptile": "luthier.methods.reptile:Reptile",
    },
    "explainers": {
        "integrated-gradients": "luthier.explainers.integrated_gradients:IntegratedGradients",
        "occlusion": "luthier.explainers.occlusion:Occlusion",
        "gradient-x-input": "luthier.explainers.gradient_x_input:GradientXInput",
        "gradient-norm": "luthier.explainers.gradient_norm:GradientNorm",
    },
    "augmenters": {
        "eda": "luthier.augmenters.eda:Eda",
        "back-translation": "luthier.augmenters.back_translation:BackTranslation",
    },
    "regularisers": {
        "ema": "luthier.regularisers.ema:Ema",
        "r-drop": "luthier.regularisers.r_drop:RDrop",
        "fgm": "luthier.regularisers.fgm:Fgm",
        "l2-sp": "luthier.regularisers.l2_sp:L2Sp",
        "mixout": "luthier.regularisers.mixout:Mixout",
        "sam": "luthier.regularisers.sam:Sam",
    },
    "queries": {
        "random": "luthier.queries.random:Random",
        "margin": "luthier.queries.margin:Margin",
        "least-confident": "luthier.queries.least_confident:LeastConfident",
        "entropy": "luthier.queries.entropy:Entropy",
        "badge": "luthier.queries.badge:Badge",
        "typiclust": "luthier.queries.typiclust:Typiclust",
    },
    "baselines": {
        "majority": "luthier.baselines.majority:Majority",
        "mean-value": "luthier.baselines.mean_value:MeanValue",
        "tfidf-linear": "luthier.baselines.tfidf_linear:TfidfLinear",
        "word-overlap": "luthier.baselines.word_overlap:WordOverlap",
        "frozen-encoder": "luthier.baselines.frozen_encoder:FrozenEncoder",
        "weak-vote": "luthier.baselines.weak_vote:WeakVote",
        "not-adapted": "luthier.baselines.not_adapted:NotAdapted",
        "from-scratch": "luthier.baselines.from_scratch:FromScratch",
        "each-alone": "luthier.baselines.each_alone:EachAlone",
        "average": "luthier.baselines.average:Average",
        "before-tuning": "luthier.baselines.before_tuning:BeforeTuning",
        "most-frequent-tag": "luthier.baselines.most_frequent_tag:MostFrequentTag",
        "gazetteer": "luthier.baselines.gazetteer:Gazetteer",
        "crf": "luthier.baselines.crf:Crf",
        "no-answer": "luthier.baselines.no_answer:NoAnswer",
        "first-sentence": "luthier.baselines.first_sentence:FirstSentence",
        "lexical-overlap": "luthier.baselines.lexical_overlap:LexicalOverlap",
        "copy-source": "luthier.baselines.copy_source:CopySource",
        "translation-memory": "luthier.baselines.translation_memory:TranslationMemory",
        "lead": "luthier.baselines.lead:Lead",
        "unigram": "luthier.baselines.unigram:Unigram",
    },
}

OTHERS: dict[str, dict[str, str]] = {  # chosen by name as well, but without options
    "engines": {
        "torch": "luthier.training.engine:TorchEngine",
        "tensorflow": "luthier.keras_engine.engine:KerasEngine",
    },
    "inputs": {
        "text": "luthier.inputs.text:Text",
        "choices": "luthier.inputs.choices:Choices",
        "image": "luthier.inputs.image:Image",
        "audio": "luthier.inputs.audio:Audio",
        "number": "luthier.inputs.number:Number",
        "category": "luthier.inputs.category:Category",
    },
    "losses": {
        name: f"luthier.training.losses:{name.replace('-', '_')}"
        for name in (
            *("cross-entropy", "focal", "binary-cross-entropy", "binary-focal"),
            *("mean-squared-error", "token-cross-entropy", "sequence-to-sequence", "span", "crf"),
            *("contrastive", "distillation", "own"),
        )
    },
    "inference-kinds": {
        name: f"luthier.training.inference:{name.replace('-', '_')}"
        for name in (
            *("logits", "token-logits", "span-logits", "log-likelihood"),
            *("decoder-log-likelihood", "generate", "fill-mask"),
        )
    },
    "families-of-tensorflow": {
        "bert": "luthier.keras_engine.families.bert:Bert",
        "roberta": "luthier.keras_engine.families.roberta:Roberta",
        "xlm-roberta": "luthier.keras_engine.families.roberta:Roberta",
        "distilbert": "luthier.keras_engine.families.distilbert:Distilbert",
        "albert": "luthier.keras_engine.families.albert:Albert",
        "electra": "luthier.keras_engine.families.electra:Electra",
        "deberta-v2": "luthier.keras_engine.families.deberta_v2:DebertaV2",
        "gpt2": "luthier.keras_engine.families.gpt2:Gpt2",
        "xlnet": "luthier.keras_engine.families.xlnet:XLNet",
        "t5": "luthier.keras_engine.families.t5:T5",
        "bart": "luthier.keras_engine.families.bart:Bart",
        "mbart": "luthier.keras_engine.families.mbart:MBart",
        "marian": "luthier.keras_engine.families.marian:Marian",
    },
}
EVERYTHING = {**CATALOGUE, **OTHERS}
ONE_OF = {"queries": "query strategy", "losses": "loss"}  # where it is more than leaving out an s

DECLARED: dict[str, dict[str, str]] = {  # looked up by name, but never chosen in a recipe
    "metrics": {
        module: f"luthier.metrics.{module}:METRICS"
        for module in (
            *("classification", "multilabel", "regression", "spans", "answers"),
            *("generation", "language"),
        )
    },
    "documents": {
        "ensemble": "luthier.prediction.averaging:DOCUMENTS",
        "rejection": "luthier.rejecting.judge:DOCUMENTS",
    },
    "panels": {
        "confusion": "luthier.report.error_analysis:confusion",
        "numbers": "luthier.report.error_analysis:numbers",
        "calibration": "luthier.report.error_analysis:calibration",
        "rejection": "luthier.report.rejection:rejection",
        "labels": "luthier.report.error_analysis:labels",
        "slices": "luthier.report.error_analysis:slices",
        "mistakes": "luthier.report.error_analysis:mistakes",
        "entities": "luthier.report.examples:entities",
        "answers": "luthier.report.examples:answers",
        "generations": "luthier.report.examples:generations",
        "explanations": "luthier.report.explanations:why",
        "search": "luthier.report.search:search",
        "explanation-check": "luthier.report.explanation_panels:check",
        "explanation-words": "luthier.report.explanation_panels:words",
    },
}


@cache
def names(kind: str) -> tuple[str, ...]:
    """List the names of one kind of plug-in, including those of third parties."""
    others = (point.name for point in entry_points(group=f"luthier.{kind}"))
    return tuple(dict.fromkeys([*_catalogue(kind), *others]))


@cache
def find(kind: str, name: str) -> Any:
    """Return the class of a plug-in.

    Raises:
        RecipeError: there is no plug-in of that kind and name

    >>> find("methods", "full").name
    'full'
    """
    path = _catalogue(kind).get(name)
    if path is not None:
        module, _, attribute = path.partition(":")
        return getattr(import_module(module), attribute)
    for point in entry_points(group=f"luthier.{kind}", name=name):
        return point.load()
    raise RecipeError(
        f"There is no {ONE_OF.get(kind, kind[:-1])} called '{name}'.",
        received=name,
        hint=suggestion(name, names(kind), quote="'"),
    )


def _catalogue(kind: str) -> dict[str, str]:
    return EVERYTHING[kind] if kind in EVERYTHING else DECLARED[kind]


def declared(kind: str) -> Iterator[Any]:
    """Walk over the declarations of a kind: `metrics`, or `documents` of a run.

    First come those of the catalogue and of entry points (each a collection of declarations), then
    those in the attribute of that name of each plug-in's class.
    """
    for name in DECLARED[kind]:
        yield from find(kind, name)
    for point in entry_points(group=f"luthier.{kind}"):  # packages may use the same name
        yield from point.load()
    for plugins in CATALOGUE:
        for name in names(plugins):
            yield from getattr(find(plugins, name), kind, ())
