"""What the pages say is done, in a folder with the files that they name, in the order of the page.

Of every page:

- A Python block with a file name is written to that file. A pass file's examples are run; a test file is run by pytest.
- Bash lines are run, but for those that `not_run.py` lists with a reason (they take minutes, or need a device, a
  network or a cluster). They must end with 0, or 1 for what is to find something.
- The other Python blocks of a page run one after the other in one process.

What runs models is marked slow (`not_run.SLOW`, and all Python without a file name); the fast run leaves that out and
does the rest. A command that stands on several pages is run on the first of them. BERT is checked by one
call (`workspace.py`), and where a page says `model`, it is a tiny one.
The README's first two commands are run by .ci/run.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import not_run
import pytest
import workspace
from blocks import PAGES, Block, blocks_of
from shell import Command, in_block

import rewriter
from rewriter import cli as command_line
from rewriter.examples import check, passes_of

REWRITTEN = "modeling_bert_rewritten.py"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in a folder of our own, with backups and caches of its own."""
    folder = workspace.make(tmp_path)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("REWRITER_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("REWRITER_DISABLE_PLUGIN_AUTOLOAD", raising=False)
    yield folder


def in_process(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple:
    """Run `rewriter …` in this process, and return its exit code and all that it printed."""
    monkeypatch.setattr(sys, "argv", list(words))
    code: object = 0
    try:
        command_line.main()
    except SystemExit as end:
        code = end.code or 0
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def process(words: tuple[str, ...]) -> tuple[int, str, str]:
    """Run a program in a process of its own; Python and its programs are this one's."""
    name = Path(words[0]).name
    own = {"rewriter": ["-m", "rewriter"], "python": [], "pytest": ["-m", "pytest", "-p", "no:cacheprovider"]}
    program = [sys.executable, *own[name]] if name in own else [words[0]]
    path = os.pathsep.join([str(workspace.ROOT), str(Path.cwd())])
    done = subprocess.run(
        [*program, *words[1:]],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": path, "GLOG_v": "3"},
    )
    return done.returncode, done.stdout, done.stderr


def steps(page: str) -> Iterator[Block | Command]:
    """Yield what a page has its reader do, in order."""
    variables: dict[str, str] = {}
    for block in blocks_of(page, "python", "bash"):
        if block.language == "python":
            yield block
        else:
            yield from in_block(block, variables)


def follow(page: str, *, slow: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Do what a page says."""
    program: list[Block] = []
    for step in steps(page):
        if isinstance(step, Block):
            if not step.title:
                program.append(step)
            else:
                write(step, slow=slow)
        elif is_done_here(step, slow=slow):
            give(step, monkeypatch, capsys)
            if "--in-place" in step.words and not undoes(page):
                process(("rewriter", "undo", *(word for word in step.words if word.endswith(".py"))))
    if program and slow:
        run_program(program)


def is_done_here(command: Command, *, slow: bool) -> bool:
    """Whether a command is run: a slow one in the slow run only, and all on the first page that has them.

    One that names a file which its page writes is another command on each page; so is one that takes another back.
    """
    if not_run.reason(command.text) or (not_run.is_slow(command.text) and not slow):
        return False
    page = command.block.page
    files = {"undo", "--in-place", *(block.title for block in blocks_of(page, "python") if block.title)}
    return bool(files & {*command.words}) or page == first_page(command.text)


@functools.cache
def first_page(text: str) -> str:
    """Return the first page on which a command stands."""
    return next(page for page in PAGES if any(isinstance(step, Command) and step.text == text for step in steps(page)))


def runs_models(step: Block | Command) -> bool:
    """Whether the fast run leaves this out, and the slow one does not."""
    if isinstance(step, Command):
        return is_done_here(step, slow=True) and not is_done_here(step, slow=False)
    return not step.title or (step.title.startswith("test_") and "pass_examples" not in step.text)


def undoes(page: str) -> bool:
    """Whether a page itself says how to bring the original back."""
    return any(isinstance(step, Command) and "undo" in step.words for step in steps(page))


def write(block: Block, *, slow: bool) -> None:
    """Write a block to its file, and run what is in it, if it is a pass or a test."""
    path = Path(block.title)
    path.write_text(block.text, encoding="utf-8")
    if path.name.startswith("test_") and (slow or "pass_examples" in block.text):
        code, out, err = process(("pytest", "-q", block.title))
        assert code == 0, f"{block.page}:{block.line}: {out}{err}"
    if "def rewriter_passes" in block.text:
        for item in passes_of(path):
            for example in item.examples:
                check(item, example)


def give(command: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Run a command, have it end as it should, and put its output where it is to go."""
    with monkeypatch.context() as patch:
        for name, value in command.environment.items():
            patch.setenv(name, value)
        if command.program == "rewriter" and not not_run.is_slow(command.text):
            code, out, err = in_process(command.words, patch, capsys)
        else:
            code, out, err = process(command.words)
    expected = not_run.exit_code(command.text)
    assert code == expected, f"{command.where}: ended with {code}, not {expected}\n{out}{err}"
    assert "Traceback" not in err, f"{command.where}: {err}"
    if command.output:
        Path(command.output).write_text(out, encoding="utf-8")


def run_program(blocks: list[Block]) -> None:
    """Run blocks one after the other in one process, in which there is a `model`."""
    lines = [f"exec(compile({block.text!r}, {f'{block.page}:{block.line}'!r}, 'exec'))" for block in blocks]
    Path("page.py").write_text(workspace.MODEL + "\n".join(lines) + "\n", encoding="utf-8")
    code, out, err = process(("python", "page.py"))
    assert code == 0, f"{blocks[0].page}: {out}{err}"


@functools.cache
def rewritten() -> str:
    """Return the rewritten BERT, as `rewriter apply` writes it beside the original."""
    return rewriter.rewrite(workspace.ROOT / "models" / "bert" / "modeling_bert.py", standalone=False).text


def start(page: str) -> None:
    """Give the reader of a page the files that it speaks of as if they were there, and does not write itself."""
    blocks = blocks_of(page, "python", "bash")
    makers = {REWRITTEN: rewritten, "my_pass.py": workspace.pattern_pass, "squares.py": workspace.pattern_pass}
    for name, make in makers.items():
        if any(name in block.text for block in blocks) and not any(block.title == name for block in blocks):
            Path(name).write_text(make(), encoding="utf-8")


WITH_STEPS = [page for page in PAGES if any(True for _ in steps(page))]
WITH_MODELS = [page for page in WITH_STEPS if any(runs_models(step) for step in steps(page))]


@pytest.mark.parametrize("page", WITH_STEPS)
def test_what_the_page_says_is_done(page, here, monkeypatch, capsys):
    """Everything that takes a second."""
    start(page)
    follow(page, slow=False, monkeypatch=monkeypatch, capsys=capsys)


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_MODELS)
def test_what_the_page_says_is_done_with_models(page, here, monkeypatch, capsys):
    """Everything, in order, with the commands and the Python that run models."""
    start(page)
    follow(page, slow=True, monkeypatch=monkeypatch, capsys=capsys)


def test_most_commands_are_run():
    """So that the list of those which are not cannot grow over the others in silence; `bench` takes minutes, mostly."""
    found = {step.text for page in PAGES for step in steps(page) if isinstance(step, Command)}
    commands = {text for text in found if text.startswith("rewriter ") and not text.startswith("rewriter bench")}
    done = {text for text in commands if not not_run.reason(text)}
    assert len(done) > 2 / 3 * len(commands), sorted(commands - done)
