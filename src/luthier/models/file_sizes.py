"""Bounds the files of a model that are read whole, before they are: JSON, vocabularies, templates.

Weights are mapped, not read; of them, the header is bounded. `safety.py` asks both.
"""

from __future__ import annotations

from pathlib import Path

from luthier.errors import ModelError

LARGEST_HEADER = 16 << 20  # bytes; ten thousand tensors take one MiB
LARGEST = {  # bytes of a file, by its name or ending
    "tokenizer.json": 64 << 20,  # the largest published ones have about half of that
    "vocab.json": 64 << 20,
    "vocab.txt": 64 << 20,
    "merges.txt": 64 << 20,
    ".model": 64 << 20,
    ".index.json": 64 << 20,
    ".json": 16 << 20,
    ".jinja": 1 << 20,
}
READ = ("config", "tokens", "chat_template", "preprocessor")  # words in names of JSON files


def refuse_large_files(folder: Path) -> None:
    """Raise if a file that would be read whole is larger than any of its kind.

    Raises:
        ModelError: A file is too large.
    """
    for path in sorted(folder.iterdir()):
        if path.is_file() and (most := _largest(path.name)) and path.stat().st_size > most:
            raise ModelError(
                f"The model's {path.name} may have at most {most:,} bytes.",
                received=f"{path}: {path.stat().st_size:,} bytes",
                hint="copy or download the model again",
            )


def _largest(name: str) -> int | None:
    """Return how many bytes a file may have; None for files that nothing opens."""
    if name in LARGEST:
        return LARGEST[name]
    ending = next((one for one in LARGEST if one.startswith(".") and name.endswith(one)), None)
    if ending is None or (ending == ".json" and not any(word in name for word in READ)):
        return None
    return LARGEST[ending]


def header_length(path: Path) -> int:
    """Return how many bytes a weights file says that its header has.

    Raises:
        ModelError: It says more than the file has, or than any header.
    """
    n_bytes = path.stat().st_size
    with path.open("rb") as file:
        claimed = int.from_bytes(file.read(8), "little")
    most = min(LARGEST_HEADER, max(0, n_bytes - 8))
    if claimed > most:
        raise ModelError(
            f"The model's {path.name} cannot be read: its header has at most {most:,} bytes.",
            received=f"{path}: it says {claimed:,}; the file has {n_bytes:,}",
            hint="copy or download the model again",
        )
    return claimed
