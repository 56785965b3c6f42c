"""Each heavy library stays behind one door, and what runs foreign code is called nowhere."""

import ast

import pytest

from tests.architecture.source import FILES, imports, relative, tree_of

FENCES = {
    "peft": ("methods/",),
    "datasets": ("data/",),
    "huggingface_hub": ("data/", "models/"),
    "pyarrow": ("data/",),
    "charset_normalizer": ("data/",),
    "typer": ("cli/",),
    "rich": ("cli/",),
    "jinja2": ("report/", "framing/chat.py"),  # chat templates of tokenizers are its templates
    "markupsafe": ("report/",),
    "accelerate": ("training/",),
    "torch": ("training/", "models/", "methods/"),
    "transformers": ("training/", "models/", "methods/", "text/"),
    "safetensors": ("training/", "models/"),
    "sklearn": ("training/", "baselines/", "metrics/"),
    "psutil": ("environment.py",),
    "tensorflow": ("keras_engine/",),
    "keras": ("keras_engine/",),
    "captum": ("explainers/",),
    "onnx": ("export/",),
    "onnxruntime": ("export/",),
    "pandas": (),
    "matplotlib": (),
    "setfit": (),
    "evaluate": (),
}
BANNED_MODULES = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
BANNED_CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "torch.load",
    "yaml.load",
    "yaml.unsafe_load",
    "yaml.full_load",
    "os.system",
    "os.popen",
    "tempfile.mktemp",
}


@pytest.mark.parametrize("library", sorted(FENCES))
def test_a_library_stays_behind_its_fence(library):
    outside = [
        str(one)
        for one in imports()
        if one.module.split(".")[0] == library
        and not one.is_for_types
        and not relative(one.path).startswith(FENCES[library])
    ]
    assert outside == []


def test_nothing_that_unpickles_is_imported():
    assert [str(one) for one in imports() if one.module.split(".")[0] in BANNED_MODULES] == []


def calls_in(tree):
    """Walk over calls as (line, dotted name, call)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func), node


def banned_calls(tree):
    """Say which calls of a tree could run foreign code or write outside their folder."""
    for line, name, call in calls_in(tree):
        keywords = {word.arg: ast.unparse(word.value) for word in call.keywords}
        if name in BANNED_CALLS or name.rsplit(".", 1)[-1] == "extractall":
            yield line, name
        elif keywords.get("shell", "False") != "False":
            yield line, f"{name}(shell=…)"
        elif keywords.get("trust_remote_code", "False") != "False":
            yield line, f"{name}(trust_remote_code=…)"
        elif keywords.get("allow_pickle", "False") != "False":
            yield line, f"{name}(allow_pickle=…)"


def test_no_banned_call_is_made():
    found = [(relative(path), *call) for path in FILES for call in banned_calls(tree_of(path))]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "torch.load('model.bin')",
        "yaml.load(text, Loader=yaml.Loader)",
        "eval(text)",
        "exec(text)",
        "archive.extractall(folder)",
        "subprocess.run(command, shell=True)",
        "AutoModel.from_pretrained(name, trust_remote_code=asked)",
        "np.load(file, allow_pickle=True)",
    ],
)
def test_a_banned_call_is_seen(line):
    assert list(banned_calls(ast.parse(line)))


def test_setting_a_model_to_evaluation_is_no_banned_call():
    assert list(banned_calls(ast.parse("model.eval()"))) == []


def test_only_the_catalogue_turns_a_name_into_a_module():
    found = [
        (relative(path), line)
        for path in FILES
        for line, name, _ in calls_in(tree_of(path))
        if name.rsplit(".", 1)[-1] == "import_module"
    ]
    assert {path for path, _ in found} <= {"registry.py", "__init__.py"}


def test_print_is_for_the_command_line():
    found = [
        (relative(path), line)
        for path in FILES
        for line, name, _ in calls_in(tree_of(path))
        if name == "print" and not relative(path).startswith("cli/")
    ]
    assert found == []


def test_users_mistakes_are_no_asserts_and_no_error_is_swallowed():
    found = []
    for path in FILES:
        for node in ast.walk(tree_of(path)):
            broad = isinstance(node, ast.ExceptHandler) and (
                node.type is None or ast.unparse(node.type) in ("Exception", "BaseException")
            )
            if isinstance(node, ast.Assert) or broad:
                found.append((relative(path), node.lineno))
    assert found == []
