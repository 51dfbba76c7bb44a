"""Measure how many small faults `verify` finds.

    python tests/campaigns/mutation.py --per-operator 6 --jobs 2 -o docs/mutants.csv

rewrites the bundled BERT and CLIP, makes mutants of the results (`operators.py`), and runs `verify` on each: quick, and
full on what survives quick. One line of the CSV per mutant: what it is, which case killed it, or that it survived.
A worker process that a mutant crashes counts as a kill, and is started anew. What was run already is not run again.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, Queue
from typing import Any
from unittest import mock

from operators import Mutant, mutants, spread

from rewriter import rewrite

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
FILES = {name: ROOT / "models" / name / f"modeling_{name}.py" for name in ("bert", "clip")}
EQUIVALENT = Path(__file__).with_name("equivalent.toml")
COLUMNS = ("file", "operator", "where", "line", "before", "after", "quick", "full", "seconds")
KILLED, SURVIVED = "killed", "survived"


def main() -> None:
    """Run the campaign, or be one of its workers."""
    if sys.argv[1:2] == ["--worker"]:
        return work(Path(sys.argv[2]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True, help="the CSV; what is in it is not run again")
    parser.add_argument("--per-operator", type=int, default=6, help="mutants per operator and file")
    parser.add_argument("--jobs", type=int, default=2, help="worker processes")
    parser.add_argument("--quick-only", action="store_true", help="do not run the full matrix on survivors")
    choices = parser.parse_args()
    campaign(choices.output, choices.per_operator, choices.jobs, full=not choices.quick_only)
    return None


def campaign(output: Path, per_operator: int, jobs: int, *, full: bool) -> None:
    """Run every mutant that `output` does not have yet, and print the score."""
    rows = read(output)
    todo: Queue[tuple[str, Mutant]] = Queue()
    for name, path in FILES.items():
        for mutant in spread(mutants(rewrite(path).text), per_operator):
            row = rows.get(key(described(name, mutant)))
            if row is None or (full and row["quick"] == SURVIVED and not row["full"]):
                todo.put((name, mutant))
    total = todo.qsize()

    def serve() -> None:
        with tempfile.TemporaryDirectory() as folder:
            worker = Worker(Path(folder))
            while True:
                try:
                    name, mutant = todo.get_nowait()
                except Empty:
                    return worker.stop()
                known = key(described(name, mutant))
                row = rows.get(known) or worker.judge(name, mutant, "quick")
                if full and row["quick"] == SURVIVED and not row["full"]:
                    row |= {"full": worker.judge(name, mutant, "full")["full"]}
                rows[known] = row
                write(output, rows)
                place = f"{name} {mutant.operator} {mutant.where}:{mutant.line}"
                print(f"{total - todo.qsize()}/{total} {place} {row['quick']} {row['full']}", flush=True)

    with ThreadPoolExecutor(jobs) as pool:
        for future in [pool.submit(serve) for _ in range(jobs)]:
            future.result()
    report(list(rows.values()))


class Worker:
    """A process that judges one mutant after the other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None

    def judge(self, name: str, mutant: Mutant, level: str) -> dict[str, Any]:
        """Return the row of a mutant after `verify` at `level`."""
        path = self._folder / f"modeling_{name}_mutant.py"
        path.write_text(mutant.text, encoding="utf-8")
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        order = {"original": str(FILES[name]), "mutant": str(path), "level": level, "where": mutant.where}
        try:
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline() or "null")
        except BrokenPipeError:
            answer = None
        if answer is None:
            self._process = None
            answer = {"outcome": f"{KILLED}: the process crashed", "seconds": 0.0}
        verdicts = {"quick": "", "full": "", level: answer["outcome"]}
        return {**described(name, mutant), **verdicts, "seconds": answer["seconds"]}

    def stop(self) -> None:
        """End the process."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait()

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, __file__, "--worker", str(self._folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=os.environ | {"GLOG_v": "4"},
            )
        return self._process


def work(folder: Path) -> None:
    """Answer orders from standard input, one JSON object per line."""
    import time

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not get among the answers
    for line in sys.stdin:
        order = json.loads(line)
        began = time.perf_counter()
        outcome = judged(order["original"], order["mutant"], order["level"], order["where"])
        answers.write(json.dumps({"outcome": outcome, "seconds": round(time.perf_counter() - began, 1)}) + "\n")
        answers.flush()


def judged(original: str, mutant: str, level: str, where: str) -> str:
    """Return `killed: CASE`, or `survived`.

    To save time the model class that has the fault is asked first, and all without graphs before any with: a difference
    that shows in a part of the check shows in the whole.
    """
    from rewriter.equivalence import list_cases, verify
    from rewriter.equivalence.subject import Subject

    owner = where.partition(".")[0]
    own = [case.id for case in list_cases(original, level=level) if case.model == owner]
    with mock.patch.object(Subject, "wants_graphs", return_value=False):
        for chosen in [own, None] if own else [None]:
            verdict = verify(original, mutant, level=level, cases=chosen, fail_fast=True)
            if verdict.status.value == "different":
                return killer(verdict)
    return killer(verify(original, mutant, level=level, fail_fast=True)) or SURVIVED


def killer(verdict: Any) -> str:
    """Return what a verdict holds against a file; empty when it is fine with it."""
    if verdict.ok:
        return ""
    if verdict.surface or verdict.problems:
        return f"{KILLED}: {[*verdict.surface, *verdict.problems][0]}"
    different = [case.id for case in verdict.cases if case.status.value == "different"]
    return f"{KILLED}: {different[0] if different else 'not everything ran compiled'}"


def key(row: dict[str, Any]) -> str:
    """Return what a mutant is known by: `bert BertEmbeddings.construct:69 wrong-index: 1 -> 2`."""
    return f"{row['file']} {row['where']}:{row['line']} {row['operator']}: {row['before']} -> {row['after']}"


def described(name: str, mutant: Mutant) -> dict[str, Any]:
    """Return the columns that say which mutant it is."""
    places = {"file": name, "operator": mutant.operator, "where": mutant.where, "line": mutant.line}
    return {**places, "before": one_line(mutant.before), "after": one_line(mutant.after)}


def equivalents() -> dict[str, str]:
    """Return the mutants that no caller can tell from the original, and for each why: argued one by one."""
    return {item["mutant"]: item["because"] for item in tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))["item"]}


def one_line(text: str) -> str:
    """Return text of several lines as one."""
    return " ".join(text.split())


def read(path: Path) -> dict[str, dict[str, Any]]:
    """Return the rows of a CSV, none where there is no file yet."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {key(row): row for row in csv.DictReader(file)}


def write(path: Path, rows: dict[str, dict[str, Any]]) -> None:
    """Write all rows, in an order of their own."""
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    with temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        order = sorted(rows.values(), key=lambda row: (row["file"], row["operator"], int(row["line"]), key(row)))
        writer.writerows(order)
    temporary.replace(path)


def report(rows: list[dict[str, Any]]) -> None:
    """Print the score without the mutants that are equivalent, and what survived."""
    argued = equivalents()
    real = [row for row in rows if key(row) not in argued]
    quick = [row for row in real if row["quick"].startswith(KILLED)]
    either = [row for row in real if row["quick"].startswith(KILLED) or row["full"].startswith(KILLED)]
    print(
        f"{len(rows)} mutants of {len({row['operator'] for row in rows})} operators, {len(rows) - len(real)} equivalent"
    )
    print(f"quick killed {len(quick)} of {len(real)}, quick or full {len(either)}")
    for row in real:
        if row not in either:
            print(f"  survived: {key(row)}")


if __name__ == "__main__":
    main()
