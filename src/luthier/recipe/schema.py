"""The JSON Schema of a recipe, with which editors complete and validate YAML."""

from __future__ import annotations

from typing import Any

from luthier.recipe.tree import Recipe
from luthier.registry import find, names

CHOSEN = (
    "tasks",
    "methods",
    "baselines",
    "regularisers",
    "augmenters",
)  # kinds that a recipe names


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a recipe, including all plug-ins and their options.

    >>> schema = json_schema()
    >>> schema["required"]
    ['model', 'task', 'data']
    """
    schema = Recipe.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    shared, fields = schema["$defs"], schema["properties"]
    shared.pop("Plugin", None)
    named = [{"type": "string"}, {"$ref": "#/$defs/Model"}]
    fields["model"] = {"anyOf": named} | _about(fields["model"])
    plugins = {kind: _plugins(kind, shared) for kind in CHOSEN}
    fields["task"] = plugins["tasks"] | _about(fields["task"])
    fields["method"] = plugins["methods"] | _about(fields["method"])
    listed = {"type": "array", "items": plugins["baselines"]}
    fields["baselines"] = {"anyOf": [listed, {"type": "null"}]} | _about(fields["baselines"])
    listed = {"type": "array", "items": plugins["regularisers"]}
    fields["regularisers"] = listed | _about(fields["regularisers"])
    listed = {"type": "array", "items": plugins["augmenters"]}
    fields["augmentation"] = listed | _about(fields["augmentation"])
    return schema


def _about(field: dict[str, Any]) -> dict[str, Any]:
    return {key: field[key] for key in ("title", "description", "default") if key in field}


def _plugins(kind: str, shared: dict[str, Any]) -> dict[str, Any]:
    """Allow each plug-in of a kind by its name alone, or with the options of its class."""
    known = names(kind)
    return {"anyOf": [{"enum": list(known)}, *(_plugin(kind, name, shared) for name in known)]}


def _plugin(kind: str, name: str, shared: dict[str, Any]) -> dict[str, Any]:
    plugin = find(kind, name)
    key = f"{kind}-{name}"
    options = plugin.Options.model_json_schema(ref_template=f"#/$defs/{key}-{{model}}")
    for inner, definition in options.pop("$defs", {}).items():
        shared[f"{key}-{inner}"] = definition
    shared[key] = options
    return {
        "type": "object",
        "title": name,
        "description": (plugin.__doc__ or "").strip().split("\n")[0],
        "properties": {"name": {"const": name}, "options": {"$ref": f"#/$defs/{key}"}},
        "required": ["name"],
        "additionalProperties": False,
    }
