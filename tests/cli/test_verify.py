"""`rewriter verify`, and `apply --verify`: what they pass on, print and exit with. The proof has tests of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import rewriter.equivalence as equivalence
from rewriter.equivalence.cases import Case
from rewriter.equivalence.statistics import OutputDifference, Status
from rewriter.equivalence.verdict import CaseResult, MethodRuns, ModeResult, Verdict
from rewriter.errors import RewriterError

ROOT = Path(__file__).resolve().parents[2]
BERT = ROOT / "models" / "bert" / "modeling_bert.py"
CASE = "BertModel/mask=none/batch=3/seq=5"

SAME = CaseResult("A/x", "A", (ModeResult("eager", (OutputDifference("[0]", "value", Status.IDENTICAL),)),))
VERDICTS = {
    "good": Verdict("a.py", "b.py", "quick", 0, cases=(SAME,)),
    "different": Verdict("a.py", "b.py", "quick", 0, cases=(SAME,), problems=("A: no weight 'w'",)),
    "unverified": Verdict("a.py", "b.py", "quick", 0, cases=(SAME,), unchecked={"B": "it cannot be built"}),
    "uncompiled": Verdict("a.py", "b.py", "quick", 0, cases=(SAME,), methods=(MethodRuns("A.f", 3, (("why", 1),)),)),
}
GOOD, DIFFERENT = VERDICTS["good"], VERDICTS["different"]


@pytest.fixture
def proof(monkeypatch):
    """Give verdicts without running models, and see what was asked for."""
    calls = []

    def answer(verdict):
        def verify(original, rewritten, **options):
            options.pop("progress")("A/x", 1, 2)
            calls.append(((original, rewritten), options))
            return verdict

        monkeypatch.setattr(equivalence, "verify", verify)
        return calls

    return answer


@pytest.mark.parametrize("name", VERDICTS)
def test_the_exit_code_is_the_verdict(cli, proof, name):
    verdict = VERDICTS[name]
    proof(verdict)
    run = cli("verify", "a.py", "b.py")
    assert run.code == (0 if name == "good" else 1)
    assert verdict.status.value in run.out
    assert all(problem in run.out for problem in verdict.problems)


def test_the_document(cli, proof):
    proof(DIFFERENT)
    run = cli("verify", "a.py", "b.py", "--json")
    document = json.loads(run.out)
    assert document["verdicts"] == [DIFFERENT.to_json()]
    assert run.code == document["exit_code"] == 1


def test_the_options_arrive(cli, proof):
    calls = proof(GOOD)
    cli("verify", "a.py", "b.py")
    cli("verify", "a.py", "b.py", "--full", "--seed", "3", "--tolerance", "1e-3", "--case", "A/x", "--case", "B/*")
    (files, first), (_, second) = calls
    assert files == ("a.py", "b.py")
    assert (first["level"], first["seed"], first["tolerance"], first["cases"]) == ("quick", 0, None, None)
    assert (second["level"], second["seed"], second["tolerance"]) == ("full", 3, 0.001)
    assert second["cases"] == ["A/x", "B/*"]


ADAPTER = """\
from rewriter import hookimpl


@hookimpl
def rewriter_model_adapters():
    return ["an adapter"]
"""


def test_a_plugin_s_adapters_are_asked(cli, proof, toy, workplace, monkeypatch):
    (workplace / "mine.py").write_text(ADAPTER, encoding="utf-8")
    calls = proof(GOOD)
    assert cli("verify", "a.py", "b.py", "--plugin", "mine.py").code == 0
    assert cli("apply", toy, "--verify", "--plugin", "mine.py").code == 0
    assert [options["adapters"] for _, options in calls] == [("an adapter",), ("an adapter",)]
    listed = []
    monkeypatch.setattr(equivalence, "list_cases", lambda *arguments, **options: listed.append(options) or [])
    assert cli("verify", "a.py", "b.py", "--list-cases", "--plugin", "mine.py").code == 0
    assert listed[0]["adapters"] == ("an adapter",)


def uneven(name: str, excess: float) -> CaseResult:
    item = OutputDifference("[0]", "value", Status.DIFFERENT, "off", excess=excess)
    return CaseResult(name, "A", (ModeResult("eager", (item,)),))


FAILED = Verdict("a/modeling_a.py", "b.py", "quick", 0, cases=(SAME, *(uneven(f"A/{n}", n) for n in range(5))))


class TestReproducers:
    """Of failing cases, and where they go. That they reproduce anything has tests of its own."""

    @pytest.fixture
    def written(self, monkeypatch):
        from rewriter.equivalence import reproducer

        calls = []

        def write(verdict, case, folder, **options):
            calls.append((case, str(folder), options))
            if case == "A/3":
                raise RewriterError("the disk is full")
            return folder

        monkeypatch.setattr(reproducer, "write", write)
        return calls

    def test_the_worst_three_get_one(self, cli, proof, written):
        proof(FAILED)
        run = cli("verify", "a/modeling_a.py", "b.py", "--json")
        assert run.code == 1
        assert [case for case, _, _ in written] == ["A/4", "A/3", "A/2"]
        assert json.loads(run.out)["reproducers"] == [
            {"case": "A/4", "folder": "rewriter-failures/modeling_a/A__4", "problem": ""},
            {"case": "A/3", "folder": None, "problem": "the disk is full"},
            {"case": "A/2", "folder": "rewriter-failures/modeling_a/A__2", "problem": ""},
        ]
        run = cli("verify", "a.b.modeling_c", "b.py")
        assert "python rewriter-failures/modeling_c/A__4/reproduce.py" in run.out
        assert "no reproducer of A/3: the disk is full" in run.out

    def test_elsewhere_or_not_at_all(self, cli, proof, written, workplace):
        (workplace / "mine.py").write_text(ADAPTER, encoding="utf-8")
        proof(FAILED)
        run = cli("verify", "a.py", "b.py", "--reproducer", "there", "--plugin", "mine.py")
        assert run.code == 1
        assert [folder for _, folder, _ in written] == ["there/A__4", "there/A__3", "there/A__2"]
        assert written[0][2] == {"adapters": ("an adapter",), "named": ["mine.py"]}
        written.clear()
        assert cli("verify", "a.py", "b.py", "--no-reproducer").code == 1
        assert not written
        run = cli("verify", "a.py", "b.py", "--no-reproducer", "--reproducer", "there")
        assert run.code == 2
        assert "exclude each other" in run.err

    def test_a_good_verdict_needs_none(self, cli, proof, written):
        for name in ("good", "different", "unverified"):  # no case of these is different
            proof(VERDICTS[name])
            cli("verify", "a.py", "b.py")
        assert not written

    def test_a_case_that_cannot_be_written_leaves_the_verdict(self, cli, proof):
        proof(FAILED)  # there are no such files
        run = cli("verify", "a/modeling_a.py", "b.py")
        assert run.code == 1
        assert "no reproducer of A/4: a/modeling_a.py" in run.out.replace(str(Path.cwd()) + "/", "")


def test_a_page_that_cannot_be_written_comes_after_the_verdict(cli, proof, workplace):
    proof(GOOD)
    run = cli("verify", "a.py", "b.py", "--html", str(workplace))
    assert run.code == 2
    assert "identical" in run.out
    assert "--html" in run.err
    assert cli("verify", "a.py", "b.py", "--html", "page.html").code == 0
    assert json.loads(cli("verify", "a.py", "b.py", "--html", "page.html", "--json").out)["pages"] == ["page.html"]


def test_list_cases_runs_none(cli, proof, monkeypatch):
    calls = proof(DIFFERENT)
    case = Case("A/x=1", "A", description="with x")
    monkeypatch.setattr(equivalence, "list_cases", lambda original, **options: [case])
    run = cli("verify", "a.py", "b.py", "--list-cases")
    assert run.code == 0
    assert "A/x=1" in run.out
    assert json.loads(cli("verify", "a.py", "b.py", "--list-cases", "--json").out)["cases"] == [
        {"id": "A/x=1", "model": "A", "description": "with x"}
    ]
    assert not calls


class TestApply:
    """`apply --verify` compares each file with its own result."""

    def test_what_is_compared_is_what_is_written(self, cli, toy, monkeypatch):
        compared = []

        def verify(original, rewritten, **options):
            compared.append((original, Path(rewritten).read_bytes()))
            return GOOD

        monkeypatch.setattr(equivalence, "verify", verify)
        run = cli("apply", toy, "--verify")
        assert run.code == 0
        assert compared == [(str(toy), toy.with_name("modeling_toy_rewritten.py").read_bytes())]
        assert "identical" in run.out

    def test_a_failed_proof_is_the_exit_code(self, cli, toy, workplace, proof):
        proof(DIFFERENT)
        run = cli("apply", toy, "--verify", "--json")
        document = json.loads(run.out)
        assert run.code == document["exit_code"] == 1
        assert document["files"][0]["changed"]
        assert document["verdicts"][0]["ok"] is False

    def test_nothing_written_is_not_compared(self, cli, workplace, proof):
        (workplace / "modeling_idle.py").write_text("import mindspore\n", encoding="utf-8")
        calls = proof(GOOD)
        assert cli("apply", "modeling_idle.py", "--verify").code == 1
        assert not calls

    def test_one_proof_that_cannot_start_does_not_stop_the_others(self, cli, toy, workplace, monkeypatch):
        def verify(original, rewritten, **options):
            if "other" in original:
                raise RewriterError("no adapter knows this file", exit_code=1)
            return GOOD

        (workplace / "modeling_other.py").write_text(toy.read_text(encoding="utf-8"), encoding="utf-8")
        monkeypatch.setattr(equivalence, "verify", verify)
        run = cli("apply", "modeling_other.py", toy, "--verify")
        assert run.code == 1
        assert "adapter" in run.err
        assert "identical" in run.out


class TestFiles:
    """Before MindSpore is even started, or when it cannot be."""

    def test_mindspore_is_missing(self, toy, process, without):
        for command in ("verify", "bench"):
            run = process("-m", "rewriter", command, toy, toy, prelude=without("mindspore"))
            assert run.code == 2
            assert "mindspore is not installed" in run.err
            assert "pip install mindspore" in run.err
            assert "Traceback" not in run.err

    def test_apply_writes_and_then_says_that_it_cannot_verify(self, toy, process, without):
        run = process("-m", "rewriter", "apply", toy, "--verify", prelude=without("mindspore"))
        assert run.code == 2
        assert "pip install mindspore" in run.err
        assert toy.with_name("modeling_toy_rewritten.py").exists()

    @pytest.mark.parametrize("command", ["verify", "bench"])
    @pytest.mark.parametrize(
        ("text", "words"),
        [
            (None, "no such file"),
            ("def f(:\n", "SyntaxError"),
            ("import nothing_of_this_name\n", "nothing_of_this_name"),
        ],
    )
    def test_files_that_cannot_be_loaded(self, cli, workplace, command, text, words):
        path = workplace / "modeling_bad.py"
        if text is not None:
            path.write_text(text, encoding="utf-8")
        run = cli(command, path, path)
        assert run.code == 2
        assert words in run.err
        assert "error:" in run.err

    @pytest.mark.parametrize("command", ["verify", "bench"])
    def test_a_file_without_models(self, cli, workplace, command):
        """It loads, and then there is nothing to do."""
        (workplace / "modeling_idle.py").write_text("x = 1\n", encoding="utf-8")
        run = cli(command, "modeling_idle.py", "modeling_idle.py")
        assert run.code == 1
        assert "no model" in run.err


@pytest.fixture(scope="module")
def twin(tmp_path_factory) -> Path:
    """BERT with its loops rewritten only: nothing to compile, so a case takes no time."""
    from rewriter import rewrite

    path = tmp_path_factory.mktemp("twin") / "modeling_bert_twin.py"
    path.write_text(rewrite(BERT, passes=["module-loops", "imports"]).text, encoding="utf-8")
    return path


class TestForReal:
    def test_equal(self, cli, twin):
        run = cli("verify", BERT, twin, "--case", CASE, "--json")
        document = json.loads(run.out)
        assert run.code == 0
        assert document["verdicts"][0]["status"] == "identical"

    def test_different(self, cli, twin, workplace):
        text = twin.read_text(encoding="utf-8")
        scale = "math.sqrt(self.attention_head_size)"
        assert scale in text
        broken = workplace / "modeling_bert_broken.py"
        broken.write_text(text.replace(scale, f"(1.01 * {scale})"), encoding="utf-8")
        run = cli("verify", BERT, broken, "--case", CASE, "--html", "out/verdict.html", "-v")
        assert run.code == 1
        assert "different" in run.out
        assert "abs p99" in run.out
        (folder,) = (workplace / "rewriter-failures" / "modeling_bert").iterdir()
        assert f"reproduce {CASE}:  python {folder.relative_to(workplace)}/reproduce.py" in run.out
        assert (folder / "rewritten.py").read_bytes() == broken.read_bytes()
        assert "wrote out/verdict.html" in run.out
        html = (workplace / "out" / "verdict.html").read_text(encoding="utf-8")
        assert "last_hidden_state" in html
        assert "1.01 * math.sqrt" in html  # the diff

    def test_a_case_that_there_is_not(self, cli, twin):
        run = cli("verify", BERT, twin, "--case", "BertModel/nothing")
        assert run.code == 2
        assert "BertModel/nothing" in run.err

    def test_a_negative_tolerance(self, cli, twin):
        assert cli("verify", BERT, twin, "--tolerance", "-1").code == 2


def test_buckets_are_passed_on(cli, proof):
    calls = proof(GOOD)
    assert cli("verify", "a.py", "b.py", "--buckets", "4,16,4").code == 0
    assert calls[0][1]["buckets"] == (4, 16)
    assert cli("verify", "a.py", "b.py").code == 0
    assert calls[1][1]["buckets"] == ()


@pytest.mark.parametrize("text", ["0", "4,,8", "many"])
def test_buckets_are_numbers(cli, proof, text):
    calls = proof(GOOD)
    run = cli("verify", "a.py", "b.py", "--buckets", text)
    assert run.code == 2
    assert "numbers from 1 on" in run.err
    assert not calls
