"""Catalogue, files and names agree: one plug-in a file, and its name is the file's and class's."""

import re

import pytest

from luthier.registry import CATALOGUE, find
from tests.architecture.source import PACKAGE

PLUGINS = [(kind, name) for kind, paths in CATALOGUE.items() for name in paths]
each_plugin = pytest.mark.parametrize(("kind", "name"), PLUGINS, ids=lambda value: str(value))


@each_plugin
def test_file_and_class_follow_from_the_name(kind, name):
    module = name.replace("-", "_")
    class_name = "".join(part.capitalize() for part in name.split("-"))
    assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name)
    assert CATALOGUE[kind][name] == f"luthier.{kind}.{module}:{class_name}"


@each_plugin
def test_the_class_carries_its_name_and_options(kind, name):
    plugin = find(kind, name)
    assert plugin.name == name
    assert plugin.__doc__
    assert plugin.Options.model_config["extra"] == "forbid"
    assert plugin.Options.model_config["frozen"]
    assert plugin(plugin.Options()).name == name


@each_plugin
def test_every_option_is_described(kind, name):
    fields = find(kind, name).Options.model_fields
    assert [field for field, info in fields.items() if not info.description] == []


@pytest.mark.parametrize("kind", CATALOGUE)
def test_every_file_is_in_the_catalogue(kind):
    files = {path.stem for path in (PACKAGE / kind).glob("*.py")} - {"__init__"}
    assert files == {name.replace("-", "_") for name in CATALOGUE[kind]}


def test_baselines_of_a_task_are_in_the_catalogue_and_fit_it():
    for name in CATALOGUE["tasks"]:
        task = find("tasks", name)
        kind = task(task.Options()).learn_target(task.toy_rows()).kind
        for baseline in task.baselines:
            found = find("baselines", baseline)
            assert task.unit in found.units
            assert kind in found.kinds
