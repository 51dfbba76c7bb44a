"""`rewriter run`: what a script sees, and how it ends; then BERT, unmodified."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sampling import slow_but

from rewriter.equivalence.statistics import Status, compare_arrays
from rewriter.errors import RewriterError
from rewriter.runtime import hook, mindnlp_compat, script

ROOT = Path(__file__).resolve().parents[2]
REWRITER = Path(sys.executable).with_name("rewriter")

BERT = """\
import numpy as np
import mindspore
from {package} import modeling_bert

np.random.seed(0)
config = modeling_bert.BertConfig(
    vocab_size=50, hidden_size=32, num_hidden_layers=1, num_attention_heads=4, intermediate_size=64
)
model = modeling_bert.BertModel(config)
model.set_train(False)
{parameters}
for parameter in parameters:
    value = mindspore.Tensor(np.random.randn(*parameter.shape) * 0.1, mindspore.float32)
    mindspore.ops.assign(parameter, value)
ids = mindspore.Tensor(np.arange(1, 11).reshape(2, 5), mindspore.int64)
mask = mindspore.Tensor([[1, 1, 1, 1, 1], [0, 0, 1, 1, 1]], mindspore.int64)
model(ids, attention_mask=mask)  # A first call of a kind runs as plain Python, to learn what it returns.
output = model(ids, attention_mask=mask)
print("numbers", output[0].asnumpy().tobytes().hex(), output[1].asnumpy().tobytes().hex())
graphs = vars(model).get("_graphs")
print("graphs", graphs is not None and len(graphs) > 0 and graphs.refused == "")
"""


def run(path: Path, *arguments: str, module: str = "idle", cwd: Path | None = None) -> subprocess.CompletedProcess:
    """Run a script through the command line; the default module is one that it does not import."""
    command = [str(REWRITER), "run", "--module", module, str(path), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=180, cwd=cwd)


def python(path: Path, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, str(path), *arguments], capture_output=True, text=True, timeout=180, cwd=cwd)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def idle(tmp_path) -> None:
    """Put a package beside the scripts, for `run`."""
    (tmp_path / "idle").mkdir()
    (tmp_path / "idle" / "modeling_idle.py").touch()


def test_a_script_finds_what_python_gives_it(tmp_path):
    probe = write(
        tmp_path / "probe.py",
        "import atexit, json, sys\nimport neighbour\n"
        "class Here: pass\n"
        "print(json.dumps([__name__, __file__, sys.argv, sys.path[0], __package__, __spec__, __doc__,\n"
        "    sys.modules['__main__'].Here is Here, neighbour.NAME, sorted(vars())]))\n"
        "atexit.register(lambda: print(sys.modules['__main__'].Here is Here))\n",
    )
    write(tmp_path / "neighbour.py", "NAME = __name__\n")
    arguments = ["--module", "x", "-v", "file.txt", "--", "-h"]
    for script_name in ("probe.py", str(probe)):
        expected = python(Path(script_name), *arguments, cwd=tmp_path)
        actual = run(Path(script_name), *arguments, cwd=tmp_path)
        assert actual.stdout == expected.stdout != "", actual.stderr
        assert actual.returncode == expected.returncode == 0
    assert json.loads(actual.stdout.splitlines()[0])[0] == "__main__"


@pytest.mark.parametrize(
    "ending",
    slow_but(
        [
            "sys.exit(7)",
            "sys.exit('a message')",
            "sys.exit()",
            "def inner():\n    raise ValueError('mine')\ninner()",
            "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise KeyError('two') from error",
            "input()",
            "raise OSError(32, 'pipe')",
            "this is no python",
            "sys.excepthook = lambda *three: print('hooked', three[0].__name__)\nraise TypeError",
        ],
        "sys.exit(7)",
        "def inner():\n    raise ValueError('mine')\ninner()",
        "input()",
        "this is no python",
    ),
    ids=["code", "message", "none", "exception", "chained", "end of input", "broken pipe", "syntax error", "own hook"],
)
def test_a_script_ends_as_under_python(tmp_path, ending):
    path = write(tmp_path / "ends.py", f"import sys\nprint('started')\n{ending}\n")
    expected = python(path)
    actual = run(path)
    assert actual.returncode == expected.returncode
    assert actual.stdout == expected.stdout
    assert [line for line in actual.stderr.splitlines() if not line.startswith("rewriter: ")] == (
        expected.stderr.splitlines()
    )


def test_an_error_of_ours_inside_a_script_is_the_scripts(tmp_path):
    path = write(tmp_path / "ours.py", "import rewriter\nrewriter.install(['no_such_package'])\n")
    done = run(path)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert "no such module or package" in done.stderr


@pytest.mark.parametrize(
    ("name", "module", "message"),
    [
        ("absent.py", "idle", "absent.py: cannot be run (No such file or directory)"),
        (".", "idle", ".: cannot be run (Is a directory)"),
        ("there.py", "no_such_package", "no_such_package: no such module or package"),
    ],
)
def test_a_users_mistake_is_a_message(tmp_path, name, module, message):
    write(tmp_path / "there.py", "print('ran')\n")
    done = run(Path(name), module=module, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert "ran" not in done.stdout


def test_a_missing_script_raises_before_anything_is_changed():
    argv, path, finders = list(sys.argv), list(sys.path), list(sys.meta_path)
    with pytest.raises(RewriterError, match="cannot be run"):
        script.run("absent.py", ["x"], ["idle"])
    assert (sys.argv, sys.path, sys.meta_path) == (argv, path, finders)


def test_it_says_when_nothing_was_rewritten(tmp_path):
    done = run(write(tmp_path / "ends.py", "print('ran')\n"))
    assert done.stdout == "ran\n"
    assert done.stderr == "rewriter: the script imported nothing rewritten of idle\n"


def expected_numbers(path: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Run a script in this process, where nothing is hooked."""
    assert not any(isinstance(finder, hook.RewritingFinder) for finder in sys.meta_path)
    capsys.readouterr()
    runpy.run_path(str(path))
    return lines_of(capsys.readouterr().out)


def lines_of(output: str) -> list[str]:
    """Return what the script printed, without what libraries print."""
    return [line for line in output.splitlines() if line.partition(" ")[0] in ("numbers", "graphs")]


def numbers_of(line: str) -> np.ndarray:
    """Return the numbers that a line holds as the bytes of float32."""
    return np.frombuffer(bytes.fromhex("".join(line.split()[1:])), np.float32)


@pytest.mark.slow
def test_bert_prints_the_same_numbers_compiled(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("GLOG_v", "3")
    text = BERT.format(package="models.bert", parameters="parameters = model.get_parameters()")
    path = write(tmp_path / "bert.py", text)
    done = run(path, module="models.bert")
    actual, expected = lines_of(done.stdout), expected_numbers(path, capsys)
    assert actual[1:] == ["graphs True"], done.stderr
    assert expected[1:] == ["graphs False"]
    assert actual[0] == expected[0]
    assert "nothing rewritten" not in done.stderr


@pytest.mark.slow
def test_mindnlp_bert_prints_the_same_numbers_compiled(tmp_path, monkeypatch, capsys):
    """mindnlp needs its patches, which the hook sees to: the script knows nothing of them.

    Its linear layers add in another order than the products in their place on some CPUs (AVX-512).
    """
    monkeypatch.setenv("GLOG_v", "3")
    text = BERT.format(package="mindnlp.transformers.models.bert", parameters="parameters = model.parameters()")
    path = write(tmp_path / "bert.py", text)
    done = run(path, module="mindnlp.transformers.models.bert")
    mindnlp_compat.apply()
    actual, expected = lines_of(done.stdout), expected_numbers(path, capsys)
    assert actual[1:] == ["graphs True"], done.stderr
    assert expected[1:] == ["graphs False"]
    one, other = (numbers_of(lines[0]) for lines in (expected, actual))
    assert compare_arrays(one, other, path="numbers").status in (Status.IDENTICAL, Status.EQUIVALENT)
