"""Each heavy library stays behind one door, and what runs foreign code is called nowhere."""

import ast
import re

import pytest

from tests.architecture.source import FILES, PACKAGE, ROOT, imports, imports_of, relative, tree_of

FENCES = {
    "peft": ("adapters/",),
    "bitsandbytes": ("adapters/",),
    "datasets": ("data/",),
    "huggingface_hub": ("data/", "models/", "exporters/"),
    "pyarrow": ("data/",),
    "charset_normalizer": ("data/",),
    "ftfy": ("data/",),
    "rapidfuzz": ("data/",),
    "typer": ("cli/",),
    "rich": ("cli/",),
    "jinja2": (
        "report/",
        "text/chat_templates.py",
        "text/plain_templates.py",
    ),  # chat templates of tokenizers are its templates
    "markupsafe": ("report/",),
    "accelerate": ("training/",),
    "torch": (
        "distributed/",
        "regularisers/",
        "training/",
        "frozen_features/",
        "models/",
        "adapters/",
        "episodes/",
        "methods/",
        "keras_engine/",
        "exporters/",
        "explaining/",
    ),
    "transformers": (
        "training/",
        "frozen_features/",
        "models/",
        "methods/",
        "adapters/",
        "text/",
        "keras_engine/",
        "exporters/",
    ),
    "safetensors": ("training/", "models/"),
    "sklearn": ("frozen_features/", "baselines/", "metrics/", "sklearn.py"),
    "PIL": ("media/",),
    "soundfile": ("media/",),
    "psutil": ("environment.py", "process.py"),
    "tensorflow": ("keras_engine/",),
    "keras": ("keras_engine/",),
    "keras_hub": ("keras_engine/",),
    "tensorflow_text": ("keras_engine/",),
    "optuna": ("studies/",),
    "tensorboard": ("tracking/",),
    "mlflow": ("tracking/",),
    "wandb": ("tracking/",),
    "ray": ("studies/",),
    "captum": (),
    "onnx": ("exporters/", "models/encoders/"),
    "onnxruntime": ("onnx_models/", "exporters/"),
    "openvino": ("onnx_models/",),
    "starlette": ("serving/",),
    "uvicorn": ("serving/",),
    "prometheus_client": ("serving/",),
    "pandas": (),
    "matplotlib": (),
    "setfit": (),
    "evaluate": (),
}
BANNED_MODULES = {
    *(
        "pickle",
        "cloudpickle",
        "dill",
        "joblib",
        "marshal",
        "shelve",
        "runpy",
    ),  # run what they read
    *("zipfile", "tarfile", "gzip", "bz2", "lzma", "zlib"),  # unpack what may be a bomb
}
BANNED_CALLS = {
    *("eval", "exec", "compile", "__import__"),
    *("torch.load", "torch.jit.load", "torch.hub.load", "pandas.read_pickle"),
    *("yaml.load", "yaml.unsafe_load", "yaml.full_load"),
    *("yaml.load_all", "yaml.unsafe_load_all", "yaml.full_load_all"),
    *("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"),
    "tempfile.mktemp",
}
BANNED_METHODS = {"extractall", "unpack_archive"}


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


def test_a_fence_encloses_places_that_exist():
    places = {place for allowed in FENCES.values() for place in allowed}
    assert [place for place in sorted(places) if not (PACKAGE / place).exists()] == []


def test_the_fences_in_the_docs_are_these():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = text.partition("## Libraries behind fences")[2].partition("\n## ")[0]
    rows = [line.split("|")[1:3] for line in section.splitlines() if line.startswith("| `")]
    documented = {library.strip(" `"): re.findall("`(.+?)`", places) for library, places in rows}
    assert documented == {library: list(places) for library, places in FENCES.items()}


def full_names(tree):
    """Map the names that a tree imports to what they stand for."""
    stands_for = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            stands_for |= {one.asname: one.name for one in node.names if one.asname}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
            stands_for |= names
    return stands_for


def calls_in(tree):
    """Walk over calls as (line, dotted name, call), whatever a name was imported as."""
    stands_for = full_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            first, dot, rest = ast.unparse(node.func).partition(".")
            yield node.lineno, f"{stands_for.get(first, first)}{dot}{rest}", node


def banned_calls(tree):
    """Say which calls of a tree could run foreign code or write outside their folder."""
    for line, name, call in calls_in(tree):
        keywords = {word.arg: ast.unparse(word.value) for word in call.keywords}
        if (
            name in BANNED_CALLS
            or name.removeprefix("builtins.") in BANNED_CALLS
            or name.rsplit(".", 1)[-1] in BANNED_METHODS
        ):
            yield line, name
        elif keywords.get("shell", "False") != "False":
            yield line, f"{name}(shell=…)"
        elif keywords.get("trust_remote_code", "False") != "False":
            yield line, f"{name}(trust_remote_code=…)"
        elif keywords.get("allow_pickle", "False") != "False":
            yield line, f"{name}(allow_pickle=…)"
        elif name == "numpy.load" and "allow_pickle" not in keywords:
            yield line, f"{name}() without allow_pickle=False"


def banned_imports(found):
    """Give the imports of what runs or unpacks what it reads."""
    return [str(one) for one in found if one.module.split(".")[0] in BANNED_MODULES]


def test_no_banned_call_is_made():
    found = [(relative(path), *call) for path in FILES for call in banned_calls(tree_of(path))]
    assert [(path, name) for path, _, name in found] == [
        ("models/encoders/shipped.py", "torch.load")
    ]


def test_the_one_pickled_file_is_read_for_its_tensors_alone_and_known_by_its_digest():
    tree = tree_of(PACKAGE / "models/encoders/shipped.py")
    (loading,) = (call for _, name, call in calls_in(tree) if name == "torch.load")
    assert {word.arg: ast.unparse(word.value) for word in loading.keywords}[
        "weights_only"
    ] == "True"
    (reading,) = (node for node in ast.walk(tree) if getattr(node, "name", "") == "lite0")
    assert "digest != LITE0_SHA256" in ast.unparse(reading.body[1].test)


def test_no_module_is_imported_that_runs_or_unpacks_what_it_reads():
    found = banned_imports(imports())
    assert [line.partition(":")[0] for line in found] == ["data/readers/webdataset.py"]


def test_archives_are_read_without_unpacking_or_extracting():
    tree = tree_of(PACKAGE / "data/readers/webdataset.py")
    (opening,) = (call for _, name, call in calls_in(tree) if name == "tarfile.open")
    assert ast.unparse(opening.args[1]) == "'r:'"


@pytest.mark.parametrize("name", sorted(BANNED_CALLS))
def test_each_banned_call_is_seen_by_any_name(name):
    module, _, last = name.rpartition(".")
    module = module or "builtins"
    for lines in (
        f"import {module}\n{name}(x)",
        f"import {module} as other\nother.{last}(x)",
        f"from {module} import {last} as other\nother(x)",
        f"def f():\n    from {module} import {last}\n    return {last}(x)",
    ):
        assert list(banned_calls(ast.parse(lines))), lines


@pytest.mark.parametrize("name", sorted(BANNED_MODULES))
def test_each_banned_module_is_seen(name):
    for line in (f"import {name}", f"from {name} import a", f"def f():\n    import {name}.b as c"):
        assert banned_imports(imports_of(FILES[0], ast.parse(line))), line


@pytest.mark.parametrize(
    "line",
    [
        "yaml.load(text, Loader=yaml.Loader)",
        "archive.extractall(folder)",
        "shutil.unpack_archive(file, folder)",
        "subprocess.run(command, shell=True)",
        "subprocess.Popen(command, shell=asked)",
        "AutoModel.from_pretrained(name, trust_remote_code=True)",
        "AutoModel.from_pretrained(name, trust_remote_code=asked)",
        "import numpy\nnumpy.load(file)",
        "import numpy as np\nnp.load(file)",
        "from numpy import load\nload(file)",
        "import numpy as np\nnp.load(file, allow_pickle=True)",
        "import numpy as np\nnp.load(file, allow_pickle=asked)",
        "np.save(file, array, allow_pickle=True)",
    ],
)
def test_a_banned_call_is_seen(line):
    assert list(banned_calls(ast.parse(line)))


def test_numpy_may_load_what_holds_no_objects():
    assert not list(banned_calls(ast.parse("import numpy\nnumpy.load(f, allow_pickle=False)")))


def test_transformers_is_always_told_to_run_no_code():
    """Where nothing is said, it asks at a terminal; `SAFELY` says it."""
    unsaid = []
    for path in FILES:
        for line, name, call in calls_in(tree_of(path)):
            if not name.endswith(".from_pretrained") or name.startswith("peft."):
                continue
            given = {word.arg for word in call.keywords if word.arg}
            spread = {ast.unparse(word.value) for word in call.keywords if word.arg is None}
            if "trust_remote_code" not in given and "SAFELY" not in spread:
                unsaid.append((relative(path), line, name))
    assert unsaid == []


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
