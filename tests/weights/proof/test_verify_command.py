"""`rewriter verify` for two checkpoints: exit codes, the report, JSON, bad input; MindSpore is not loaded."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from growing import bert, gpt2
from rewriter_passes.weights.aki import Aki
from rewriter_passes.weights.fpi import Fpi
from safetensors.numpy import load_file, save_file

from rewriter import cli as command_line
from rewriter.weights.checkpoint import open_checkpoint
from rewriter.weights.expand import Options, make_plan, write
from rewriter.weights.passes import WeightPass

Verify = Callable[..., tuple[int, str, str]]
Saved = Callable[..., Path]


@pytest.fixture
def verify(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Verify:
    """Run the command; returns its exit code and what it printed."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["rewriter", "verify", *map(str, arguments)])
        capsys.readouterr()
        code = 0
        try:
            command_line.main()
        except SystemExit as end:
            code = int(end.code or 0)
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return code, printed.out, printed.err

    return run


def expanded(source: Path, out: Path, width: WeightPass, **changes: Any) -> Path:
    with open_checkpoint(source) as small:
        write(make_plan(small.view, {**small.view.config, **changes}, width), small, out, Options(small.spelling))
    return out


@pytest.fixture(scope="module")
def pair(saved: Saved, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A BERT, and one of twice the width."""
    folder = tmp_path_factory.mktemp("pair")
    source = saved(bert("pooler", "mlm", dtype="float32"), folder / "small")
    return source, expanded(source, folder / "large", Fpi(), hidden_size=48, num_attention_heads=4)


def test_the_same_function_is_equivalent(pair: tuple[Path, Path], verify: Verify) -> None:
    code, out, _ = verify(*pair)
    assert code == 0
    assert out.splitlines()[-1].startswith("equivalent")
    row = next(line for line in out.splitlines() if line.startswith("prediction_logits"))
    assert "own noise" in out.splitlines()[0] and "1.0e-05" in row


def test_another_function_is_different(pair: tuple[Path, Path], verify: Verify, tmp_path: Path) -> None:
    """One element of one bias is another one."""
    wrong = shutil.copytree(pair[1], tmp_path / "wrong")
    tensors = load_file(wrong / "model.safetensors")
    name = next(key for key in tensors if key.endswith("layer.1.output.dense.bias"))
    tensors[name][5] += 0.01
    save_file(tensors, wrong / "model.safetensors")
    code, out, _ = verify(pair[0], wrong)
    assert code == 1
    assert out.splitlines()[-1].startswith("different") and "last_hidden_state is furthest off in mask=" in out
    assert "the larger checkpoint was changed after" in out and "the smaller checkpoint is not" not in out


def test_another_source_is_told(pair: tuple[Path, Path], verify: Verify, saved: Saved, tmp_path: Path) -> None:
    other = saved(bert("pooler", "mlm", dtype="float32", seed=1), tmp_path / "other")
    code, out, _ = verify(other, pair[1], "--case", "mask=none/batch=1/seq=1")
    assert code == 1
    assert "the smaller checkpoint is not the one" in out and "was changed after" not in out


def test_a_method_that_is_not_exact_is_told_with_its_drift(
    pair: tuple[Path, Path], verify: Verify, tmp_path: Path
) -> None:
    out = expanded(pair[0], tmp_path / "aki", Aki(), hidden_size=48, num_attention_heads=6)
    code, text, _ = verify(pair[0], out, "--json")
    (verdict,) = json.loads(text)["expansions"]
    assert code == 1 and verdict["status"] == "different" and not verdict["claimed"]
    assert all(item["drift"]["float64"] > 0.01 for item in verdict["outputs"] if item["output"] == "last_hidden_state")
    assert "aki does not preserve the function" in verify(pair[0], out)[1]


def test_json_has_every_figure(pair: tuple[Path, Path], verify: Verify) -> None:
    code, text, _ = verify(*pair, "--json", "--case", "mask=holed*", "--seed", "3")
    document = json.loads(text)
    (verdict,) = document["expansions"]
    assert code == document["exit_code"] == 0
    assert (verdict["status"], verdict["cases"], verdict["seed"], verdict["stored"]) == ("equivalent", 1, 3, "float32")
    for item in verdict["outputs"]:
        assert set(item["drift"]) == set(item["allowed"]) == {"float64", "float32"}
        assert item["noise"] < 1e-5 and item["elements"] > 0


def test_files_are_taken_as_well_as_folders(pair: tuple[Path, Path], verify: Verify, tmp_path: Path) -> None:
    one = ("--case", "mask=none/batch=1/seq=1")
    assert verify(*(folder / "model.safetensors" for folder in pair), *one)[0] == 0
    alone = expanded(pair[0], tmp_path / "alone.safetensors", Fpi(), hidden_size=48, num_attention_heads=6)
    assert verify(pair[0], alone, *one)[0] == 0


@pytest.mark.slow
def test_mindspore_s_own_format_is_read(pair: tuple[Path, Path], verify: Verify, tmp_path: Path) -> None:
    out = expanded(pair[0], tmp_path / "large.ckpt", Fpi(), hidden_size=48, num_attention_heads=4)
    assert verify(pair[0], out, "--case", "mask=none/batch=1/seq=1")[0] == 0


def test_two_of_one_shape_need_no_record(pair: tuple[Path, Path], verify: Verify, tmp_path: Path) -> None:
    same = shutil.copytree(pair[0], tmp_path / "same")
    code, out, _ = verify(pair[0], same, "--case", "mask=ones*")
    assert code == 0 and out.splitlines()[-1].startswith("identical")


def test_cases_are_listed(saved: Saved, verify: Verify, tmp_path: Path) -> None:
    source = saved(gpt2(dtype="float32"), tmp_path / "small")
    code, out, _ = verify(source, source, "--list-cases")
    assert code == 0
    assert {"mask=none/batch=3/seq=7", "mask=left-padded/batch=3/seq=7/cached"} < set(out.split())


def test_bad_input_is_one_line(pair: tuple[Path, Path], verify: Verify, tmp_path: Path) -> None:
    bare = shutil.copytree(pair[1], tmp_path / "bare")
    (bare / "expansion.json").unlink()
    damaged = shutil.copytree(pair[1], tmp_path / "damaged")
    record = json.loads((damaged / "expansion.json").read_text(encoding="utf-8"))
    record["relations"]["heads"] = [0, 1, 2, 7]
    (damaged / "expansion.json").write_text(json.dumps(record), encoding="utf-8")
    partly = shutil.copytree(pair[1], tmp_path / "partly")
    (partly / "expansion.json").write_text('{"format": 1}', encoding="utf-8")
    for arguments, words in (
        ((pair[0], bare), "expansion.json: no such file"),
        ((pair[0], damaged), "is of other models than these two"),
        ((pair[0], partly), "is damaged"),
        ((pair[0], tmp_path / "nothing.safetensors"), "no such checkpoint"),
        ((*pair, "--case", "mask=odd"), "no case is called mask=odd"),
        ((*pair, "--html", "page.html"), "--html is for modeling files"),
    ):
        code, out, err = verify(*arguments)
        assert (code, out) == (2, "")
        assert words in err.splitlines()[0]


def test_it_loads_no_mindspore(pair: tuple[Path, Path]) -> None:
    program = (
        "import sys\nfrom rewriter import cli\n"
        f"sys.argv = ['rewriter', 'verify', {str(pair[0])!r}, {str(pair[1])!r}, '--case', 'mask=none/batch=1/seq=1']\n"
        "try:\n    cli.main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "assert not {'mindspore', 'mindnlp', 'torch'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
