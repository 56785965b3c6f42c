"""Run folders: written by one process at a time, and resumable after any interruption."""

from luthier.runs.files import plain, to_yaml
from luthier.runs.folder import DOCUMENTS, RunFolder

__all__ = ["DOCUMENTS", "RunFolder", "plain", "to_yaml"]
