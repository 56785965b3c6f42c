"""R4: a disk that is full or shut ends a run with a clear message, and the run can go on."""

from __future__ import annotations

import ctypes
import resource
from pathlib import Path

from tests.torture.kills import TRAINING
from tests.torture.trial import Bench, Ended


def bench(folder: Path) -> Bench:
    """Make the bench, with a run that had room."""
    made = Bench(folder, training=TRAINING, baselines=["majority"])
    assert made.finish("whole").code == 0
    return made


def sizes(made: Bench, n: int) -> list[int]:
    """Give sizes of files that are still allowed, from nothing to almost enough."""
    files = (made.folder / "whole" / "checkpoints").rglob("*.safetensors")
    largest = max(file.stat().st_size for file in files)
    return [int(largest * (number / n) ** 3) for number in range(n)]


def trial_of_size(made: Bench, size: int) -> bool:
    """Allow files of so many bytes; say whether that is told, and the run goes on later."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    ended = made.begin(f"size-{size}", before=limit).wait()
    return _goes_on(made, f"size-{size}", ended, ("disk is full", "cannot be made"))


def trial_of_shut_folder(made: Bench) -> bool:
    """Have the process lose the right to write into its folder."""
    out = made.folder / "shut"
    out.mkdir()
    out.chmod(0o555)
    ended = made.begin("shut", before=give_up_rights).wait()
    out.chmod(0o755)
    return _goes_on(made, "shut", ended, ("cannot be made", "cannot be written"))


def give_up_rights() -> None:
    """Have the system look at permissions, as it does for everybody but root."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    ctypes.CDLL(None).capset(header, (ctypes.c_uint32 * 6)())


def _goes_on(made: Bench, out: str, ended: Ended, words: tuple[str, ...]) -> bool:
    told = any(word in ended.said for word in words)
    clear = ended.code not in (0, 1) and told and "Traceback" not in ended.said
    again = made.finish(out)
    return clear and again.code == 0 and made.model_hash(out) == made.model_hash("whole")
