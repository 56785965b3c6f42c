"""Bounds that hold before a file of an image or a sound is decoded, and the errors that they give.

A compressed file of a few kilobytes can unpack to gigabytes, so sizes are read from headers first.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Sequence
from typing import IO, Any

from luthier.environment import install_command
from luthier.errors import DataError
from luthier.media.places import named

MOST_BYTES = 50 * 2**20  # of a file
MOST_PIXELS = 50_000_000  # of an image
MOST_SECONDS = 30 * 60.0  # of a recording, of which `data.max_seconds` are read
MOST_RATE = 384_000  # samples a second: what a filter is computed for
LONG_NAME = 200
BEGINNINGS = {  # of the bytes of files, by what they hold
    "image": (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"BM"),
    "audio": (b"fLaC", b"OggS", b"ID3", b"\xff\xfb"),
}
OF_RIFF = {b"WEBP": "image", b"WAVE": "audio"}  # by what stands behind the size of a RIFF file


def kind_held(content: object) -> str | None:
    """Say what the bytes of a file look like by their beginning: an `image`, `audio`, or neither.

    >>> kind_held(b"GIF89a..."), kind_held(b"RIFF....WAVEfmt "), kind_held("a.png")
    ('image', 'audio', None)
    """
    if not isinstance(content, bytes):
        return None
    if content.startswith(b"RIFF"):
        return OF_RIFF.get(content[8:12])
    found = (kind for kind, starts in BEGINNINGS.items() if content.startswith(starts))
    return next(found, None)


def opened(source: Any) -> IO[bytes]:
    """Open a file, or bytes in memory, as a stream of bytes.

    Raises:
        DataError: There is no such file, it is no plain file, or it is too large.
    """
    if not isinstance(source, (bytes, str)):
        raise unreadable(source, "it is no path, and not what a file holds")
    if isinstance(source, bytes):
        if len(source) > MOST_BYTES:
            raise too_large(source, len(source))
        return io.BytesIO(source)
    try:
        about = os.stat(source)
        if not stat.S_ISREG(about.st_mode):
            raise unreadable(source, "it is no file")
        if about.st_size > MOST_BYTES:
            raise too_large(source, about.st_size)
        return open(source, "rb")
    except OSError as problem:
        raise DataError(
            "A file that the rows name cannot be opened.",
            received=f"{str(source)[:LONG_NAME]}: {problem.strerror or problem}",
            hint="put the file there, or data.media=the folder that paths are relative to",
        ) from problem


def unreadable(source: Any, why: str, formats: Sequence[str] = ()) -> DataError:
    """Make the error of a file that cannot be decoded."""
    known = f"a whole file of {', '.join(formats)}" if formats else "a whole file"
    return DataError(
        "A file that the rows name cannot be read.",
        received=f"{named(source)[:LONG_NAME]}: {why[:LONG_NAME]}",
        hint=f"{known}, or leave its cell empty",
    )


def too_large(source: Any, n_bytes: int) -> DataError:
    """Make the error of a file that is not read for its size."""
    return DataError(
        f"A file that the rows name has more than {MOST_BYTES // 2**20} MiB.",
        received=f"{named(source)[:LONG_NAME]}: {n_bytes / 2**20:.0f} MiB",
        hint="a smaller copy of it",
    )


def not_installed(problem: ImportError) -> DataError:
    """Make the error of a library that reads media and is not there."""
    return DataError(
        "Images and sounds are read by Pillow and soundfile, which are not installed.",
        received=str(problem),
        hint=install_command("media"),
    )
