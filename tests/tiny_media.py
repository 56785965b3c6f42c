"""Tiny models of images and sounds, with what prepares their inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import (
    ResNetConfig,
    ResNetForImageClassification,
    ViTConfig,
    ViTForImageClassification,
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForSequenceClassification,
)
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

SIZE = 16  # pixels
SMALL: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "num_labels": 5,  # so that the head starts fresh
}


def write_vit(folder: Path) -> Path:
    """Write a vision transformer of four pixels a patch, with its image processor."""
    ViTForImageClassification(ViTConfig(**SMALL, image_size=SIZE, patch_size=4)).save_pretrained(
        folder
    )
    ViTImageProcessorPil(size={"height": SIZE, "width": SIZE}).save_pretrained(folder)
    return folder


def write_wav2vec2(folder: Path) -> Path:
    """Write a model of speech that reads an attention mask, with its feature extractor."""
    config = Wav2Vec2Config(
        **SMALL,
        conv_dim=(16, 16, 16),
        conv_stride=(5, 4, 4),
        conv_kernel=(10, 8, 8),
        num_feat_extract_layers=3,
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=2,
        classifier_proj_size=16,
        mask_time_prob=0.0,
        feat_extract_norm="layer",
    )
    Wav2Vec2ForSequenceClassification(config).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(return_attention_mask=True).save_pretrained(folder)
    return folder


def write_resnet(folder: Path) -> Path:
    """Write an encoder with batch norms that bring statistics, with its image processor."""
    config = ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 12], depths=[1, 1], layer_type="basic", num_labels=5
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = ResNetForImageClassification(config)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_var.fill_(0.5)
    model.save_pretrained(folder)
    ViTImageProcessorPil(size={"height": SIZE, "width": SIZE}).save_pretrained(folder)
    return folder


WRITERS_OF_MEDIA = {"vit": write_vit, "wav2vec2": write_wav2vec2}


def write_media_model(family: str, folder: Path) -> Path:
    """Write a tiny model; its weights are drawn by a seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return WRITERS_OF_MEDIA[family](folder)
