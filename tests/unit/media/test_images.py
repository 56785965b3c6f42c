"""Images are read as people see them, and what is none is refused before it fills the memory."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from luthier.errors import DataError
from luthier.media.heads import decoded_of, digest_of, head_of, is_blank
from luthier.media.images import colours_of, pixels_of


def saved(image, **options):
    held = io.BytesIO()
    image.save(held, **{"format": "PNG", **options})
    return held.getvalue()


def red(mode="RGB", size=(4, 2)):
    return Image.new("RGB", size, (255, 0, 0)).convert(mode)


def bomb(side=20_000):
    """Make a PNG of a few kilobytes that unpacks to hundreds of megapixels."""

    def chunk(kind, data):
        whole = kind + data
        return struct.pack(">I", len(data)) + whole + struct.pack(">I", zlib.crc32(whole))

    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((side // 8 + 1) * side), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "CMYK", "P", "YCbCr"])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_colours_are_red_green_and_blue_in_every_format(mode, kind):
    try:
        held = saved(red(mode), format=kind)
    except (OSError, ValueError):
        pytest.skip("the format has no such colours")
    pixels = pixels_of(held)
    assert pixels.shape == (2, 4, 3)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - [255, 0, 0]).max() < 12


def test_transparent_places_are_white():
    pixels = pixels_of(saved(Image.new("RGBA", (2, 2), (0, 0, 0, 0))))
    assert (pixels == 255).all()


def test_an_image_is_turned_as_its_camera_was_held():
    image = Image.new("RGB", (4, 2))
    image.putpixel((0, 0), (255, 255, 255))
    about = Image.Exif()
    about[0x0112] = 6  # turned by a quarter
    pixels = pixels_of(saved(image, exif=about))
    assert pixels.shape == (4, 2, 3)
    assert pixels[0, 1].tolist() == [255, 255, 255]


def test_sixteen_bits_and_grey_become_bytes_of_three_colours():
    deep = np.array([[0, 65535], [32768, 257]], dtype=np.uint16)
    assert colours_of(deep)[..., 0].tolist() == [[0, 255], [128, 1]]
    assert pixels_of(saved(Image.fromarray(deep)))[..., 2].tolist() == [[0, 255], [128, 1]]
    assert colours_of(np.full((2, 2, 4), 0.5)).tolist() == [[[128] * 3] * 2] * 2


@pytest.mark.parametrize(
    ("held", "words"),
    [
        (b"", "no image"),
        (b"<html>", "no image"),
        (saved(red(size=(64, 64)))[:60], "runcated"),
        (bomb(), "pixels|bomb"),
        (saved(red(), format="TIFF"), "no image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no image"),
    ],
    ids=["empty", "html", "cut", "bomb", "tiff", "postscript"],
)
def test_what_is_no_image_is_refused_before_it_is_decoded(held, words):
    for read in (pixels_of, lambda one: head_of(one, "image")):
        if words == "runcated" and read is not pixels_of:
            continue
        with pytest.raises(DataError, match="cannot be read") as refused:
            read(held)
        assert any(word in refused.value.received for word in words.split("|"))


def test_a_folder_and_a_file_that_is_not_there_are_refused(tmp_path):
    for path in (str(tmp_path), str(tmp_path / "none.png")):
        with pytest.raises(DataError):
            pixels_of(path)


def test_the_head_tells_of_a_lying_name_and_blank_images_are_found(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(saved(red()))
    assert head_of(str(path), "image").ending == ".jpg"
    assert is_blank(decoded_of(str(path), "image"), "image")
    two = red()
    two.putpixel((0, 0), (0, 0, 0))
    assert not is_blank(decoded_of(saved(two), "image"), "image")
    assert digest_of(str(path)) == digest_of(path.read_bytes()) != digest_of(saved(two))
