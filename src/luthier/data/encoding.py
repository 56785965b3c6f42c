"""From the bytes of a text file to its text, and to the encoding that was found.

Order of trust: what the user says, a byte-order mark, UTF-16 by its zero bytes, strict UTF-8,
UTF-8 with a little damage, and then a legacy code page. Files that are mostly ASCII are
Western or Central European: the page that makes the most plausible letters wins, cp1252 first.
Files that are mostly not ASCII (Cyrillic, Greek, Chinese …) are left to charset-normalizer.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from dataclasses import dataclass

import charset_normalizer

from luthier.errors import DataError, nearest

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
BINARY = (
    (b"PK\x03\x04", "an Excel workbook or a zip archive", "save it as CSV UTF-8"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save it as CSV UTF-8"),
    (b"\x1f\x8b", "compressed with gzip", "unpack it: gunzip FILE"),
    (b"PAR1", "a Parquet file", "name it .parquet"),
    (b"ARROW1", "an Arrow file", "name it .arrow"),
    (b"%PDF", "a PDF", "give a table: CSV, JSON or Parquet"),
    (b"\x89PNG", "a picture", "give a table: CSV, JSON or Parquet"),
    (b"\xff\xd8\xff", "a picture", "give a table: CSV, JSON or Parquet"),
    (b"GIF8", "a picture", "give a table: CSV, JSON or Parquet"),
    (b"SQLite format 3", "an SQLite database", "export the table as CSV"),
)
WESTERN = ("cp1252", "cp1250", "mac_roman")
WIDE = (
    *("cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "cp874", "cp1252", "cp1250"),
    *("cp932", "euc_jp", "gb18030", "big5", "euc_kr"),
)
COMMON = [
    *("utf-8", "utf-8-sig", "utf-16", "cp1252", "cp1250", "cp1251", "latin-1"),
    *("mac-roman", "shift_jis", "gb18030"),
]
QUOTES = frozenset("‘’“”„‚–—…•«»¿¡€£©®°™\xa0½²´·§")


@dataclass(frozen=True)
class Decoded:
    """A text, the encoding it was in, and what the user should know about it."""

    text: str
    encoding: str
    notes: tuple[str, ...] = ()


def decode(content: bytes, *, name: str, encoding: str | None = None) -> Decoded:
    """Turn the bytes of a text file into text.

    Args:
        content: The whole file.
        name: What to call the file in messages.
        encoding: Use this one; None: find out.

    Raises:
        DataError: It is not text, or not in the encoding that was given.
    """
    _refuse_binary(content, name)
    if encoding is not None:
        return _decode_as(content, encoding, name)
    for mark, marked in MARKS:
        if content.startswith(mark):
            decoded = _decode_as(content, marked, name)
            return Decoded(decoded.text, marked) if marked != "utf-8-sig" else decoded
    wide = _zero_pattern(content)
    if wide:
        return _decode_as(content, wide, name)
    if content.count(0) > len(content) // 20:
        raise DataError(
            f"{name} is not a text file.",
            received=f"{content.count(0)} zero bytes among {len(content)}",
            hint="give a table: .csv, .tsv, .json, .jsonl, .parquet or .arrow",
        )
    try:
        return Decoded(content.decode("utf-8"), "utf-8")
    except UnicodeDecodeError:
        return _decode_legacy(content)


def _refuse_binary(content: bytes, name: str) -> None:
    for magic, kind, hint in BINARY:
        if content.startswith(magic):
            raise DataError(f"{name} is not a text file.", received=kind, hint=hint)


def _decode_as(content: bytes, encoding: str, name: str) -> Decoded:
    try:
        text = content.decode(encoding)
    except UnicodeError as problem:
        start = getattr(problem, "start", 0)
        line = content.count(b"\n", 0, start) + 1
        raise DataError(
            f"{name} is not in the encoding {encoding}.",
            received=f"bytes {content[start : start + 4].hex(' ')} in line {line}",
            hint="leave data.encoding out to have it detected, or data.encoding=utf-8",
        ) from problem
    except (LookupError, ValueError) as problem:
        raise _unknown(encoding) from problem
    return Decoded(text.removeprefix("\ufeff"), encoding)


def _unknown(encoding: str) -> DataError:
    return DataError(
        f"There is no text encoding called '{encoding}'.",
        received=f"data.encoding={encoding}",
        hint=f"data.encoding={nearest(encoding, COMMON) or 'utf-8'}",
    )


def _zero_pattern(content: bytes) -> str | None:
    """Recognise UTF-16 without a mark: in ASCII, every second byte is zero."""
    sample = content[:4096]
    if len(sample) < 8:
        return None
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    if odd > 0.4 * half and even < 0.05 * half:
        return "utf-16-le"
    if even > 0.4 * half and odd < 0.05 * half:
        return "utf-16-be"
    return None


def _decode_legacy(content: bytes) -> Decoded:
    """Decode what is not valid UTF-8."""
    replaced = content.decode("utf-8", errors="replace")
    n_damaged = replaced.count("\ufffd")
    n_letters = sum(map(len, re.findall(r"[^\x00-\x7f\ufffd]+", replaced)))
    if n_letters >= 4 * n_damaged:
        note = f"{n_damaged} bytes are not valid UTF-8 and became U+FFFD"
        return Decoded(replaced, "utf-8", (note,))
    n_high = len(content) - len(content.translate(None, bytes(range(128, 256))))
    n_ascii_letters = sum(map(len, re.findall(rb"[A-Za-z]+", content)))
    if n_high > 0.4 * n_ascii_letters:
        guess = charset_normalizer.from_bytes(content[: 1 << 18], cp_isolation=list(WIDE)).best()
        if guess is not None:
            try:
                return Decoded(content.decode(guess.encoding), guess.encoding)
            except UnicodeDecodeError:
                pass
    scored = {page: _plausibility(content, page) for page in WESTERN}
    best = max(scored, key=lambda page: scored[page])
    if scored["cp1252"] >= scored[best] - 0.02:
        best = "cp1252"
    if scored[best] < 0:
        best = "latin-1"
    return Decoded(content.decode(best), best)


def _plausibility(content: bytes, page: str) -> float:
    """Say which share of the non-ASCII characters stands where a writer would put it.

    That is: a letter beside letters, in fitting case, or a common sign. -1: cannot be decoded.
    """
    try:
        text = content.decode(page)
    except UnicodeDecodeError:
        return -1.0
    around = Counter(re.findall(r"(?s)(?=(.[^\x00-\x7f].))", f" {text} "))
    fitting = sum(count for three, count in around.items() if _fits(*three))
    return fitting / max(1, sum(around.values()))


def _fits(before: str, sign: str, after: str) -> bool:
    if sign in QUOTES:
        return True
    if not sign.isalpha() or not (before.isalpha() or after.isalpha()):
        return False
    return not (sign.isupper() and (before.islower() or (after.islower() and before.isalpha())))
