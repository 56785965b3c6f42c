"""LitServe on the same graph: a script for a Python of its own that has it.

pip install litserve onnxruntime tokenizers; PYTHON lit.py FOLDER
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import litserve  # type: ignore[import-not-found]
import numpy as np
import onnxruntime
from tokenizers import Tokenizer

MOST = 32  # texts of a batch


class Texts(litserve.LitAPI):  # type: ignore[misc]
    """Answers texts by falling score, as `POST /predict` of Luthier does."""

    def setup(self, device: str) -> None:
        """Load the graph; one thread, as the server beside it has."""
        folder = Path(sys.argv[1])
        about = json.loads((folder / "model.json").read_text())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options)
        self.names = [one.name for one in self.session.get_inputs()]
        self.labels = about["labels"]
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(about["max_tokens"])
        self.tokenizer.enable_padding(pad_id=about["pad_token_id"])

    def decode_request(self, request):  # type: ignore[no-untyped-def]
        """Read the text; LitServe reads what an annotation would say as the type of the body."""
        return str(request["inputs"])

    def batch(self, inputs: list[str]) -> list[str]:
        """Keep a list."""
        return list(inputs)

    def predict(self, texts: list[str]) -> list[Any]:
        """Answer a batch."""
        encoded = self.tokenizer.encode_batch(texts)
        parts = {
            "input_ids": [one.ids for one in encoded],
            "attention_mask": [one.attention_mask for one in encoded],
            "token_type_ids": [one.type_ids for one in encoded],
        }
        given = {name: np.array(parts[name], dtype=np.int64) for name in self.names}
        (logits,) = self.session.run(["logits"], given)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        return [
            [{"label": self.labels[at], "score": float(row[at])} for at in np.argsort(-row)]
            for row in shares
        ]

    def unbatch(self, output: list[Any]) -> list[Any]:
        """Give each text its answer."""
        return output

    def encode_response(self, output: Any) -> Any:
        """Keep the answer."""
        return output


def tell(port: int, out: int) -> None:
    """Say where it answers, once it does."""
    address = f"http://127.0.0.1:{port}"
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=1):
                break
        except OSError:
            time.sleep(0.1)
    os.write(out, f"{address}\n".encode())


def main() -> None:
    """Serve."""
    out = os.dup(2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # its own lines would come first
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    threading.Thread(target=tell, args=(port, out), daemon=True).start()
    api = Texts(max_batch_size=MOST, batch_timeout=0.0, api_path="/predict")
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=port, generate_client_file=False, log_level="error")


if __name__ == "__main__":
    main()
