"""Bodies of requests as rows, and answers as clients of other servers know them.

TEI: `POST /predict` of Text Embeddings Inference. HF: `POST /` of the Inference API, whose answers
are those of Transformers' pipelines. OIP: the Open Inference Protocol, version 2 (KServe, Triton).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from luthier.serving.items import RefusedError

Rows = list[dict[str, Any]]


def invalid(message: str) -> RefusedError:
    """Make the refusal of a body that is not what a route takes."""
    return RefusedError(422, "validation", message)


def fields_of(body: Any, known: Sequence[str]) -> dict[str, Any]:
    """Return a body that is a mapping with known fields alone.

    Raises:
        RefusedError: It is something else.
    """
    if not isinstance(body, dict):
        raise invalid(f"The body is a JSON object with {known[0]}.")
    unknown = sorted(set(body) - set(known))
    if unknown:
        raise invalid(f"There is no field {unknown[0][:40]!r}; known are {', '.join(known)}.")
    return body


def rows_of(inputs: Any, roles: Sequence[str]) -> tuple[bool, Rows]:
    """Make rows of `inputs`: a text, a pair, a mapping of columns, or a list of these.

    Returns:
        Whether it was one row, and the rows.

    Raises:
        RefusedError: It is none of them.
    """
    if isinstance(inputs, (str, dict)):
        return True, [row_of(inputs, roles)]
    if not isinstance(inputs, list):
        raise invalid(f"inputs is a text with {' and '.join(roles)}, or a list of them.")
    is_pair = len(roles) == 2 == len(inputs) and all(isinstance(one, str) for one in inputs)
    if is_pair:
        return True, [row_of(inputs, roles)]
    return False, [row_of(one, roles) for one in inputs]


def row_of(given: Any, roles: Sequence[str]) -> dict[str, Any]:
    """Make one row.

    Raises:
        RefusedError: It does not fit the task's columns.
    """
    if isinstance(given, dict):
        return dict(given)
    texts = [given] if isinstance(given, str) else given
    is_fit = isinstance(texts, list) and len(texts) == len(roles)
    if not is_fit or not all(isinstance(text, str) for text in texts):
        raise invalid(f"A row of this task has {' and '.join(roles)}, each a text.")
    return dict(zip(roles, texts, strict=True))


def parameters_of(given: Any, known: Sequence[str]) -> dict[str, Any]:
    """Return the options of answers that are set.

    Raises:
        RefusedError: There is an option that the task's answers do not have.
    """
    if given is None:
        return {}
    if isinstance(given, dict) and given and not known:
        raise invalid(f"Answers of this task know no option, such as {next(iter(given))[:40]!r}.")
    asked = {name: value for name, value in fields_of(given, known).items() if value is not None}
    for name, value in asked.items():
        is_number = isinstance(value, int) and not isinstance(value, bool) and value >= 1
        if name == "top_k" and not is_number:
            raise invalid("top_k is a whole number from 1.")
        if name != "top_k" and not isinstance(value, (str, int, float, bool)):
            raise invalid(f"{name} is a word or a number.")
    return asked


def tensors_to_rows(body: Any, roles: Sequence[str]) -> Rows:
    """Read the rows of a request of the Open Inference Protocol.

    Raises:
        RefusedError: A tensor is missing, of another type, or of another length.
    """
    tensors = fields_of(body, ("inputs", "id", "parameters", "outputs")).get("inputs")
    if not isinstance(tensors, list) or not all(isinstance(one, dict) for one in tensors):
        raise invalid("inputs is a list of tensors.")
    named = {str(one.get("name")): one for one in tensors}
    if set(named) != set(roles):
        raise invalid(f"The tensors are named {' and '.join(roles)}.")
    columns: dict[str, list[Any]] = {}
    for name, tensor in named.items():
        data, shape = tensor.get("data"), tensor.get("shape")
        if tensor.get("datatype") != "BYTES" or not isinstance(data, list):
            raise invalid(f"The tensor {name} has the datatype BYTES and a list of texts as data.")
        if not isinstance(shape, list) or shape not in ([len(data)], [len(data), 1]):
            raise invalid(f"The tensor {name} has the shape [{len(data)}].")
        columns[name] = [one[0] if isinstance(one, list) and len(one) == 1 else one for one in data]
    if len({len(cells) for cells in columns.values()}) != 1:
        raise invalid("The tensors have different lengths.")
    rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    if not all(isinstance(cell, str) for row in rows for cell in row.values()):
        raise invalid("Each datum is a text.")
    return rows


def tensors_of(answers: Sequence[Any], labels: Sequence[str]) -> list[dict[str, Any]]:
    """Write answers as tensors: labels and the scores of all of them, or JSON of anything else."""
    n = len(answers)
    if not labels or not all(has_scores(one) for one in answers):
        said = [json.dumps(answer, ensure_ascii=False) for answer in answers]
        return [{"name": "answer", "datatype": "BYTES", "shape": [n], "data": said}]
    scores = [{one["label"]: one["score"] for one in answer} for answer in answers]
    best = [max(one, key=lambda label: one[label]) for one in scores]
    flat = [float(one.get(label, 0.0)) for one in scores for label in labels]
    return [
        {"name": "label", "datatype": "BYTES", "shape": [n], "data": best},
        {"name": "score", "datatype": "FP32", "shape": [n, len(labels)], "data": flat},
    ]


def has_scores(answer: Any) -> bool:
    """Return whether an answer is a list of labels with their scores."""
    return isinstance(answer, list) and all(
        isinstance(one, Mapping) and {"label", "score"} <= one.keys() for one in answer
    )
