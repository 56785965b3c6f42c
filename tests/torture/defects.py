"""D1: seeded defects in files of every kind, each of which has to be named with its place.

A defect passes when a finding or an error says it (a code, or words), names the file and the row
where there is one, and offers a fix; and when nothing ends in a traceback.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from luthier.errors import LuthierError
from luthier.inspect_data import inspect_recipe
from luthier.recipe.load import read_recipe

N_ROWS = 120
LABELS = ("negative", "positive")
Table = list[dict[str, Any]]
KNOWN = (
    "river stone quiet window morning paper travel summer garden music letter bridge winter coffee "
    "silver ocean teacher orange candle forest market yellow engine circle doctor kitchen mountain "
    "village harbour station captain blanket mirror pocket ladder basket hammer needle feather drum"
)
GERMAN = (
    "fluss stein ruhig fenster morgen papier reise sommer garten musik brief bruecke winter kaffee "
    "silber ozean lehrer apfelsine kerze wald markt gelb motor kreis arzt kueche gebirge dorf hafen "
    "bahnhof kapitaen decke spiegel tasche leiter korb hammer nadel feder trommel"
)


@dataclass(frozen=True)
class Defect:
    """A file with something wrong in it, and what has to be said of it.

    Args:
        name: What is wrong. `task`: As which the file is read.
        files: Name to content. `says`: A code, or words of a message.
        place: What has to stand among the places; empty where there is no row.
        data: More of the recipe's data section. `clean`: Whether nothing is wrong after all.
    """

    name: str
    task: str
    files: dict[str, bytes]
    says: str = ""
    place: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    is_clean: bool = False


def sentence(number: int, words: str = KNOWN, length: int = 12) -> str:
    """Make a sentence of its own for each number."""
    return " ".join(random.Random(number).choices(words.split(), k=length)) + "."


def rows() -> Table:
    """Make clean rows of two labels."""
    return [{"text": sentence(n), "label": LABELS[n % 2]} for n in range(N_ROWS)]


def changed(cells: dict[int, dict[str, Any]], made: Table | None = None) -> Table:
    """Change cells of some rows, counted from 0."""
    return [{**row, **cells.get(n, {})} for n, row in enumerate(rows() if made is None else made)]


def csv_of(table: Table, delimiter: str = ",", encoding: str = "utf-8") -> bytes:
    """Write a table with a header; cells are quoted."""

    def cell(value: Any) -> str:
        return "" if value is None else '"' + str(value).replace('"', '""') + '"'

    lines = [delimiter.join(table[0]), *(delimiter.join(map(cell, row.values())) for row in table)]
    return ("\n".join(lines) + "\n").encode(encoding)


def jsonl_of(table: Table) -> bytes:
    """Write a JSON object a line."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in table).encode()


def parquet_of(table: Table) -> bytes:
    """Write a Parquet file."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(table), sink)
    return bytes(sink.getvalue().to_pybytes())


def tables() -> Iterator[Defect]:
    """Give defects of labelled texts in tables."""

    def csv(
        name: str, cells: dict[int, dict[str, Any]], says: str, place: str, **more: Any
    ) -> Defect:
        task = more.pop("task", "text-classification")
        table = more.pop("table", None)
        return Defect(name, task, {"rows.csv": csv_of(changed(cells, table))}, says, place, **more)

    yield csv(
        "wrong decoding upstream", {5: {"text": "cafÃ© is open"}}, "encoding-damage", "csv:7:text"
    )
    yield csv("NA as a label", {8: {"label": "NA"}}, "rare-label", "csv:10:label")
    yield csv("null as a label", {8: {"label": "null"}}, "rare-label", "csv:10:label")
    yield csv("nan as a label", {8: {"label": "nan"}}, "rare-label", "csv:10:label")
    yield csv("no label", {8: {"label": None}}, "without-answer", "csv:10:label")
    yield csv("a label of spaces", {8: {"label": "  "}}, "without-answer", "csv:10:label")
    yield csv("a misspelt label", {8: {"label": "positve"}}, "misspelt-label", "csv:10:label")
    yield csv("a label in capitals", {8: {"label": "POSITIVE"}}, "misspelt-label", "csv:10:label")
    yield csv("a label with a space", {9: {"label": "posi tive"}}, "misspelt-label", "csv:11:label")
    yield csv("no text", {3: {"text": None}}, "-text", "csv:5:text")
    yield csv("a text of spaces", {3: {"text": "   "}}, "empty-text", "csv:5:text")
    yield csv("a bell", {3: {"text": "ring\x07 the bell"}}, "control-characters", "csv:5:text")
    yield csv("an escape", {3: {"text": "red \x1b[31m"}}, "control-characters", "csv:5:text")
    yield csv("entities of HTML", {3: {"text": "you &amp; me"}}, "html-entities", "csv:5:text")
    yield csv("tags of HTML", {3: {"text": "one<br />two"}}, "html-tags", "csv:5:text")
    yield csv("a copy", {70: rows()[4] | {"label": rows()[70]["label"]}}, "duplicate", "csv:")
    yield csv(
        "a near-copy", {70: {"text": rows()[4]["text"][:-2] + "x."}}, "near-duplicate", "csv:"
    )
    yield csv(
        "a copy with another label",
        {70: {"text": rows()[5]["text"], "label": "negative"}},
        "conflicting-labels",
        "csv:",
    )
    yield csv(
        "the same text everywhere",
        {n: {"text": "the same text"} for n in range(N_ROWS)},
        "constant-text",
        "csv:",
    )
    yield csv(
        "one label alone", {n: {"label": "positive"} for n in range(N_ROWS)}, "single-class", "csv:"
    )
    yield csv(
        "a crushing label",
        {n: {"label": "positive"} for n in range(N_ROWS) if n % 20},
        "class-imbalance",
        "csv:",
    )
    yield csv("a rare label", {8: {"label": "neither"}}, "rare-label", "csv:10:label")
    yield csv("a runaway text", {8: {"text": sentence(8) * 400}}, "very-long-text", "csv:10:text")
    few = {"data": {"split": {"test": 0.05}}}
    yield csv("few test rows", {}, "tiny-split", "csv:", **few)
    numbers = [{"text": sentence(n), "label": n / 10} for n in range(N_ROWS)]
    of_numbers = {"task": "text-regression", "table": numbers}
    for name, value, says in (
        ("nan as a target", "nan", "nan-target"),
        ("inf as a target", "inf", "nan-target"),
        ("a word as a target", "three", "non-numeric-target"),
        ("a comma that may part thousands", "3,500", "non-numeric-target"),
        ("no target", None, "without-answer"),
    ):
        yield csv(name, {8: {"label": value}}, says, "csv:10:label", **of_numbers)
    same = {n: {"label": 1.5} for n in range(N_ROWS)}
    yield csv("the same target everywhere", same, "constant-target", "csv:", **of_numbers)
    several = [
        {"text": sentence(n), "label": ("joy|fear", "fear", "joy")[n % 3]} for n in range(N_ROWS)
    ]
    of_several = {
        "task": "multi-label-classification",
        "table": several,
        "data": {"columns": {"labels": "label"}},
    }
    yield csv(
        "a rare one of several", {8: {"label": "joy|awe"}}, "rare-label", "csv:10", **of_several
    )
    yield csv(
        "a misspelt one of several", {8: {"label": "JOY"}}, "misspelt", "csv:10", **of_several
    )
    test = csv_of(changed({2: {"label": "unknown"}}, rows()[:110]))
    fresh = csv_of([{"text": sentence(n + 500), "label": LABELS[n % 2]} for n in range(N_ROWS)])
    two = {"rows.csv": fresh, "test.csv": test}
    apart = {"test": "test.csv"}
    yield Defect(
        "an unseen label", "text-classification", two, "unseen-label", "test.csv:4:label", apart
    )
    both = {"rows.csv": csv_of(rows()), "test.csv": csv_of(rows()[:110])}
    yield Defect(
        "a leak", "text-classification", both, "duplicate-across-splits", "test.csv:", apart
    )


def bytes_of_tables() -> Iterator[Defect]:
    """Give defects of how tables are written."""

    def raw(
        name: str, content: bytes, says: str, place: str = "", file: str = "rows.csv"
    ) -> Defect:
        return Defect(name, "text-classification", {file: content}, says, place)

    accented = changed({3: {"text": "café déjà vu à la carte, naïve façade"}})
    yield raw("cp1252", csv_of(accented, encoding="cp1252"), "cp1252")
    yield raw("latin-1 in a .tsv", csv_of(accented, "\t", "latin-1"), "cp1252", file="rows.tsv")
    yield raw("utf-16", csv_of(accented, encoding="utf-16"), "utf-16")
    yield raw("semicolons", csv_of(rows(), ";"), ";")
    yield raw("tabs in a .csv", csv_of(rows(), "\t"), "tab")
    yield raw("bars", csv_of(rows(), "|"), "|")
    lines = csv_of(rows()).decode().splitlines()
    longer, shorter, twice = list(lines), list(lines), list(lines)
    longer[6] += ",more,cells"
    shorter[6] = '"a cell alone"'
    twice[0] = "text,text"
    yield raw("a row that is too long", "\n".join(longer).encode(), "number of cells", "line 7")
    yield raw("a row that is too short", "\n".join(shorter).encode(), "number of cells", "line 7")
    yield raw("two columns of a name", "\n".join(twice).encode(), "two columns", "rows.csv")
    opened = list(lines)
    opened[6] = '"a quote that is never closed,positive'
    yield raw("an open quote", "\n".join(opened).encode(), "line 7 has a quote")
    yield raw("a header alone", b"text,label\n", "no rows", "rows.csv")
    yield raw("nothing", b"", "is empty", "rows.csv")
    yield raw("blank lines alone", b"\n\n\n", "", "rows.csv")
    yield raw(
        "a picture", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9, "not a text file", "rows.csv"
    )
    yield raw("a zero byte", csv_of(changed({3: {"text": "a\0b"}})), "", "rows.csv")
    other = csv_of([{"text": row["text"], "lbl": row["label"]} for row in rows()])
    yield raw("another column", other, "no column", "rows.csv")
    yield raw(
        "an ending that says nothing", csv_of(rows()), "cannot be read", "rows.xyz", "rows.xyz"
    )
    broken = jsonl_of(rows()).decode().splitlines()
    for name, line, says in (
        ("a broken line", '{"text": "a", "label": ', "not valid JSON"),
        ("a line that is a list", '["a", "positive"]', "must be an object"),
        ("a line of text", "positive", "not valid JSON"),
    ):
        content = "\n".join([*broken[:6], line, *broken[6:]]).encode()
        yield raw(name, content, says, "line 7", "rows.jsonl")
    cut = jsonl_of(rows())[:-20]
    yield raw("a file that was cut off", cut, "not valid JSON", f"line {N_ROWS}", "rows.jsonl")
    number = jsonl_of(changed({4: {"text": 5}}))
    yield raw("a number for a text", number, "not-text", "rows.jsonl:5:text", "rows.jsonl")
    kinds = jsonl_of(changed({4: {"label": 1}, 5: {"label": 1}}))
    yield raw("labels of two kinds", kinds, "mixed-label-types", "rows.jsonl:5:label", "rows.jsonl")
    null = jsonl_of(changed({4: {"text": None}}))
    yield raw("null for a text", null, "missing-text", "rows.jsonl:5:text", "rows.jsonl")
    unlabelled = jsonl_of(changed({4: {"label": None}}))
    yield raw("null for a label", unlabelled, "without-answer", "rows.jsonl:5:label", "rows.jsonl")
    yield raw("a number alone", b"17", "", "rows.json", "rows.json")
    yield raw(
        "half an array",
        json.dumps(rows()).encode()[:900],
        "not valid JSON",
        "rows.json",
        "rows.json",
    )
    yield raw("half a Parquet file", parquet_of(rows())[:400], "", "rows.parquet", "rows.parquet")
    yield raw("a table called Parquet", csv_of(rows()), "", "rows.parquet", "rows.parquet")
    hole = parquet_of(changed({4: {"text": None}}))
    yield raw("a hole in Parquet", hole, "missing-text", "rows.parquet:5:text", "rows.parquet")


def conll(cells: dict[int, str]) -> bytes:
    """Write a hundred tagged sentences, some of them replaced."""
    made = []
    for number in range(100):
        words = sentence(number)[:-1].split()
        tags = ["B-PER", "I-PER", *["O"] * 8, "B-LOC", "O"]
        plain = "\n".join(f"{word} {tag}" for word, tag in zip(words, tags, strict=True))
        made.append(cells.get(number, plain))
    return ("\n\n".join(made) + "\n").encode()


def tagged() -> Iterator[Defect]:
    """Give defects of tagged words."""

    def file(name: str, block: str, says: str, place: str = "rows.conll:") -> Defect:
        return Defect(name, "token-classification", {"rows.conll": conll({3: block})}, says, place)

    yield file("a stray I-", "He O\nsaw O\nRome I-LOC\nagain O", "stray-tag")
    yield file("an I- of another type", "Ada B-PER\nRome I-LOC\nsaw O", "stray-tag")
    yield file("a word without a tag", "He O\nsaw\nRome B-LOC", "", "rows.conll:")
    yield file(
        "an entity over the end of a sentence",
        "Ada B-PER\n. I-PER\nShe I-PER\nran O",
        "entity-crosses-sentence",
    )
    endless = "\n".join(
        f"{word} {'B' if n == 0 else 'I'}-PER" for n, word in enumerate(KNOWN.split()[:20])
    )
    yield file("an entity without an end", endless, "long-entity")
    nothing = {
        "rows.conll": conll(
            {n: f"{sentence(n)[:20].strip()} O".replace(" ", "_", 1) for n in range(100)}
        )
    }
    yield Defect("no entity at all", "token-classification", nothing, "", "rows.conll")

    def spans(name: str, row: dict[str, Any], says: str, place: str = "rows.jsonl:4") -> Defect:
        made = [
            {"text": sentence(n), "spans": [{"start": 0, "end": 4, "label": "PER"}]}
            for n in range(100)
        ]
        made[3] = {**made[3], **row}
        return Defect(name, "token-classification", {"rows.jsonl": jsonl_of(made)}, says, place)

    yield spans(
        "a span outside", {"spans": [{"start": 0, "end": 999, "label": "A"}]}, "in its text"
    )
    yield spans(
        "a span backwards", {"spans": [{"start": 5, "end": 2, "label": "A"}]}, "in its text"
    )
    yield spans(
        "a span without a label", {"spans": [{"start": 0, "end": 3}]}, "no start, end and label"
    )
    over = [{"start": 0, "end": 9, "label": "A"}, {"start": 0, "end": 4, "label": "B"}]
    yield spans("spans that overlap", {"spans": over}, "overlap")
    yield spans("spans that are a word", {"spans": "PER"}, "not a list")
    lists = [{"tokens": ["Ada", "ran"], "tags": ["B-PER", "O"]} for _ in range(60)]
    lists[3] = {"tokens": ["Ada", "ran"], "tags": ["B-PER"]}
    short = {"rows.jsonl": jsonl_of(lists)}
    yield Defect(
        "fewer tags than words", "token-classification", short, "unequal numbers", "rows.jsonl:4"
    )
    text, marks = b"Ada went to Rome.", b"T1\tPER 0 99\tAda\n"
    brat = {"notes/a.txt": text, "notes/a.ann": marks}
    yield Defect("a mark outside", "token-classification", brat, "", "a.ann", {"train": "notes"})
    torn = {"notes/a.txt": text, "notes/a.ann": b"T1 PER zero three Ada\n"}
    yield Defect(
        "a mark that is none", "token-classification", torn, "", "a.ann", {"train": "notes"}
    )


def answered() -> Iterator[Defect]:
    """Give defects of questions with answers."""

    def squad(change: Callable[[dict[str, Any]], None]) -> bytes:
        paragraphs = [
            {
                "context": sentence(n),
                "qas": [
                    {
                        "id": str(n),
                        "question": f"What is number {n} of {sentence(n + 900)}?",
                        "answers": [
                            {
                                "text": sentence(n).split()[1],
                                "answer_start": sentence(n).index(" ") + 1,
                            }
                        ],
                    }
                ],
            }
            for n in range(60)
        ]
        change(paragraphs[3])
        return json.dumps(
            {"version": "1.1", "data": [{"title": "t", "paragraphs": paragraphs}]}
        ).encode()

    def file(name: str, change: Callable[[dict[str, Any]], None], says: str, place: str) -> Defect:
        return Defect(name, "question-answering", {"rows.json": squad(change)}, says, place)

    def moved(paragraph: dict[str, Any]) -> None:
        paragraph["qas"][0]["answers"][0]["answer_start"] += 3

    def lost(paragraph: dict[str, Any]) -> None:
        paragraph["qas"][0]["answers"][0]["text"] = "nowhere at all"

    def unasked(paragraph: dict[str, Any]) -> None:
        del paragraph["qas"][0]["question"]

    def empty(paragraph: dict[str, Any]) -> None:
        paragraph["qas"][0]["question"] = ""

    yield file("a wrong answer_start", moved, "answer-moved", "rows.json:4:answers")
    yield file("an answer from elsewhere", lost, "answer-not-in-context", "rows.json:4:answers")
    yield file("no question", unasked, "no 'question'", "rows.json")
    yield file("an empty question", empty, "empty-text", "rows.json:4:question")
    half = {"rows.json": squad(lambda paragraph: None)[:700]}
    yield Defect("half a file", "question-answering", half, "not valid JSON", "rows.json")
    choice = [
        {"text": sentence(n), "choices": [sentence(n + 200), sentence(n + 400)], "label": n % 2}
        for n in range(100)
    ]
    for name, row, says in (
        ("a label that is no choice", {"label": 7}, "choice"),
        ("the same choice twice", {"choices": ["same", "same"]}, "equal-choices"),
        ("an empty choice", {"choices": ["one", ""]}, "empty-choice"),
    ):
        content = {"rows.jsonl": jsonl_of(changed({3: row}, choice))}
        yield Defect(name, "multiple-choice", content, says, "rows.jsonl:4")


def paired() -> Iterator[Defect]:
    """Give defects of texts with their translations."""
    english = [sentence(n) for n in range(200)]
    german = [sentence(n, GERMAN) for n in range(200)]
    columns = {"columns": {"text": "en", "target": "de"}, "train": "rows.{en,de}"}

    def lines(name: str, cells: dict[int, tuple[str, str]], says: str, place: str) -> Defect:
        both = list(zip(english, german, strict=True))
        for number, pair in cells.items():
            both[number] = pair
        files = {
            f"rows.{language}": ("\n".join(side) + "\n").encode()
            for language, side in zip(("en", "de"), zip(*both, strict=True), strict=True)
        }
        return Defect(name, "translation", files, says, place, columns)

    yield lines("an empty line", {4: (english[4], "")}, "without-answer", ":5")
    yield lines(
        "sides that changed places", {4: (german[4], english[4])}, "swapped-languages", ":5"
    )
    yield lines("a line not translated", {4: (english[4], english[90])}, "language-mixed-up", ":5")
    yield lines(
        "the source as its translation", {4: (english[4], english[4])}, "target-is-source", ":5"
    )
    yield lines("a line that was cut off", {4: (english[4], german[4][:9])}, "length-ratio", ":5")
    same = {n: (english[n], "Diese Zeile steht hier zu oft.") for n in (4, 9, 14)}
    yield lines("one line for many", same, "repeated-target", ":5")
    files = {
        "rows.en": "\n".join(english).encode(),
        "rows.de": "\n".join(german[:-3]).encode(),
    }
    yield Defect("a line too few", "translation", files, "unequal", "rows", columns)
    unit = '<tu><tuv xml:lang="en"><seg>a</seg></tuv><tuv xml:lang="de"><seg>b</seg></tuv></tu>'
    tmx = f'<?xml version="1.0"?><tmx version="1.4"><header/><body>{unit}</body></tmx>'
    bomb = tmx.replace("<tmx", '<!DOCTYPE x [<!ENTITY a "aa">]><tmx')
    named = {"columns": {"text": "en", "target": "de"}}
    for name, file, content, says in (
        ("XML that ends early", "rows.tmx", tmx[:-9], "well-formed"),
        ("entities in XML", "rows.tmx", bomb, "entities"),
        ("a text without a language", "rows.tmx", tmx.replace(' xml:lang="de"', ""), "language"),
        ("another XML", "rows.tmx", "<html><body/></html>", "is not TMX"),
        ("another XML in XLIFF", "rows.xlf", "<html><body/></html>", "is not XLIFF"),
        ("XLIFF that ends early", "rows.xlf", '<xliff version="1.2"><file>', "well-formed"),
    ):
        yield Defect(name, "translation", {file: content.encode()}, says, file, named)
    chat = [{"messages": [{"role": "user", "content": sentence(n)}]} for n in range(60)]
    silent = {"rows.jsonl": jsonl_of(chat)}
    yield Defect("chats without an answer", "causal-lm", silent, "", "rows.jsonl")
    roleless = {"rows.jsonl": jsonl_of([{"messages": [{"content": "a"}]} for _ in range(60)])}
    yield Defect("messages of nobody", "causal-lm", roleless, "", "rows.jsonl")
    yield Defect("an empty text file", "causal-lm", {"rows.txt": b"\n\n"}, "", "rows.txt")


def defects() -> list[Defect]:
    """Give all of them."""
    return [*tables(), *bytes_of_tables(), *tagged(), *answered(), *paired()]


def clean() -> list[Defect]:
    """Give files of every kind with nothing wrong in them."""
    english = "\n".join(sentence(n) for n in range(200))
    german = "\n".join(sentence(n, GERMAN) for n in range(200))
    numbers = [{"text": sentence(n), "label": n / 10} for n in range(N_ROWS)]
    several = [{"text": sentence(n), "label": ["a", "b"][: n % 3]} for n in range(N_ROWS)]
    choice = [
        {"text": sentence(n), "choices": [sentence(n + 200), sentence(n + 400)], "label": n % 2}
        for n in range(100)
    ]
    pairs = {"columns": {"text": "en", "target": "de"}, "train": "rows.{en,de}"}
    spans = [{"text": sentence(n), "spans": [[0, 4, "PER"]]} for n in range(100)]
    notes = {
        f"notes/{n}.{end}": text.encode()
        for n in range(60)
        for end, text in (("txt", f"Ada went to {sentence(n)}"), ("ann", "T1\tPER 0 3\tAda\n"))
    }
    found = [
        ("csv", "text-classification", {"rows.csv": csv_of(rows())}, {}),
        ("tsv", "text-classification", {"rows.tsv": csv_of(rows(), "\t")}, {}),
        ("jsonl", "text-classification", {"rows.jsonl": jsonl_of(rows())}, {}),
        ("json", "text-classification", {"rows.json": json.dumps(rows()).encode()}, {}),
        ("parquet", "text-classification", {"rows.parquet": parquet_of(rows())}, {}),
        ("numbers", "text-regression", {"rows.csv": csv_of(numbers)}, {}),
        (
            "byte-order mark",
            "text-classification",
            {"rows.csv": csv_of(rows(), encoding="utf-8-sig")},
            {},
        ),
        (
            "several labels",
            "multi-label-classification",
            {"rows.jsonl": jsonl_of(several)},
            {"columns": {"labels": "label"}},
        ),
        ("conll", "token-classification", {"rows.conll": conll({})}, {}),
        ("spans", "token-classification", {"rows.jsonl": jsonl_of(spans)}, {}),
        ("brat", "token-classification", notes, {"train": "notes"}),
        ("pairs", "translation", {"rows.en": english.encode(), "rows.de": german.encode()}, pairs),
        ("choices", "multiple-choice", {"rows.jsonl": jsonl_of(choice)}, {}),
        ("plain text", "causal-lm", {"rows.txt": english.replace("\n", "\n\n").encode()}, {}),
    ]
    return [Defect(*one[:3], data=one[3], is_clean=True) for one in found]


def fault(defect: Defect, folder: Path) -> str:
    """Read a file as `luthier inspect` does; say what was not as it should be, or nothing."""
    folder.mkdir(parents=True)
    for name, content in defect.files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    data = {"train": next(iter(defect.files)), **defect.data}
    data = {
        key: str(folder / value) if key in ("train", "test") else value
        for key, value in data.items()
    }
    recipe = {"model": "m", "task": defect.task, "data": data}
    try:
        found = inspect_recipe(read_recipe(recipe))
        findings, notes = found.findings, found.notes
    except LuthierError as problem:
        if defect.is_clean:
            return str(problem)
        told = str(problem)
        names_file = any(Path(name).stem in told for name in defect.files)
        fits = names_file and defect.says in told and defect.place in told and problem.hint
        return "" if fits else f"said: {told}"
    if defect.is_clean:
        return ", ".join(one.message for one in findings if one.severity == "error")
    fitting = [
        one
        for one in findings
        if (defect.says in one.code or defect.says in one.message)
        and any(defect.place in place for place in one.places)
        and one.fix
        and one.count
    ]
    if fitting or (not defect.place and any(defect.says in note for note in notes)):
        return ""
    return f"found: {[(one.code, one.places[:2]) for one in findings]}, notes: {notes}"


def counts(folder: Path) -> tuple[list[tuple[str, bool]], list[tuple[str, bool]]]:
    """Try every defect and every clean file; say of each whether all was as it should be."""
    return tuple(  # type: ignore[return-value]
        [
            (f"{one.name}: {(told := fault(one, folder / kind / str(number)))}", not told)
            for number, one in enumerate(made)
        ]
        for kind, made in (("defects", defects()), ("clean", clean()))
    )
