"""What runs if it is opened carelessly: pickles that run a command, modules, weights and bombs."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import struct
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import torch

from tests.torture.opening import CANARY

COMMAND = f"touch ../{CANARY}"  # from the folder where things are opened
MODULE = f"open('../{CANARY}', 'w').write('ran')\n"
TENSOR = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


class Pickled:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        """Say what to call, and with what."""
        return os.system, (COMMAND,)


PICKLE = pickle.dumps(Pickled())


def torch_file() -> bytes:
    """Write a checkpoint of PyTorch whose pickle runs a command."""
    content = io.BytesIO()
    torch.save({"weight": Pickled()}, content)
    return content.getvalue()


def numpy_file(*, archive: bool) -> bytes:
    """Write an array of objects."""
    content = io.BytesIO()
    array = np.array([Pickled()], dtype=object)
    if archive:
        np.savez(content, a=array)
    else:
        np.save(content, array, allow_pickle=True)
    return content.getvalue()


def safetensors_file(header: Any, body: bytes = b"\0" * 8, *, length: int | None = None) -> bytes:
    """Write weights with any header, and any length of it."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + body


def bad_weights() -> dict[str, bytes]:
    """Write weights whose header lies, each in another way."""
    pair = json.dumps(TENSOR)
    return {
        "header of 2^60 bytes": safetensors_file({"a": TENSOR}, length=2**60),
        "header above the limit": safetensors_file({"a": TENSOR}, length=10**8 + 1),
        "cut short": safetensors_file({"a": TENSOR}, b"\0" * 4),
        "longer than told": safetensors_file({"a": TENSOR}, b"\0" * 16),
        "overlapping": safetensors_file(
            {"a": TENSOR, "b": {**TENSOR, "data_offsets": [4, 12]}}, b"\0" * 12
        ),
        "one name twice": safetensors_file(f'{{"a": {pair}, "a": {pair}}}'.encode()),
        "unknown type": safetensors_file({"a": {**TENSOR, "dtype": "PICKLE"}}),
        "shape beyond its bytes": safetensors_file({"a": {**TENSOR, "shape": [3]}}),
        "negative shape": safetensors_file({"a": {**TENSOR, "shape": [-2]}}),
        "shape that overflows": safetensors_file({"a": {**TENSOR, "shape": [2**63, 4]}}),
        "header that is a list": safetensors_file([]),
        "header nested deeply": safetensors_file(b"[" * 100_000),
        "of integers": safetensors_file({"a": {**TENSOR, "dtype": "I64", "shape": [1]}}),
        "empty": b"",
        "a pickle": PICKLE,
        "a checkpoint of PyTorch": torch_file(),
    }


def yaml_bomb(at: str) -> str:
    """Write aliases that grow tenfold a line."""
    lines = ["bomb0: &b0 [a, a, a, a, a, a, a, a, a, a]"]
    for depth in range(1, 12):
        inside = ", ".join([f"*b{depth - 1}"] * 10)
        lines.append(f"bomb{depth}: &b{depth} [{inside}]")
    return "\n".join(lines) + f"\n{at}: *b11\n"


def xml_bomb(secret: str = "") -> str:
    """Write a translation memory whose entities grow tenfold, or read another file."""
    entities = '<!ENTITY e0 "lol">' + "".join(
        f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12)
    )
    if secret:
        entities = f'<!ENTITY e11 SYSTEM "file://{secret}">'
    return (
        f'<?xml version="1.0"?><!DOCTYPE tmx [{entities}]><tmx><body><tu>'
        '<tuv xml:lang="en"><seg>&e11;</seg></tuv></tu></body></tmx>'
    )


def arrow_pickle(path: Path) -> None:
    """Write an Arrow file whose type is a pickle (CVE-2023-47248)."""
    about = {
        b"ARROW:extension:name": b"arrow.py_extension_type",
        b"ARROW:extension:metadata": PICKLE,
    }
    field = pyarrow.field("text", pyarrow.string(), metadata=about)
    table = pyarrow.table([pyarrow.array(["a"] * 4)], schema=pyarrow.schema([field]))
    with pyarrow.OSFile(str(path), "wb") as file, pyarrow.ipc.new_file(file, table.schema) as out:
        out.write_table(table)


def parquet_bomb(path: Path) -> None:
    """Write a table of a few kilobytes that holds more rows than there is memory."""
    n_rows = 14_000_000
    column = pyarrow.DictionaryArray.from_arrays(
        pyarrow.array(np.zeros(n_rows, dtype=np.int8)), pyarrow.array(["x" * 100])
    )
    columns = dict.fromkeys(("text", "label", *map(str, range(8))), column)
    pyarrow.parquet.write_table(pyarrow.table(columns), path, compression="zstd")


@cache
def zip_bomb() -> bytes:
    """Write an archive that unpacks to 100 MiB, into a name that leads out of its folder."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../escaped.csv", b"\0" * 100 * 2**20)
    return content.getvalue()


@cache
def gzip_bomb() -> bytes:
    """Write a gzip file that unpacks to 100 MiB."""
    return gzip.compress(b"a,b\n" * 25 * 2**20)
