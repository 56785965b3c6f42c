"""S10: images and sounds of strangers: damaged, lying or hostile, read as a run reads them.

A file passes when it is read within the bounds, or refused by an error of Luthier's.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PIL import Image

from luthier.errors import LuthierError
from luthier.media.files import MOST_PIXELS, MOST_SECONDS
from luthier.media.heads import decoded_of, digest_of, head_of, is_blank
from luthier.media.images import pixels_of
from luthier.media.places import source_of
from luthier.media.sounds import samples_of

Case = tuple[str, str, str, bytes]  # what is wrong, kind, name of the file, what it holds
IMAGES = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
SOUNDS = ("WAV", "FLAC", "OGG")
CUTS = (0.02, 0.2, 0.5, 0.9, 0.99)
FLIPS = 16  # files of each format with some bytes changed
RATE = 8000


def whole() -> dict[str, tuple[str, bytes]]:
    """Make a sound file of every format, by its ending, with its kind."""
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 256, (24, 20, 3), dtype=np.uint8)
    made = {}
    for form in IMAGES:
        held = io.BytesIO()
        Image.fromarray(pixels).save(held, form)
        made[form.lower()] = ("image", held.getvalue())
    for form in SOUNDS:
        held = io.BytesIO()
        soundfile.write(held, 0.1 * draw.normal(size=RATE // 2), RATE, format=form)
        made[form.lower()] = ("audio", held.getvalue())
    return made


def cases() -> Iterator[Case]:
    """Give every case."""
    files = whole()
    for ending, (kind, held) in files.items():
        for share in CUTS:
            yield f"cut to {share:.0%}", kind, f"a.{ending}", held[: int(share * len(held))]
        for seed in range(FLIPS):
            yield f"bytes changed, {seed}", kind, f"a.{ending}", flipped(held, seed)
        yield "empty", kind, f"a.{ending}", b""
        yield "a web page", kind, f"a.{ending}", b"<!doctype html><title>404</title>"
        yield "zeros", kind, f"a.{ending}", bytes(2000)
        yield "more behind its end", kind, f"a.{ending}", held + bytes(2000)
        yield "its beginning twice", kind, f"a.{ending}", held[:40] + held
        other = next(one for one, (kin, _) in files.items() if kin == kind and one != ending)
        yield "another format", kind, f"a.{other}", held
        yield "another kind", "audio" if kind == "image" else "image", f"a.{ending}", held
    yield from lies(files)


def flipped(held: bytes, seed: int) -> bytes:
    """Change a few bytes, half of the times in the head."""
    draw, made = np.random.default_rng(seed), bytearray(held)
    most = len(made) if seed % 2 else min(64, len(made))
    for place in draw.integers(0, most, 1 + seed // 2):
        made[place] ^= int(draw.integers(1, 256))
    return bytes(made)


def lies(files: dict[str, tuple[str, bytes]]) -> Iterator[Case]:
    """Give files that say of themselves what is not so."""
    png, wave = files["png"][1], files["wav"][1]
    for sides in ((60_000, 60_000), (2**31 - 1, 1), (0, 0), (12_000, 12_000)):
        yield (
            f"says {sides} pixels",
            "image",
            "a.png",
            png[:16] + struct.pack(">II", *sides) + png[24:],
        )
    bomb = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(bomb, "PNG")
    yield "144 million pixels in few bytes", "image", "a.png", bomb.getvalue()
    for size in (0, 2**31 - 1, 2**32 - 1):
        yield (
            f"says {size} bytes",
            "audio",
            "a.wav",
            wave[:40] + struct.pack("<I", size) + wave[44:],
        )
    for rate in (0, 1, 2**31 - 1):
        yield (
            f"says a rate of {rate}",
            "audio",
            "a.wav",
            wave[:24] + struct.pack("<I", rate) + wave[28:],
        )
    long = io.BytesIO()
    soundfile.write(long, np.zeros(31 * 60 * RATE), RATE, format="FLAC")
    yield "31 minutes of silence", "audio", "a.flac", long.getvalue()
    for name, array in (
        ("objects", np.array([{}], dtype=object)),
        ("five axes", np.zeros((1,) * 5)),
        ("texts", np.array(["a"])),
        ("complex numbers", np.zeros((2, 2, 3), dtype=complex)),
        ("nothing", np.zeros((0, 0, 3), dtype=np.uint8)),
        ("no numbers", np.full((4, 4, 3), np.nan)),
    ):
        held = io.BytesIO()
        np.save(held, array)
        yield f"an array of {name}", "image", "a.npy", held.getvalue()
    head = b"\x93NUMPY\x01\x00v\x00{'descr': '|u1', 'fortran_order': False, "
    head += b"'shape': (99999999999, 3, 3), }"
    yield "an array that says more than it has", "image", "a.npy", head.ljust(127) + b"\n"


def fault(case: Case, folder: Path) -> str:
    """Read a file in every way; return what went wrong, "" if nothing did."""
    _, kind, name, held = case
    path = folder / name
    path.write_bytes(held)
    for source in (str(path), held if path.suffix != ".npy" else str(path)):
        if told := misread(source, kind):
            return told
    return ""


def misread(source: Any, kind: str) -> str:
    """Read a source; return what went wrong."""
    for read in (head_of, seen, decoded, lambda one, _: digest_of(one)):
        try:
            read(source, kind)
        except LuthierError:
            continue
        except Exception as problem:  # noqa: BLE001 - which is what is looked for
            return f"{type(problem).__name__}: {problem}"[:200]
    return ""


def seen(source: Any, kind: str) -> bool:
    """Look at the whole of a source, as the doctor does."""
    return is_blank(decoded_of(source, kind), kind)


def decoded(source: Any, kind: str) -> None:
    """Decode a source, and hold it to the bounds."""
    if kind == "image":
        pixels = pixels_of(source)
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.size > 3 * MOST_PIXELS:
            raise ValueError(f"{pixels.shape} {pixels.dtype}")
        return
    samples = samples_of(source, rate=16_000, max_seconds=5.0)
    if samples.ndim != 1 or len(samples) > 80_000 or not np.isfinite(samples).all():
        raise ValueError(f"{samples.shape} samples, at most {MOST_SECONDS} s")


def places(folder: Path) -> list[tuple[str, bool]]:
    """Give paths that lead out of their folder, with whether they are refused."""
    (folder / "inside").mkdir()
    (folder / "secret.png").write_bytes(whole()["png"][1])
    os.symlink(folder / "secret.png", folder / "inside" / "link.png")
    found = []
    for path in (
        *("../secret.png", str(folder / "secret.png"), "link.png", "a/../../secret.png"),
        *(
            "http://example.org/a.png",
            "file:///etc/passwd",
            "C:\\a.png",
            "\\\\host\\a.png",
            "a\0.png",
        ),
    ):
        try:
            source_of(path, str(folder / "inside"), "row 1")
            found.append((f"path {path!r}", False))
        except LuthierError:
            found.append((f"path {path!r}", True))
    return found
