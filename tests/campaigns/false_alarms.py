"""Measure how often `verify` calls a good file different: it never should.

    python tests/campaigns/false_alarms.py --seeds 20 -o docs/false-alarms.csv

rewrites the bundled and mindnlp's BERT and CLIP, and verifies each with as many seeds of weights and inputs,
each in a process of its own. One line of the CSV per run; what is in it is not run again.
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

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "bundled BERT": str(ROOT / "models" / "bert" / "modeling_bert.py"),
    "bundled CLIP": str(ROOT / "models" / "clip" / "modeling_clip.py"),
    "mindnlp BERT": "mindnlp.transformers.models.bert.modeling_bert",
    "mindnlp CLIP": "mindnlp.transformers.models.clip.modeling_clip",
}
COLUMNS = ("file", "seed", "status", "identical", "equivalent", "different", "unverified", "worst", "seconds")


def main() -> None:
    """Run every seed on every file, as far as the CSV does not have it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True, help="the CSV")
    parser.add_argument("--seeds", type=int, default=20, help="seeds 0 to this, less one")
    parser.add_argument("--jobs", type=int, default=2, help="processes at once")
    choices = parser.parse_args()
    rows = _read(choices.output)
    with tempfile.TemporaryDirectory() as folder:
        todo = [(name, seed) for seed in range(choices.seeds) for name in FILES if (name, str(seed)) not in rows]
        twins = {name: _rewritten(name, Path(folder)) for name in {name for name, _ in todo}}
        with ThreadPoolExecutor(choices.jobs) as pool:
            for row in pool.map(lambda one: _verified(*one, twins[one[0]]), todo):
                rows[row["file"], row["seed"]] = row
                _write(choices.output, rows)
                print(*row.values(), flush=True)
    alarms = [row for row in rows.values() if row["status"] not in ("identical", "equivalent")]
    print(f"{len(rows)} runs, {len(alarms)} false alarms")
    sys.exit(1 if alarms else 0)


def _rewritten(name: str, folder: Path) -> str:
    place = folder / f"{name.replace(' ', '_')}.py"
    subprocess.run(
        [sys.executable, "-m", "rewriter", "apply", FILES[name], "-o", str(place)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return str(place)


def _verified(name: str, seed: int, twin: str) -> dict[str, str]:
    command = [sys.executable, "-m", "rewriter", "verify", FILES[name], twin, "--seed", str(seed), "--json"]
    with tempfile.TemporaryDirectory() as folder:  # a failing run leaves its reproducers there
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"GLOG_v": "4"}, cwd=folder)
    verdict = json.loads(done.stdout)["verdicts"][0]
    counts = {status: str(verdict["counts"][status]) for status in COLUMNS[3:7]}
    worst = max((output["absolute"]["maximum"] for output in verdict["outputs"]), default=0.0)
    ends = {"worst": f"{worst:.1e}", "seconds": f"{verdict['seconds']:.0f}"}
    return {"file": name, "seed": str(seed), "status": verdict["status"], **counts, **ends}


def _read(path: Path) -> dict[tuple[str, str], dict[str, str]]:
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {(row["file"], row["seed"]): row for row in csv.DictReader(file)}


def _write(path: Path, rows: dict[tuple[str, str], dict[str, str]]) -> None:
    temporary = path.with_suffix(".tmp")
    with temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows[one] for one in sorted(rows, key=lambda one: (one[0], int(one[1]))))
    temporary.replace(path)


if __name__ == "__main__":
    main()
