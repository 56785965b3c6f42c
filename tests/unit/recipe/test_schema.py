"""The JSON Schema names every plug-in and its options."""

from __future__ import annotations

import json

from luthier.recipe.schema import json_schema
from luthier.recipe.tree import Recipe
from luthier.registry import names


def references(value):
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def test_every_reference_leads_somewhere():
    schema = json_schema()
    for reference in references(schema):
        assert reference.removeprefix("#/$defs/") in schema["$defs"]
    json.dumps(schema)


def test_plug_ins_are_named_with_their_options():
    schema = json_schema()
    shorthand, *whole = schema["properties"]["method"]["anyOf"]
    assert shorthand == {"enum": list(names("methods"))}
    assert [item["properties"]["name"]["const"] for item in whole] == list(names("methods"))
    assert "rank" in schema["$defs"]["methods-lora"]["properties"]


def test_fields_keep_their_descriptions():
    fields = json_schema()["properties"]
    for name, field in Recipe.model_fields.items():
        assert fields[name]["description"] == field.description
