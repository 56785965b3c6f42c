"""Modes of the files that libraries write.

Some libraries write a file under a private name first, and leave it readable by its owner alone.
What Luthier writes has the modes that the user's umask leaves to any new file.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

FILE, FOLDER = 0o666, 0o777


def give_usual_modes(folder: Path) -> None:
    """Give a folder, and all that it holds, the modes of new files; links are left alone."""
    if os.name == "nt":
        return
    hidden = os.umask(0o077)  # it can only be read by setting it
    os.umask(hidden)
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            with suppress(PermissionError):  # a file system without modes
                path.chmod((FOLDER if path.is_dir() else FILE) & ~hidden)
