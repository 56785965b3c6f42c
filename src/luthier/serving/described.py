"""What the server says of itself: a description for programs, and a page for people."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Mapping
from typing import Any

from luthier import __version__

ROUTES = {  # path -> method, summary
    "/predict": ("post", "Labels by falling score, or another answer of the task; as TEI."),
    "/": ("post", "Answers in the shapes of pipelines; as the Inference API."),
    "/explain": ("post", "Which words spoke for an answer."),
    "/v2/models/{model}/infer": ("post", "The Open Inference Protocol, version 2."),
    "/v1/chat/completions": ("post", "A conversation continued; as OpenAI (causal-lm)."),
    "/v1/completions": ("post", "A text continued; as OpenAI (causal-lm)."),
    "/health": ("get", "200 when the model answers, 503 while it is loaded."),
    "/info": ("get", "The model and the limits of the server."),
    "/metrics": ("get", "Counts and times for Prometheus."),
}
STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 44rem; margin: 3rem auto; padding: 0 1rem }
label { display: block; margin: 1rem 0 .25rem; font-weight: 600 }
textarea { width: 100%; box-sizing: border-box; font: inherit; padding: .5rem }
button { margin: 1rem 0; font: inherit; padding: .5rem 1.25rem }
pre { white-space: pre-wrap; overflow-wrap: anywhere; padding: 1rem; border: 1px solid #8888 }
"""
TEXT = '<textarea id="{0}" name="{0}" rows="4"></textarea>'
FILE = '<input type="file" id="{0}" name="{0}">'
SCRIPT = """
const form = document.querySelector("form"), out = document.querySelector("pre");
const read = (one) => one.type !== "file" ? one.value : one.files.length === 0 ? null :
  new Promise((done) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.readAsDataURL(one.files[0]);
  });
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const fields = [...form.querySelectorAll("textarea, input")];
  out.textContent = "…";
  const cells = await Promise.all(fields.map(async (one) => [one.name, await read(one)]));
  const inputs = Object.fromEntries(cells);
  try {
    const answer = await fetch("predict", {
      method: "POST",
      headers: {"Content-Type": "application/json"},
      body: JSON.stringify({inputs}),
    });
    out.textContent = JSON.stringify(await answer.json(), null, 2);
  } catch (problem) {
    out.textContent = "The server does not answer.";
  }
});
"""


def openapi(about: Mapping[str, Any]) -> dict[str, Any]:
    """Describe the routes in OpenAPI 3.1."""
    roles = about["roles"]
    row = {"type": "object", "properties": {role: {"type": "string"} for role in roles}}
    text = {"type": "string"} if len(roles) == 1 else row
    inputs = {"oneOf": [text, row, {"type": "array", "items": {"oneOf": [text, row]}}]}
    body = {"type": "object", "required": ["inputs"], "properties": {"inputs": inputs}}
    asks = {"content": {"application/json": {"schema": body}}, "required": True}
    refusals = {
        str(status): {"description": words}
        for status, words in {
            401: "a token is needed",
            413: "too many rows, bytes or tokens",
            422: "the body is not what the route takes",
            424: "the model failed",
            429: "the queue is full; Retry-After says when to ask again",
            503: "the model is being loaded",
        }.items()
    }
    paths = {
        path: {
            method: {
                "summary": summary,
                "responses": {"200": {"description": "answered"}, **refusals},
                **({"requestBody": asks} if path in ("/predict", "/", "/explain") else {}),
            }
        }
        for path, (method, summary) in ROUTES.items()
    }
    title = f"Luthier: {about['task']}"
    return {"openapi": "3.1.0", "info": {"title": title, "version": __version__}, "paths": paths}


def try_page(about: Mapping[str, Any], name: str) -> tuple[str, str]:
    """Write a page on which the model can be tried.

    Returns:
        The page, and the content security policy that lets its own style and script run alone.
    """
    fields = "".join(
        f'<label for="{html.escape(role)}">{html.escape(role)}</label>'
        + (FILE if role in about["media"] else TEXT).format(html.escape(role))
        for role in about["roles"]
    )
    title = f"{html.escape(name)}: {html.escape(about['task'])}"
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>{title}</title><style>{STYLE}</style>'
        f"<h1>{title}</h1><form>{fields}<button>Ask</button></form>"
        f'<pre aria-live="polite">{html.escape(json.dumps({"labels": about["labels"]}))}</pre>'
        f"<script>{SCRIPT}</script></html>"
    )
    policy = (
        f"default-src 'none'; connect-src 'self'; img-src data:; style-src '{hash_of(STYLE)}'; "
        f"script-src '{hash_of(SCRIPT)}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    return page, policy


def hash_of(text: str) -> str:
    """Return the hash of a script or style as a content security policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
