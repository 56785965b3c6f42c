"""Uploads the model of a run to a repository of the Hugging Face hub, and nothing else of it.

What goes: the checkpoint in safetensors, the tokenizer, the model card, `luthier.json`, the scores.
What stays: rows (the report, the predictions), the optimizer's state, checkpoints, and whatever
names a folder of this machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from luthier.arguments import checked
from luthier.errors import RunError
from luthier.paths import is_hub_name
from luthier.runs import RunFolder
from luthier.runs.portable import open_trained
from luthier.runs.seals import MANIFEST, sha256
from luthier.runs.shareable import names_of, shareable

KINDS = (".safetensors", ".json", ".md", ".txt", ".model", ".jinja", ".onnx", ".data")
DOCUMENTS = ("scores.json", "comparison.json")  # of the run, beside its model
TEXTS = (".json", ".md", ".txt")
CARD = "README.md"


@dataclass(frozen=True)
class PushedFile:
    """A file of a repository.

    Args:
        name: Its name there.
        path: Where it is here.
        n_bytes: Its size.
        sha256: Its hash, in hexadecimal.
    """

    name: str
    path: str
    n_bytes: int
    sha256: str


@dataclass(frozen=True)
class Pushed:
    """What was uploaded, or would be.

    Args:
        repository: Its name.
        files: The files.
        url: Address of the commit; None if nothing was sent.
    """

    repository: str
    files: Sequence[PushedFile]
    url: str | None


@checked
def push(
    run: str | Path, repository: str, *, private: bool = False, dry_run: bool = False
) -> Pushed:
    """Upload the model of a finished run, or an export, to the hub.

    A repository that does not exist is made. The token is that of `hf auth login`, or `HF_TOKEN`.

    Args:
        run: The folder of the run, or of an export of it.
        repository: OWNER/NAME.
        private: Whether a new repository is private.
        dry_run: List the files with their sizes and hashes, and send nothing.

    Returns:
        The files, and the address of the commit.

    Raises:
        RunError: The run did not finish, a file names a folder of this machine, the name is none,
            or the hub refuses.

    Example:
        print(luthier.push("runs/recipe", "ada/reviews", dry_run=True).files)
    """
    if repository.count("/") != 1 or not is_hub_name(repository):
        raise RunError(
            "A repository of the hub is named OWNER/NAME.",
            received=repository[:200],
            hint="luthier push RUN OWNER/NAME, with letters, digits, -, _ and .",
        )
    files = list(files_of(run))
    for one in files:
        refuse_folders(Path(one.path))
    if dry_run:
        return Pushed(repository, files, None)
    return Pushed(repository, files, _send(repository, files, private=private))


def files_of(run: str | Path) -> Iterator[PushedFile]:
    """Walk over the files that are uploaded.

    Raises:
        RunError: There is no model.
    """
    opened = open_trained(run)
    for path in sorted(opened.model.iterdir()):
        if path.is_file() and path.suffix in KINDS and path.name != MANIFEST:
            yield _described(path)
    if isinstance(opened, RunFolder):
        for name in DOCUMENTS:
            if (opened.path / name).is_file():
                yield _described(opened.path / name)


def _described(path: Path) -> PushedFile:
    return PushedFile(path.name, str(path), path.stat().st_size, sha256(path))


def refuse_folders(path: Path) -> None:
    """Raise if a document names a folder of this machine.

    Raises:
        RunError: It does; the error shows where.
    """
    if path.suffix not in TEXTS or path.name.startswith(("tokenizer", "vocab", "added_tokens")):
        return
    text = path.read_text(encoding="utf-8", errors="replace")
    names = names_of({}, (path.resolve().parent.parent,))
    if shareable(text, names) != text:
        raise RunError(
            "A file that would be uploaded names a folder of this machine.",
            received=f"{path.name}: one of {', '.join(sorted(names)[:5])}",
            hint=f"write it otherwise in {path}",
        )


def _send(repository: str, files: Sequence[PushedFile], *, private: bool) -> str:
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

    # The error's base classes are those of the library by which the client speaks HTTP.
    unreachable: tuple[type[BaseException], ...] = (OSError, *HfHubHTTPError.__bases__)
    api = HfApi(library_name="luthier")
    try:
        api.create_repo(repository, private=private, exist_ok=True)
        made = api.create_commit(
            repository,
            [CommitOperationAdd(one.name, one.path) for one in files],
            commit_message="Upload a model that Luthier fine-tuned",
        )
    except HfHubHTTPError as problem:
        status = problem.response.status_code
        hints = {
            401: "hf auth login, or HF_TOKEN=a token that may write",
            403: "a token that may write there, or a repository of your own",
        }
        raise RunError(
            "The hub refused the upload; what it has is unchanged.",
            received=f"{repository}: status {status}. {problem.server_message or ''}".strip(),
            hint=hints.get(status, "try again later"),
        ) from problem
    except LocalTokenNotFoundError as problem:
        raise RunError(
            "The hub is not told who you are.",
            received="no token",
            hint="hf auth login, or HF_TOKEN=a token that may write",
        ) from problem
    except unreachable as problem:
        raise RunError(
            "The hub cannot be reached; what it has is unchanged.",
            received=f"{repository}: {' '.join(str(problem).split())[:200]}",
            hint="try again later; --dry-run lists what would be sent",
        ) from problem
    return str(made.commit_url)
