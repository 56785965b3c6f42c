"""The citation file is valid (CFF 1.2.0), and cites this version under this license."""

import tomllib

import pytest
import yaml

import luthier
from tests.architecture.source import ROOT

CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
REQUIRED = {"authors", "cff-version", "message", "title"}  # by the schema of 1.2.0
KNOWN = REQUIRED | {
    *(
        "abstract",
        "commit",
        "contact",
        "date-released",
        "doi",
        "identifiers",
        "keywords",
        "license",
    ),
    *("license-url", "preferred-citation", "references", "repository", "repository-artifact"),
    *("repository-code", "type", "url", "version"),
}


def test_its_fields_are_those_of_the_schema():
    assert REQUIRED <= {*CITATION} <= KNOWN
    assert CITATION["cff-version"] == "1.2.0"
    assert CITATION["type"] == "software"
    assert all(set(author) <= {"name", "website"} for author in CITATION["authors"])
    assert len(CITATION["authors"]) > 0
    assert len(CITATION["keywords"]) == len({*CITATION["keywords"]})


@pytest.mark.parametrize("field", ["message", "title", "abstract", "version", "license"])
def test_its_texts_are_texts(field):
    assert isinstance(CITATION[field], str)
    assert CITATION[field]


def test_it_cites_this_version_and_license():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert CITATION["version"] == project.get("version", luthier.__version__)
    assert CITATION["license"] == project["license"]
