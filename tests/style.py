"""The project's language as rules that a machine checks, and where a file breaks them.

Print every finding of a package, or those of some of the rules, or the table of budgets for `tests/test_style.py`:

    python -m tests.style mockserver word first-word
    python -m tests.style --budgets

The rules read docstrings, comments and texts: string literals of several words, the sentences of TOML files and the
prose of hand-written pages. Text in backticks or in double quotes is exempt, because it quotes code or the API. A word
that is right in one place is best put in backticks, or said in another way.
"""

from __future__ import annotations

import argparse
import ast
import gc
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[1]

PACKAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "conformance": ("conformance/**/*.py", "conformance/**/*.toml", "conformance/**/*.mjs"),
    "mockserver": ("mockserver/**/*.py", "mockserver/**/*.toml"),
    "doubletext": ("doubletext/**/*.py",),
    "tests": ("tests/**/*.py", "tests/**/*.toml", "tests/**/*.md", "tests/**/*.mjs"),
    "benchmarks": ("benchmarks/**/*.py",),
    "docs": ("*.md", "docs/**/*.md", ".github/**/*.md", "examples/**/*.md", "examples/**/*.mjs"),
}
"""The files of each row of the budget table."""

GENERATED: Final = frozenset(
    [
        "api-coverage.md",
        "benchmarks.md",
        "compatibility.md",
        "control-api.md",
        "defects.md",
        "flakes.md",
        "judge-mutation.md",
        "kill-matrix.md",
        "mock-deployment.md",
        "mutation.md",
        "requirements.md",
        "premises.md",
        "side-by-side.md",
    ]
)
"""Pages whose texts are checked where they come from."""

EXEMPT: Final = frozenset({"tests/style.py", "tests/test_style.py"})
"""Files with patterns, and with texts that break a rule on purpose."""

SKIPPED: Final = frozenset({"node_modules", ".venv", ".tox", "build", "__pycache__"})

WORD: Final = "word"
FIRST_WORD: Final = "first-word"
VERB: Final = "verb"
SEMICOLON: Final = "semicolon"
LENGTH: Final = "length"
NAME: Final = "name"
COMMENTS: Final = "comments"
RULES: Final = (WORD, FIRST_WORD, VERB, SEMICOLON, LENGTH, NAME, COMMENTS)

WORDS: Final[Mapping[str, str]] = {
    r"told apart|tells? .{,40}apart": "distinguish",
    r"unless told otherwise": "by default",
    r"tells?|telling|told": "return, report, emit, show or distinguish",
    r"stands?(?! for\b| out\b|-)|stood(?! for\b)": "is, waits, is listed or is paused",
    r"befalls?|befallen|befell": "happens to, affects",
    r"anew": "again",
    r"newcomers?": "new run",
    r"deeds?": "action, effect",
    r"meddl\w+": "change, intercept",
    r"manners": "behaviour",
    r"desk": "controller",
    r"whoever|whomever": "the client, the caller, the test: name the part",
    r"nobody|somebody|everybody": "no client, another user, every reader: name the part",
    r"those who|the one who": "clients, readers: name the part",
    r"(?:is|are|was|were) (?-i:none)": "is not a ...",
    r"in vain": "without success, timed out",
    r"ask(?:s|ed|ing)? for": "request, create, need",
    r"unasked": "unrequested",
    r"go(?:es|ing)? on|went on": "continue",
    r"let(?:s|ting)? go": "release",
    r"looks(?! like\b)": "checks, searches, reads",
    r"inside of": "inside",
    r"belongs? into": "belong in",
    r"(?:server|deployment|mock|run|thread|stream|report|page|status|answer|check|error|test)s? says?": (
        "return, state or show"
    ),
    r"(?:client|caller|reader|watcher)s? (?:leaves?|left|that leaves?|that left)": "disconnect",
    r"of (?:it)?s own accord": "by itself, without a request",
}
"""A pattern of what is not written here, and what to write instead. The first pattern that matches counts."""

RIDDLE: Final = re.compile(
    # A space in a pattern may be the end of a line in a text.
    r"\b(?:"
    + "|".join(f"(?P<w{number}>{pattern})" for number, pattern in enumerate(WORDS)).replace(" ", r"\s+")
    + r")\b",
    re.IGNORECASE,
)

NAMED: Final[Mapping[str, str]] = {
    "told": "reported",
    "tell": "report",
    "tells": "reports",
    "telling": "reporting",
    "stand": "wait",
    "stands": "waits",
    "stood": "waited",
    "befall": "affect",
    "befalls": "affects",
    "anew": "again",
    "newcomer": "new_run",
    "newcomers": "new_runs",
    "deed": "action",
    "deeds": "actions",
    "meddle": "intercept",
    "meddles": "intercepts",
    "manners": "behaviour",
    "desk": "controller",
    "nobody": "no_client",
    "somebody": "client",
    "everybody": "all",
    "whoever": "caller",
    "vain": "timed_out",
}
"""Parts of names, between underscores, and a plain word for each."""

QUESTIONS: Final = frozenset({"What", "Whatever", "How", "Who", "Whoever", "Whether", "Those", "Why", "Which"})

NOT_VERBS: Final = frozenset(
    [
        "A",
        "All",
        "An",
        "And",
        "Another",
        "As",
        "At",
        "Both",
        "By",
        "Each",
        "Every",
        "Everything",
        "For",
        "From",
        "His",
        "If",
        "In",
        "It",
        "Its",
        "Nothing",
        "No",
        "On",
        "One",
        "Or",
        "Some",
        "Somebody",
        "Something",
        "That",
        "The",
        "Their",
        "There",
        "These",
        "They",
        "This",
        "Three",
        "True",
        "Two",
        "When",
        "Where",
        "With",
    ]
)
"""First words with which a docstring of a function describes a thing instead of an act."""

WORDS_OF_A_SENTENCE: Final = 40
"""A longer sentence states several things."""

COMMENTS_PER_1000_LINES: Final = 30

PRAGMA: Final = re.compile(r"#\s*(?:type: ignore|noqa|pragma|fmt:|ruff:)")
QUOTED: Final = re.compile(r"``.+?``|`[^`]*`|(?<!\w)\"[^\"\n]{1,120}\"(?!\w)|\]\([^)]*\)|https?://\S+", re.DOTALL)
# A comment comes first: an apostrophe in it begins no string.
STRING: Final = re.compile(r"#[^\n]*|'''.*?'''|\"\"\".*?\"\"\"|'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"", re.DOTALL)
COMMENT: Final = re.compile(r"#[^\n]*")
TOML_TEXT: Final = re.compile(r'^(?:sentence|reason|evidence|argument|what|description|needs)\s*=\s*"(.*)"\s*$')
# Not those of header values, CSS, JavaScript and HTML entities.
SEMICOLON_OF_PROSE: Final = re.compile(r"(?<=[\w,)`_*]);(?=\s+[a-zA-Z_*`(][\w']*[ ,.])")
SENTENCE_END: Final = re.compile(r"[.?!:](?=\s+[A-Z`*])|\n\s*\n|\n\s*[-*] ")
FENCE: Final = re.compile(r"^(```|~~~).*?^\1|<!--.*?-->", re.DOTALL | re.MULTILINE)


class Finding(NamedTuple):
    """A place where a file breaks a rule."""

    rule: str
    file: str
    line: int
    found: str
    instead: str

    def __str__(self) -> str:
        """Return one line as compilers write them, which editors make clickable."""
        return f"{self.file}:{self.line}: {self.rule}: {self.found}. Write instead: {self.instead}"


class Text(NamedTuple):
    """Prose, and the line of its file where it begins."""

    line: int
    text: str


class Docstring(NamedTuple):
    """A docstring, and whether it describes what a function does."""

    line: int
    text: str
    is_of_act: bool


def files_of(package: str) -> list[Path]:
    """Return the files of a row of the budget table."""
    found = {path for pattern in PACKAGES[package] for path in ROOT.glob(pattern)}
    return sorted(
        path for path in found if path.name not in GENERATED and not SKIPPED & set(path.relative_to(ROOT).parts)
    )


class Measured(NamedTuple):
    """The findings of a package, and how often it breaks each rule."""

    findings: list[Finding]
    counts: dict[str, int]


def measure(package: str) -> Measured:
    """Measure a package by every rule."""
    found: list[Finding] = []
    lines = commented = 0
    # Collecting garbage while trees grow takes a third of the time and frees nothing: they have no cycles.
    gc.disable()
    try:
        for path in files_of(package):
            file, source = path.relative_to(ROOT).as_posix(), path.read_text("utf-8")
            found += findings_in(file, source)
            if path.suffix == ".py":
                lines += source.count("\n")
                commented += len(comments(source))
    finally:
        gc.enable()
    counts = Counter(finding.rule for finding in found)
    # A share, not a number of lines: with that, each new line of code would need another budget.
    missing = max(0, COMMENTS_PER_1000_LINES - commented * 1000 // lines) if lines else 0
    return Measured(found, {rule: missing if rule == COMMENTS else counts[rule] for rule in RULES})


def findings_in(file: str, source: str) -> Iterator[Finding]:
    """Yield every place where a file breaks a rule."""
    if file.endswith(".py"):
        yield from of_python(file, source)
        return
    for text in prose(file, source):
        yield from of_words(file, text)
        yield from of_semicolons(file, text)


def of_python(file: str, source: str) -> Iterator[Finding]:
    """Yield the findings of a module."""
    nodes = list(ast.walk(ast.parse(source)))
    described = list(docstrings(nodes))
    for docstring in described:
        yield from of_docstring(file, docstring)
    for comment in comments(source):
        yield from of_words(file, comment)
        yield from of_semicolons(file, comment)
    if file not in EXEMPT:
        for text in texts(nodes, {docstring.line for docstring in described}):
            yield from of_words(file, text)
            yield from of_semicolons(file, text)
    for line, name in names(nodes):
        for part in name.lower().split("_"):
            if part in NAMED:
                yield Finding(NAME, file, line, f"`{name}`", f"`{NAMED[part]}` for `{part}`, or another plain name")


def docstrings(nodes: Iterable[ast.AST]) -> Iterator[Docstring]:
    """Yield the docstrings of modules, classes and functions, and the texts below attributes."""
    for node in nodes:
        body = getattr(node, "body", None)
        if not isinstance(body, list) or not body:
            continue
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from docstring_of(body[0], is_of_act=is_act(node))
        for before, after in pairwise(body):
            if isinstance(before, ast.Assign | ast.AnnAssign):
                yield from docstring_of(after, is_of_act=False)


def docstring_of(statement: ast.stmt, *, is_of_act: bool) -> Iterator[Docstring]:
    """Yield the docstring that a statement is, if it is one."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        text = statement.value.value
        if isinstance(text, str) and text.strip():
            yield Docstring(statement.value.lineno, text, is_of_act)


def is_act(node: ast.AST) -> bool:
    """Return whether the docstring of a node has to begin with a verb. Properties and fixtures are things."""
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not any(
        word in ast.dump(decorator) for decorator in node.decorator_list for word in ("property", "fixture", "setter")
    )


def texts(nodes: Iterable[ast.AST], taken: set[int]) -> Iterator[Text]:
    """Yield the string literals that are texts: those of three words or more that are no docstrings."""
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.lineno not in taken:
            text = Text(node.lineno, node.value)
            # Shorter ones are names, headers and messages of conversations, such as "Go on?".
            if text.text.count(" ") >= 2:
                yield text


def names(nodes: Iterable[ast.AST]) -> Iterator[tuple[int, str]]:
    """Yield the names that a module gives: to functions, classes, parameters and variables."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id


def comments(source: str) -> list[Text]:
    """Return the comments of a module, without instructions to tools.

    The standard library's tokenizer would take as long as everything else here together.
    """
    if "#" not in source:
        return []
    bare = STRING.sub(blank, source)
    found = []
    for match in COMMENT.finditer(bare):
        if not PRAGMA.match(match.group()):
            line = bare.count("\n", 0, match.start()) + 1
            found.append(Text(line, source[match.start() : match.end()].lstrip("# ")))
    return found


def blank(found: re.Match[str]) -> str:
    """Return as many underscores as a match has characters, on as many lines. Comments stay as they are."""
    return found.group() if found.group().startswith("#") else re.sub(r"[^\n]", "_", found.group())


def prose(file: str, source: str) -> Iterator[Text]:
    """Yield the prose of a page, the texts of a TOML file or the comments of a script."""
    if file.endswith(".md"):
        line = 1
        for paragraph in re.split(r"(\n\s*\n)", FENCE.sub(blank, source)):
            yield Text(line, paragraph)
            line += paragraph.count("\n")
        return
    for number, line_text in enumerate(source.split("\n"), 1):
        stripped = line_text.strip()
        if file.endswith(".toml") and (found := TOML_TEXT.match(stripped)):
            yield Text(number, found.group(1))
        elif stripped.startswith("#" if file.endswith(".toml") else ("//", "/*", "* ")):
            yield Text(number, stripped)


def unquoted(text: str) -> str:
    """Return a text of the same length in which what it quotes is blank."""
    return QUOTED.sub(blank, text)


def of_words(file: str, text: Text) -> Iterator[Finding]:
    """Yield the banned words of a text."""
    bare = unquoted(text.text)
    for found in RIDDLE.finditer(bare):
        instead = list(WORDS.values())[int((found.lastgroup or "w0")[1:])]
        line = text.line + bare.count("\n", 0, found.start())
        yield Finding(WORD, file, line, f'"{" ".join(found.group().split())}"', instead)


def of_semicolons(file: str, text: Text) -> Iterator[Finding]:
    """Yield the semicolons of a text."""
    bare = unquoted(text.text)
    for found in SEMICOLON_OF_PROSE.finditer(bare):
        line = text.line + bare.count("\n", 0, found.start())
        near = " ".join(text.text[max(0, found.start() - 20) : found.end() + 20].split())
        yield Finding(SEMICOLON, file, line, f"a semicolon in `{near}`", "two sentences")


def of_docstring(file: str, docstring: Docstring) -> Iterator[Finding]:
    """Yield the findings of a docstring."""
    text = Text(docstring.line, docstring.text)
    yield from of_words(file, text)
    yield from of_semicolons(file, text)
    first = docstring.text.split()[0].strip('"*,.:')
    if first in QUESTIONS:
        verb = "a verb (Return, Send, Record)" if docstring.is_of_act else "a noun phrase"
        yield Finding(FIRST_WORD, file, docstring.line, f'a docstring that begins with "{first}"', verb)
    elif docstring.is_of_act and (first in NOT_VERBS or re.fullmatch(r"[A-Z][a-z]+[^s\W]s", first)):
        yield Finding(VERB, file, docstring.line, f'a docstring that begins with "{first}"', "Return, Send, Record ...")
    line = docstring.line
    for sentence in SENTENCE_END.split(unquoted(docstring.text)):
        if (count := len(sentence.split())) > WORDS_OF_A_SENTENCE:
            near = " ".join(sentence.split()[:5])
            yield Finding(LENGTH, file, line, f'a sentence of {count} words, "{near} ..."', "several sentences")


def main(arguments: list[str]) -> None:
    """Print findings, or the table of budgets as of now."""
    parser = argparse.ArgumentParser(prog="python -m tests.style", description="List where the texts break a rule.")
    parser.add_argument("package", nargs="?", choices=PACKAGES, help="a row of the table of budgets")
    parser.add_argument("rules", nargs="*", metavar="rule", help=f"some of {', '.join(RULES)}; all by default")
    parser.add_argument("--budgets", action="store_true", help="print the table of budgets as of now")
    options = parser.parse_args(arguments)
    if options.budgets:
        for package in PACKAGES:
            counts = measure(package).counts
            print(f'    "{package}": ({", ".join(str(counts[rule]) for rule in RULES)}),')
    elif options.package:
        for finding in measure(options.package).findings:
            if finding.rule in (options.rules or RULES):
                print(finding)
    else:
        parser.print_help()


if __name__ == "__main__":
    main(sys.argv[1:])
