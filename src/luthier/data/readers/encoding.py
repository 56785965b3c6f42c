"""Detects the encoding of a text file and decodes it.

In order of precedence: the user's setting, a byte-order mark, UTF-16 by its zero bytes, strict
UTF-8, slightly damaged UTF-8, and a legacy code page. Files that are mostly ASCII are taken for
Western or Central European: the code page that yields the most plausible letters wins, with a
preference for cp1252. Other files (Cyrillic, Greek, Chinese …) are left to charset-normalizer.
"""

from __future__ import annotations

import codecs
import io
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from string import ascii_letters

from luthier.errors import DataError, nearest

MARK = "\ufeff"
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
WIDE_UNITS = ("utf-16", "utf-32")
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
    """The bytes of a file and how to decode them.

    Args:
        content: The content of the file.
        encoding: The encoding in which all of it can be decoded.
        notes: Notes for the user on what was detected.
        errors: Treatment of damaged bytes, as in `bytes.decode`.
    """

    content: bytes
    encoding: str
    notes: tuple[str, ...] = ()
    errors: str = "strict"

    @property
    def text(self) -> str:
        """The decoded content: two or four bytes a character if it is not all Western."""
        return self.content.decode(self.encoding, self.errors).removeprefix(MARK)

    def lines(self) -> Iterator[str]:
        """Iterate over the lines, including their line ends: LF, CR LF or CR."""
        opened = io.TextIOWrapper(
            io.BytesIO(self.content), encoding=self.encoding, errors=self.errors, newline=""
        )
        yield next(opened, "").removeprefix(MARK)
        yield from opened


def decode(content: bytes, *, name: str, encoding: str | None = None) -> Decoded:
    """Decode the bytes of a text file.

    Args:
        content: The content of the file.
        name: The name of the file in messages.
        encoding: The encoding; None detects it.

    Raises:
        DataError: The file is not text, or not in the given encoding.
    """
    _refuse_binary(content, name)
    if encoding is not None:
        return _decode_as(content, encoding, name)
    for mark, marked in MARKS:
        if content.startswith(mark):
            return _decode_as(content, marked, name)
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
        return _read_through(Decoded(content, "utf-8"))
    except UnicodeDecodeError:
        return _decode_legacy(content)


def _refuse_binary(content: bytes, name: str) -> None:
    for magic, kind, hint in BINARY:
        if content.startswith(magic):
            raise DataError(f"{name} is not a text file.", received=kind, hint=hint)


def _decode_as(content: bytes, encoding: str, name: str) -> Decoded:
    try:
        return _read_through(Decoded(content, _with_byte_order(content, encoding)))
    except UnicodeError as problem:
        start = _first_damage(content, encoding)
        line = content.count(b"\n", 0, start) + 1
        raise DataError(
            f"{name} is not in the encoding {encoding}.",
            received=f"bytes {content[start : start + 4].hex(' ')} in line {line}",
            hint="data.encoding=null to detect it, or data.encoding=utf-8",
        ) from problem
    except (LookupError, ValueError) as problem:
        raise _unknown(encoding) from problem


def _with_byte_order(content: bytes, encoding: str) -> str:
    """Add the machine's byte order to UTF-16 or UTF-32 without a mark, for reading line by line."""
    name = codecs.lookup(encoding).name
    is_marked = any(marked == name and content.startswith(mark) for mark, marked in MARKS)
    return encoding if is_marked or name not in WIDE_UNITS else f"{name}-{sys.byteorder[0]}e"


def _read_through(decoded: Decoded) -> Decoded:
    """Raise if a byte cannot be decoded, without holding the whole text in memory."""
    for _ in decoded.lines():
        pass
    return decoded


def _first_damage(content: bytes, encoding: str) -> int:
    try:
        content.decode(encoding)
    except UnicodeError as problem:
        return int(getattr(problem, "start", 0))
    return 0


def _unknown(encoding: str) -> DataError:
    return DataError(
        f"There is no text encoding called '{encoding}'.",
        received=f"data.encoding={encoding}",
        hint=f"data.encoding={nearest(encoding, COMMON) or 'utf-8'}",
    )


def _zero_pattern(content: bytes) -> str | None:
    """Recognise UTF-16 without a mark: every second byte of ASCII text is zero."""
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
    """Decode bytes that are not valid UTF-8."""
    n_damaged, n_letters = _damage(content)
    if n_letters >= 4 * n_damaged:
        note = f"{n_damaged} bytes are not valid UTF-8 and became U+FFFD"
        return Decoded(content, "utf-8", (note,), "replace")
    n_high = len(content) - len(content.translate(None, bytes(range(128, 256))))
    n_ascii_letters = len(content) - len(content.translate(None, ascii_letters.encode()))
    if n_high > 0.4 * n_ascii_letters:
        import charset_normalizer  # takes a tenth of a second, for few files

        guess = charset_normalizer.from_bytes(content[: 1 << 18], cp_isolation=list(WIDE)).best()
        if guess is not None:
            try:
                return _read_through(Decoded(content, guess.encoding))
            except UnicodeDecodeError:
                pass
    scored = {page: _plausibility(content, page) for page in WESTERN}
    best = max(scored, key=lambda page: scored[page])
    if scored["cp1252"] >= scored[best] - 0.02:
        best = "cp1252"
    if scored[best] < 0:
        best = "latin-1"
    return Decoded(content, best)


def _damage(content: bytes) -> tuple[int, int]:
    """Count the bytes that are not UTF-8, and the characters beyond ASCII that are."""
    replaced = content.decode("utf-8", errors="replace")
    n_letters = sum(len(found[0]) for found in re.finditer(r"[^\x00-\x7f\ufffd]+", replaced))
    return replaced.count("\ufffd"), n_letters


def _plausibility(content: bytes, page: str) -> float:
    """Return the share of non-ASCII characters in plausible places; -1 if decoding fails.

    Plausible are letters beside letters in matching case, and common punctuation.
    """
    try:
        text = f" {content.decode(page)} "
    except UnicodeDecodeError:
        return -1.0
    around = Counter(found[1] for found in re.finditer(r"(?s)(?=(.[^\x00-\x7f].))", text))
    fitting = sum(count for three, count in around.items() if _fits(*three))
    return fitting / max(1, sum(around.values()))


def _fits(before: str, sign: str, after: str) -> bool:
    if sign in QUOTES:
        return True
    if not sign.isalpha() or not (before.isalpha() or after.isalpha()):
        return False
    return not (sign.isupper() and (before.islower() or (after.islower() and before.isalpha())))
