"""Images and sounds of requests are what the request holds, never a file of this machine."""

import base64

import pytest

from luthier.errors import DataError
from luthier.serving.content import with_content
from luthier.serving.described import try_page
from tests.unit.serving.stand_in import ABOUT
from tests.unit.serving.test_routes import serving  # noqa: F401, a fixture

HI = base64.b64encode(b"hi").decode()


def test_base64_becomes_bytes_and_what_is_absent_stays_so():
    row = {"photo": HI, "call": f"data:audio/wav;base64,{HI}", "title": HI, "other": None}
    media = ["photo", "call", "other"]
    assert with_content(row, media) == {"photo": b"hi", "call": b"hi", "title": HI, "other": None}
    assert with_content({"photo": ""}, media) == {"photo": ""}


@pytest.mark.parametrize(
    "cell",
    ["/etc/passwd", "photos/3.png", "données", {"path": "/etc/passwd"}, ["/etc/passwd"], 3, True],
)
def test_a_path_is_refused_whatever_form_it_has(cell):
    with pytest.raises(DataError, match="Base64") as caught:
        with_content({"photo": cell}, ["photo"])
    assert caught.value.received.startswith("photo: ")


def test_the_tokens_of_an_image_are_not_counted_and_texts_are_one_by_one(serving):  # noqa: F811
    about = {"roles": ["title", "body", "photo"], "media": ["photo"], "is_joint": True}
    client = serving(**about)
    row = {"title": "a" * 30, "body": "b" * 30, "photo": "c" * 5000}  # 2 bytes a token, 20 at most
    assert client.post("/predict", json={"inputs": {**row, "text": ""}}).status_code == 200
    long = client.post("/predict", json={"inputs": {**row, "text": "a" * 60}})
    assert long.status_code == 413


def test_the_page_takes_a_file_where_an_image_is_asked_for():
    page, policy = try_page({**ABOUT, "roles": ["title", "photo"], "media": ["photo"]}, "model")
    assert '<input type="file" id="photo" name="photo">' in page
    assert '<textarea id="title"' in page
    assert "script-src 'sha256-" in policy
