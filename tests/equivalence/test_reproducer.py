"""A failing case as a folder: it shows the difference, from anywhere, until the fault is mended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rewriter.equivalence import list_cases, reproducer, verify
from rewriter.equivalence.statistics import Status
from rewriter.equivalence.verdict import Verdict
from rewriter.errors import RewriterError

pytestmark = pytest.mark.slow  # many small models, most of them compiled

ROOT = Path(__file__).resolve().parents[2]
PLAIN = "BertModel/mask=none/batch=3/seq=5"
CACHE = "BertLMHeadModel/decoder/mask=left-padded/batch=3/seq=2/past=3/cache=1"
RELOAD = "BertModel/weights-after-first-call/mask=left-padded/batch=3/seq=5"
REFUSED = "BertModel/mask=none/batch=3/seq=5/wrong=ids-and-embeds"
SCALE = "attention_scores / math.sqrt(self.attention_head_size)"
WRONG = f"{SCALE} * 1.01"


@pytest.fixture(scope="module")
def twin(plain_text, tmp_path_factory) -> Path:
    assert SCALE in plain_text
    path = tmp_path_factory.mktemp("twin") / "modeling_bert_twin.py"
    path.write_text(plain_text.replace(SCALE, WRONG), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def verdict(bert, twin) -> Verdict:
    return verify(bert, twin, cases=[PLAIN, CACHE, RELOAD])


def mend(folder: Path) -> None:
    path = folder / "rewritten.py"
    path.write_text(path.read_text(encoding="utf-8").replace(WRONG, SCALE), encoding="utf-8")


def reproduce(folder: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("MS_ALLOC_CONF", None)  # another test's mindnlp sets it, and MindSpore then prints a line
    return subprocess.run(
        [sys.executable, str(folder / "reproduce.py")],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_the_script_shows_the_difference_from_anywhere(verdict, tmp_path):
    folder = reproducer.write(verdict, PLAIN, tmp_path / "failures" / "plain")
    run = reproduce(folder, tmp_path)
    (case,) = (case for case in verdict.cases if case.id == PLAIN)
    worst = next(item for item in case.modes[0].differences if item.path == "last_hidden_state").absolute.maximum
    assert f"eager last_hidden_state: max absolute difference {worst:g}" in run.stdout, run.stderr
    assert "eager pooler_output: max absolute difference" in run.stdout
    assert run.returncode == 1


@pytest.mark.slow  # the test of stories below does the same in this process
@pytest.mark.parametrize("case", [PLAIN, RELOAD])
def test_the_script_sees_no_difference_when_the_fault_is_mended(case, verdict, tmp_path):
    folder = reproducer.write(verdict, case, tmp_path / "one")
    assert reproduce(folder, tmp_path).returncode == 1
    mend(folder)
    run = reproduce(folder, tmp_path)
    assert run.stdout == "identical\n", run.stderr
    assert run.returncode == 0


def test_what_the_folder_holds(bert, twin, verdict, tmp_path):
    folder = reproducer.write(verdict, CACHE, tmp_path / "cache")
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json",
        "inputs.npz",
        "original.py",
        "reproduce.py",
        "rewritten.py",
        "weights.npz",
    ]
    assert (folder / "original.py").read_bytes() == bert.read_bytes()
    assert (folder / "rewritten.py").read_bytes() == twin.read_bytes()
    inputs = dict(np.load(folder / "inputs.npz"))
    assert inputs["past_key_values.0.1"].shape == (3, 4, 3, 8)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert (config["case"]["id"], config["case"]["model"], config["seed"]) == (CACHE, "BertLMHeadModel", 0)
    assert config["case"]["flags"] == {"use_cache": True}
    assert config["case"]["settings"]["is_decoder"] is True
    assert config["configuration"]["hidden_size"] == 32
    script = (folder / "reproduce.py").read_text(encoding="utf-8")
    compile(script, "reproduce.py", "exec")
    assert CACHE in script
    assert len(script.splitlines()) <= 24
    assert "member of the package" in script  # the bundled BERT lies in one


def test_the_recorded_arrays_are_what_the_models_get(verdict, tmp_path):
    """Not those that the seed would give again: a reproducer outlives a change of how they are drawn."""
    folder = reproducer.write(verdict, CACHE, tmp_path / "cache")
    before = reproducer.read(folder).call()
    assert before.status is Status.DIFFERENT
    weights = dict(np.load(folder / "weights.npz"))
    np.savez(folder / "weights.npz", **{key: np.zeros_like(value) for key, value in weights.items()})
    assert reproducer.holds(reproducer.read(folder).call())  # with all weights 0 no scale shows
    recorded = reproducer.read(folder).case
    assert isinstance(recorded.inputs["past_key_values"][0], tuple)


@pytest.mark.parametrize("case", [PLAIN, RELOAD])
def test_a_plain_call_and_a_story_fail_and_are_mended(case, verdict, tmp_path):
    folder = reproducer.write(verdict, case, tmp_path / "one")
    replay = "call" if case == PLAIN else "verify"
    assert f".{replay}()" in (folder / "reproduce.py").read_text(encoding="utf-8")
    result = getattr(reproducer.read(folder), replay)()
    assert not reproducer.holds(result)
    assert {output.path for _, output in reproducer.outputs(result)} == {"last_hidden_state", "pooler_output"}
    mend(folder)
    result = getattr(reproducer.read(folder), replay)()
    assert reproducer.holds(result), result
    assert reproducer.outputs(result) == []


def test_an_error_in_the_place_of_an_answer_is_reproduced(bert, plain_text, broken, tmp_path):
    place = 'raise ValueError("give either input_ids or inputs_embeds, not both")'
    verdict = verify(bert, broken(plain_text, (place, 'raise TypeError("one of them")')), cases=[REFUSED])
    result = reproducer.read(reproducer.write(verdict, REFUSED, tmp_path / "one")).call()
    (mode,) = [mode for mode, _ in reproducer.outputs(result)]
    assert mode == "eager"
    assert "raises ValueError" in reproducer.outputs(result)[0][1].message


@pytest.mark.slow
def test_every_kind_of_case_comes_out_as_in_the_verdict(bert, twin, tmp_path):
    """To the bit: each scenario, in each dtype, with and without something done to the models before."""
    kinds = {}
    for case in list_cases(bert, level="full"):
        kinds.setdefault((case.scenario, case.dtype, bool(case.action)), case.id)
    verdict = verify(bert, twin, cases=list(kinds.values()))
    for case in verdict.cases:
        folder = reproducer.write(verdict, case.id, tmp_path / reproducer.folder_name(case.id))
        replay = "call" if ".call()" in (folder / "reproduce.py").read_text(encoding="utf-8") else "verify"
        result = getattr(reproducer.read(folder), replay)()
        assert result.status is case.status, case.id
        uneven = [
            [(mode, item.path, item.absolute) for mode, item in reproducer.outputs(one)] for one in (case, result)
        ]
        assert uneven[0] == uneven[1], case.id
    assert len(verdict.failing) > 3


@pytest.mark.slow
def test_a_method_that_runs_uncompiled_is_reproduced(bert, compiled_text, broken, tmp_path):
    """The answers are right; what breaks the promise is that STRICT refuses a `try`."""
    marker = '"""The part of `construct` that only computes on tensors."""\n'
    refused = "        try:\n            pass\n        except KeyError:\n            pass\n"
    verdict = verify(bert, broken(compiled_text, (marker, marker + refused)), cases=[PLAIN])
    assert [case.id for case in verdict.failing] == [PLAIN]
    folder = reproducer.write(verdict, PLAIN, tmp_path / "one")
    result = reproducer.read(folder).call()
    assert result.status in (Status.IDENTICAL, Status.EQUIVALENT)
    assert not reproducer.holds(result)
    assert "_construct_flat ran uncompiled" in reproducer.reasons(result)[0]
    path = folder / "rewritten.py"
    path.write_text(path.read_text(encoding="utf-8").replace(refused, ""), encoding="utf-8")
    assert reproducer.holds(reproducer.read(folder).call())


def test_a_file_outside_any_package_needs_none(bert, tmp_path):
    """The bundled BERT with absolute imports, in a folder without `__init__.py`."""
    text = bert.read_text(encoding="utf-8").replace("from ..common", "from models.common")
    text = text.replace("from .configuration_bert", "from models.bert.configuration_bert")
    original, twin = tmp_path / "modeling_alone.py", tmp_path / "modeling_twin.py"
    original.write_text(text, encoding="utf-8")
    twin.write_text(text.replace("math.sqrt(self.attention_head_size)", "2.9"), encoding="utf-8")
    folder = reproducer.write(verify(original, twin, cases=[PLAIN]), PLAIN, tmp_path / "one")
    original.unlink()
    twin.unlink()
    assert reproducer.read(folder).beside == {"original.py": "", "rewritten.py": ""}
    assert not reproducer.holds(reproducer.read(folder).call())


class TestFolders:
    def test_an_older_reproducer_is_replaced_as_a_whole(self, verdict, tmp_path):
        folder = reproducer.write(verdict, PLAIN, tmp_path / "one")
        (folder / "notes.txt").touch()
        reproducer.write(verdict, CACHE, folder)
        assert not (folder / "notes.txt").exists()
        assert reproducer.read(folder).case.id == CACHE
        assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []

    def test_what_is_something_else_stays(self, verdict, tmp_path):
        folder = tmp_path / "mine"
        folder.mkdir()
        (folder / "thesis.txt").write_text("years of work", encoding="utf-8")
        with pytest.raises(RewriterError, match="no reproducer"):
            reproducer.write(verdict, PLAIN, folder)
        assert (folder / "thesis.txt").read_text(encoding="utf-8") == "years of work"
        link = tmp_path / "link"
        link.symlink_to(reproducer.write(verdict, PLAIN, tmp_path / "one"))
        with pytest.raises(RewriterError, match="no reproducer"):
            reproducer.write(verdict, PLAIN, link)

    def test_a_write_that_fails_leaves_what_was_there(self, verdict, tmp_path, monkeypatch):
        folder = reproducer.write(verdict, PLAIN, tmp_path / "one")

        def full(*arguments, **arrays):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(reproducer.np, "savez", full)
        with pytest.raises(RewriterError, match="No space left"):
            reproducer.write(verdict, CACHE, folder)
        with pytest.raises(RewriterError, match="No space left"):
            reproducer.write(verdict, CACHE, tmp_path / "two")
        assert reproducer.read(folder).case.id == PLAIN
        assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {"one"}

    def test_a_last_step_that_fails_brings_the_older_one_back(self, verdict, tmp_path, monkeypatch):
        folder = reproducer.write(verdict, PLAIN, tmp_path / "one")
        rename, targets = Path.rename, []

        def once(self, target):
            targets.append(target)
            if len(targets) == 2:  # the new one into place; the older is out of the way already
                raise OSError(5, "Input/output error")
            return rename(self, target)

        monkeypatch.setattr(Path, "rename", once)
        with pytest.raises(RewriterError, match="Input/output"):
            reproducer.write(verdict, CACHE, folder)
        assert reproducer.read(folder).case.id == PLAIN
        assert [path.name for path in tmp_path.iterdir()] == ["one"]

    def test_a_folder_that_cannot_be_made(self, verdict, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(RewriterError, match="cannot be written"):
            reproducer.write(verdict, PLAIN, tmp_path / "file" / "one")

    def test_no_such_case_and_no_such_folder(self, verdict, tmp_path):
        with pytest.raises(RewriterError, match="no case BertModel/nothing"):
            reproducer.write(verdict, "BertModel/nothing", tmp_path / "one")
        with pytest.raises(RewriterError, match="no reproducer"):
            reproducer.read(tmp_path)

    def test_the_worst_get_one_each_and_what_fails_is_told(self, verdict, tmp_path, monkeypatch):
        monkeypatch.setattr(reproducer, "MOST", 2)
        (tmp_path / reproducer.folder_name(verdict.failing[0].id)).mkdir()
        (first, error), (second, folder) = reproducer.write_worst(verdict, tmp_path)
        assert [first, second] == [case.id for case in verdict.failing[:2]]
        assert isinstance(error, RewriterError)
        assert reproducer.read(folder).case.id == second

    @pytest.mark.parametrize("case", ["M/mask=none/x[0]", "M/" + "a" * 300, "../../etc", ".hidden", "M/é :*?"])
    def test_names_are_names(self, case):
        name = reproducer.folder_name(case)
        assert "/" not in name
        assert not name.startswith(".")
        assert 0 < len(name.encode()) < 255

    def test_long_names_differ(self):
        assert reproducer.folder_name("a" * 300) != reproducer.folder_name("a" * 301)


def test_arrays_in_tuples_come_back_as_they_were():
    values = {"a": np.ones(2), "b": tuple((np.full(1, n), None) for n in range(11)), "c": 3}
    back = reproducer._nested(reproducer._flat(values))
    assert [item[0][0] for item in back["b"]] == list(range(11))  # by number, not by the text of it
    assert back["c"] == 3
    assert back["b"][0][1] is None
