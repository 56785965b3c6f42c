"""Vectors of files by what the files hold: in memory, and on disk for the runs that follow.

    ~/.cache/luthier/vectors/ENCODER/PART.safetensors     digests (vectors, 32), vectors (…, width)

A part is written whole and never changed, so several processes may keep vectors at once. What is
lost or damaged is computed again; the folder may be deleted at any time.
"""

from __future__ import annotations

import os
import uuid
from functools import cache
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from luthier.environment import cache_folder
from luthier.ragged import Array

DIGEST = 32  # bytes
A_PART = 256  # vectors after which a part is written: an interrupted run loses no more
MOST_KEPT = 200_000  # vectors of an encoder in memory
MOST_BYTES = 2 << 30  # of all parts on disk; the oldest are deleted first


class KeptVectors:
    """The vectors of one encoder.

    Args:
        folder: Where its parts lie.
        width: Width of a vector.
    """

    def __init__(self, folder: Path, width: int):
        self.folder, self.width = folder, width
        self.known: dict[bytes, Array] = {}
        self._new: list[bytes] = []
        for part in sorted(folder.glob("*.safetensors")):
            self._read(part)

    def _read(self, part: Path) -> None:
        """Read a part; nothing if it is damaged, or of other vectors."""
        try:
            held = load_file(part)
        except (SafetensorError, OSError):
            return
        digests, vectors = held.get("digests"), held.get("vectors")
        shapes = [None if one is None else one.shape for one in (digests, vectors)]
        if digests is None or shapes != [(len(digests), DIGEST), (len(digests), self.width)]:
            return
        keys = (one.tobytes() for one in digests)
        self.known |= zip(keys, np.asarray(vectors, dtype=np.float32), strict=True)

    def keep(self, digest: bytes, vector: Array) -> None:
        """Keep a vector in memory, and on disk from time to time."""
        if len(self.known) >= MOST_KEPT:
            self.write()
            self.known.clear()
        self.known[digest] = vector
        self._new.append(digest)
        if len(self._new) >= A_PART:
            self.write()

    def write(self) -> None:
        """Write what is new as a part; where that fails, vectors last as long as the process."""
        if not self._new:
            return
        digests = np.frombuffer(b"".join(self._new), dtype=np.uint8).reshape(-1, DIGEST)
        vectors = np.stack([self.known[one] for one in self._new])
        self._new = []
        name = uuid.uuid4().hex
        draft = self.folder / f".{name}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            save_file({"digests": digests, "vectors": vectors}, draft)
            os.replace(draft, self.folder / f"{name}.safetensors")
            make_room(self.folder.parent)
        except OSError:
            return


def make_room(folder: Path) -> None:
    """Delete the oldest parts of all encoders, beyond what may be kept."""
    parts = [(one.stat(), one) for one in folder.glob("*/*.safetensors")]
    room = MOST_BYTES
    for about, part in sorted(parts, key=lambda one: -one[0].st_mtime):
        room -= about.st_size
        if room < 0:
            part.unlink(missing_ok=True)


@cache
def kept_vectors(key: str, width: int) -> KeptVectors:
    """Return the vectors of an encoder, which all in this process share.

    Args:
        key: Digest of all that decides a vector beside the file.
        width: Width of a vector.
    """
    return KeptVectors(cache_folder() / "vectors" / key[:32], width)
