"""Nothing is undocumented: hooks, passes, commands, options, settings, API rows and fields of a verdict.

The reference is written from the code, so a name is always there; what can be missing are words. These tests look for
both, in the pages that `mkdocs build` would render. `docs/hooks.md` is written by hand: each hook with its signature
and an example, which `test_run.py` runs.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import re
from types import ModuleType, SimpleNamespace

import pytest
from accepting import accept
from blocks import ROOT, parsed, text_of
from shell import in_block

from rewriter import Example, Pass, Safety, hookspecs, plugins
from rewriter.settings import Settings

HOOKS = {name: item for name, item in vars(hookspecs).items() if hasattr(item, "rewriter_spec")}
WORDS = 3
"""Fewer than these are a label, and no documentation."""


@pytest.fixture(scope="session")
def pages(reference: ModuleType) -> dict[str, str]:
    return reference.pages()


@pytest.fixture(scope="session")
def commands(reference: ModuleType) -> ModuleType:
    return importlib.import_module("_reference.commands")


def section(text: str, heading: str) -> str:
    """Return what stands under a heading, up to the next one of its level."""
    _, found, rest = f"\n{text}".partition(f"\n{heading}\n")
    assert found, f"there is no heading {heading!r}"
    return re.split(rf"\n#{{1,{len(heading.split()[0])}}} ", rest)[0]


def check_command(name: str, command, text: str) -> None:
    told = section(text, f"## rewriter {name}")
    assert len((command.help or "").split()) >= WORDS, f"`rewriter {name}` says nothing of itself"
    assert re.search(rf"^rewriter {name}\b", told.partition("```bash")[2], re.MULTILINE), f"`{name}` has no example"


def check_parameter(name: str, parameter, text: str, commands: ModuleType) -> None:
    spelled = commands.spelled(parameter)
    start = "| `" + spelled.replace("|", "\\|") + "` |"
    assert start in section(text, f"## rewriter {name}"), f"`rewriter {name}`: {spelled} is not on the page"
    assert len((parameter.help or "").split()) >= WORDS - 1, f"`rewriter {name}`: {spelled} has no help"


def check_pass(item: Pass, text: str) -> None:
    told = section(text, f"## {item.name}")
    assert item.summary in told
    assert len(item.summary.split()) >= WORDS, f"{item.name} has no docstring"
    for example in item.examples:
        assert f"*{example.title}*" in told, f"{item.name}: {example.title}"
    assert item.examples, f"{item.name} has no examples"
    assert any(example.after is None for example in item.examples), f"{item.name} has no twin that stays"


def check_hook(name: str, hook, text: str) -> None:
    """Look for the signature of a hook, in a block, and for an example that implements it."""
    blocks = parsed("hooks.md", text)
    parameters = ", ".join(f"{one.name}: {one.annotation}" for one in inspect.signature(hook).parameters.values())
    signature = f"{name}({parameters}) -> {inspect.signature(hook).return_annotation}\n"
    assert any(block.text == signature for block in blocks), f"docs/hooks.md has no block {signature!r}"
    example = any(block.language == "python" and f"def {name}(" in block.text for block in blocks)
    assert example, f"docs/hooks.md has no example of {name}"


def test_every_command_has_words_and_an_example(pages, commands):
    for name, command in commands.commands().items():
        check_command(name, command, pages["reference/commands.md"])


def test_every_example_of_a_command_is_one(pages):
    """What --help shows can be given: the parser takes it."""
    blocks = [block for block in parsed("--help", pages["reference/commands.md"]) if block.language == "bash"]
    found = [command for block in blocks for command in in_block(block, {}) if command.program == "rewriter"]
    assert len(found) > 15
    for command in found:
        accept(command.words[1:])


def test_every_option_has_words(pages, commands):
    for name, command in commands.commands().items():
        for parameter in commands.parameters(command):
            check_parameter(name, parameter, pages["reference/commands.md"], commands)


def test_every_pass_has_words_and_examples(pages, builtin_passes):
    assert len(builtin_passes) > 15
    for item in builtin_passes:
        check_pass(item, pages["reference/passes.md"])


def test_every_weight_pass_has_words_and_examples(pages):
    found = [item for owner, item in plugins.load().weight_passes() if owner == "builtin"]
    assert found
    for item in found:
        told = section(pages["reference/weight-passes.md"], f"## {item.name}")
        assert item.summary in told
        assert len(item.summary.split()) >= WORDS, f"{item.name} has no docstring"
        assert item.examples, f"{item.name} has no examples"
        assert all(f"*{example.title}*" in told for example in item.examples)


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_has_its_signature_and_an_example(name):
    check_hook(name, HOOKS[name], text_of("docs/hooks.md"))


def test_every_setting_has_words(pages):
    for field in dataclasses.fields(Settings):
        key = field.name.replace("_", "-")
        (row,) = re.findall(rf"^\| `{key}` \|.*$", pages["reference/settings.md"], re.MULTILINE)
        assert row.split("|")[-2].strip(), f"[tool.rewriter] {key} has no words"


def test_every_row_of_the_api_table_is_there(pages):
    from rewriter_passes.mint import table

    text = pages["reference/apis.md"]
    for name, row in table.load().rows.items():
        assert f"| `{name}{row.signature}` | `{row.to}` |" in text
    for name, refusal in table.load().refusals.items():
        assert f"| `{name}` | {refusal.why} |" in text


def test_every_field_of_a_verdict_is_there(pages):
    text = pages["reference/verdict.md"]
    schema = json.loads((ROOT / "docs" / "verdict.schema.json").read_text(encoding="utf-8"))
    for heading, one in {"Verdict": schema, **schema["$defs"]}.items():
        told = section(text, f"## {heading}")
        assert all(f"| `{name}` |" in told for name in one.get("properties", {}))


def test_every_example_is_there(pages):
    text = pages["reference/examples.md"]
    for path in (ROOT / "examples").rglob("*.py"):
        assert path.read_text(encoding="utf-8").rstrip() in section(text, f"## {path.relative_to(ROOT / 'examples')}")


class Silent(Pass):
    name = "silent"
    safety = Safety.EXACT
    examples = (Example("a title", before="x = 1\n", after="x = 2\n"),)

    def rewrite(self, context):
        return context.tree


def test_what_is_undocumented_is_found(pages, commands):
    """The twins: one of each kind without words, or not in the page."""
    option = SimpleNamespace(help="", opts=["--silent"], secondary_opts=[], is_flag=True, param_type_name="option")
    with pytest.raises(AssertionError, match="not on the page"):
        check_parameter("apply", option, pages["reference/commands.md"], commands)
    with pytest.raises(AssertionError, match="no help"):
        check_parameter("apply", option, "## rewriter apply\n\n| `--silent` | | |\n", commands)
    with pytest.raises(AssertionError, match="nothing of itself"):
        check_command("silent", SimpleNamespace(help=""), "## rewriter silent\n")
    with pytest.raises(AssertionError, match="no heading"):
        check_pass(Silent(), pages["reference/passes.md"])
    with pytest.raises(AssertionError, match="no twin"):
        Silent.__doc__ = "Says what it does."
        check_pass(Silent(), "## silent\n\nSays what it does.\n\n*a title*\n")


@pytest.mark.parametrize("part", ["rewriter_dialects() -> ", "def rewriter_dialects("])
def test_a_hook_without_its_line_is_found(part):
    """The twin: the page without the signature, and without the example."""
    text = text_of("docs/hooks.md")
    assert part in text
    with pytest.raises(AssertionError, match="rewriter_dialects"):
        check_hook("rewriter_dialects", HOOKS["rewriter_dialects"], text.replace(part, "x"))
