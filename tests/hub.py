"""A hub on this machine: the part of the Hugging Face hub's HTTP API that its clients use here.

Repositories are dictionaries of files. A repository may be gated, private or broken; a download may
be cut off in the middle, once.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "hf_of_the_tests"
KINDS = {"models": "", "datasets": "datasets/"}
RESOLVE = re.compile(
    r"/(?P<data>datasets/)?(?P<name>[^/]+/[^/]+)/resolve/(?P<at>[^/]+)/(?P<path>.+)"
)
API = re.compile(r"/api/(?P<kind>models|datasets)/(?P<name>[^/]+/[^/]+)(?:/(?P<what>[^?]*))?")


class Hub:
    """Repositories, what was asked of them, and what is wrong with them."""

    def __init__(self):
        self.repositories = {}  # (kind, name) -> files
        self.refused = {}  # name -> status and message
        self.cut = set()  # paths whose next download is cut off
        self.asked = []  # method and path of each request
        self.objects = {}  # large files on their way
        hub = self

        class Handler(Answering):
            pass

        Handler.hub = hub
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self._thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def add(self, kind, name, files):
        self.repositories[kind, name] = dict(files)

    def environment(self, home):
        """Variables for a process whose hub this is."""
        return {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_OFFLINE": "0",
            "HF_DATASETS_OFFLINE": "0",
            "TRANSFORMERS_OFFLINE": "0",
            "NO_PROXY": "127.0.0.1",
        }


def revision(files):
    told = json.dumps({name: hashlib.sha256(one).hexdigest() for name, one in files.items()})
    return hashlib.sha1(told.encode()).hexdigest()


class Answering(BaseHTTPRequestHandler):
    """Answers one request."""

    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_):
        """Say nothing."""

    def send(self, status, body=b"", headers=None, length=None):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(raw) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(raw)

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def is_known(self):
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def refuse(self, name):
        """Refuse what is asked of a repository, if it is one that is refused."""
        status, code = self.hub.refused.get(name, (None, None))
        if status is None or (code == "GatedRepo" and self.is_known()):
            return False
        self.send(status, {"error": "no"}, {"X-Error-Code": code, "X-Error-Message": "no"})
        return True

    def missing(self, code="RepoNotFound"):
        self.send(404, {"error": "not found"}, {"X-Error-Code": code})

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.answer()

    def do_POST(self):
        self.answer()

    def do_PUT(self):
        self.answer()

    def answer(self):
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        self.hub.asked.append((self.command, path))
        if (found := RESOLVE.fullmatch(path)) is not None:
            return self.resolve("datasets" if found["data"] else "models", **found.groupdict())
        if path == "/api/repos/create":
            return self.create(json.loads(self.body()))
        if path == "/api/validate-yaml":
            self.body()
            return self.send(200, {"errors": [], "warnings": []})
        if path.endswith("/info/lfs/objects/batch"):
            return self.batch(json.loads(self.body()))
        if path.startswith("/lfs/"):
            self.hub.objects[path.removeprefix("/lfs/")] = self.body()
            return self.send(200)
        if (found := API.fullmatch(path)) is not None:
            return self.api(
                found["kind"], found["name"], found["what"] or "", parse_qs(parts.query)
            )
        return self.missing()

    def resolve(self, kind, *, name, at, path, data):
        if self.refuse(name):
            return None
        files = self.hub.repositories.get((kind, name))
        if files is None:
            return self.missing()
        if at not in ("main", revision(files)):
            return self.missing("RevisionNotFound")
        if path not in files:
            return self.missing("EntryNotFound")
        content = files[path]
        headers = {
            "ETag": f'"{hashlib.sha1(content).hexdigest()}"',
            "X-Repo-Commit": revision(files),
            "Accept-Ranges": "bytes",
        }
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked and self.command == "GET":
            first, last = int(asked[1]), int(asked[2] or len(content) - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
            return self.send(206, content[first : last + 1], headers)
        if self.command == "GET" and path in self.hub.cut:
            self.hub.cut.discard(path)
            self.send(200, content[: len(content) // 2], headers, length=len(content))
            self.close_connection = True
            return None
        return self.send(200, content, headers, length=len(content))

    def create(self, asked):
        if not self.is_known():
            return self.send(401, {"error": "Invalid username or password."})
        name = f"{asked.get('organization') or 'ada'}/{asked['name']}"
        if self.refuse(name):
            return None
        if ("models", name) in self.hub.repositories:
            return self.send(409, {"error": "exists", "url": f"{self.hub.url}/{name}"})
        self.hub.add("models", name, {})
        self.hub.visibility = asked.get("visibility")
        return self.send(200, {"url": f"{self.hub.url}/{name}"})

    def batch(self, asked):
        href = f"{self.hub.url}/lfs/"
        objects = [
            {**one, "actions": {"upload": {"href": href + one["oid"]}}} for one in asked["objects"]
        ]
        self.send(200, {"transfer": "basic", "objects": objects})

    def api(self, kind, name, what, query):
        if self.refuse(name):
            return None
        files = self.hub.repositories.get((kind, name))
        if files is None:
            return self.missing()
        first, _, rest = what.partition("/")
        if first in ("", "revision"):
            if rest not in ("", "main", revision(files)):
                return self.missing("RevisionNotFound")
            return self.send(200, self.about(name, files))
        if first == "tree":
            return self.send(200, self.tree(files, rest.partition("/")[2]))
        if first == "paths-info":
            asked = parse_qs(self.body().decode()).get("paths", [])
            return self.send(200, [one for one in self.tree(files, "") if one["path"] in asked])
        if first == "preupload":
            asked = json.loads(self.body())["files"]
            told = [
                {
                    "path": one["path"],
                    "uploadMode": "lfs" if one["path"].endswith(".safetensors") else "regular",
                    "shouldIgnore": False,
                    "oid": None,
                }
                for one in asked
            ]
            return self.send(200, {"files": told})
        if first == "commit":
            return self.commit(name, files, self.body().decode().splitlines())
        return self.missing()

    def about(self, name, files):
        return {
            "_id": "1",
            "id": name,
            "modelId": name,
            "sha": revision(files),
            "private": False,
            "gated": False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": [],
            "siblings": [{"rfilename": path} for path in files],
        }

    def tree(self, files, under):
        return [
            {
                "type": "file",
                "oid": hashlib.sha1(one).hexdigest(),
                "size": len(one),
                "path": path,
            }
            for path, one in files.items()
            if path.startswith(under)
        ]

    def commit(self, name, files, lines):
        for line in map(json.loads, lines):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.objects[value["oid"]]
        sha = revision(files)
        self.send(200, {"commitUrl": f"{self.hub.url}/{name}/commit/{sha}", "commitOid": sha})
