"""Loads what Transformers prepares images and sounds with, beside a model.

No code of a checkpoint is run; torchvision is not needed: Transformers then prepares images by
Pillow.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import AutoFeatureExtractor, AutoImageProcessor

from luthier.errors import ModelError
from luthier.media.images import load_pillow
from luthier.media.sounds import load_soundfile
from luthier.models.locate import local_folder, locate
from luthier.models.safety import read_json, telling_what_failed

FILE = "preprocessor_config.json"
OF_IMAGES = "image_processor_type"


def load_media_processor(
    name: str, *, revision: str | None = None, ignore_unsafe_files: bool = False, **_: Any
) -> Any:
    """Load a model's image processor or feature extractor; None for a folder that has none.

    Args:
        name: A hub id, a folder, or `package:NAME`.
        revision: The branch, tag or commit on the hub.
        ignore_unsafe_files: Whether the folder may hold files that could run code.

    Raises:
        ModelError: It cannot be read.
        DataError: Pillow and soundfile are not installed.
    """
    place = locate(name, ignore_unsafe_files=ignore_unsafe_files)
    folder = local_folder(name)
    if folder is not None:
        return saved_processor(folder)
    load_pillow()
    with telling_what_failed(f"{name}, {FILE}"):
        try:
            return AutoImageProcessor.from_pretrained(
                place, revision=revision, trust_remote_code=False
            )
        except ValueError:  # no images are prepared by it
            extractors: Any = AutoFeatureExtractor
            return extractors.from_pretrained(place, revision=revision, trust_remote_code=False)


def saved_processor(folder: Path) -> Any:
    """Read the processor in a model's folder; None where there is none.

    Raises:
        ModelError: It cannot be read.
    """
    if not (folder / FILE).is_file():
        return None
    about = read_json(folder / FILE)
    is_of_images = OF_IMAGES in about or "Image" in str(about.get("feature_extractor_type"))
    auto: Any = AutoImageProcessor if is_of_images else AutoFeatureExtractor
    (load_pillow if is_of_images else load_soundfile)()
    with telling_what_failed(f"{folder}, {FILE}"):
        made = auto.from_pretrained(folder, trust_remote_code=False)
    if made is None:
        raise ModelError(
            "The model's folder says nothing of how its inputs are prepared.",
            received=f"{folder}, {FILE}",
            hint="a folder with the processor of its model",
        )
    return made
