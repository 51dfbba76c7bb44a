"""What the tables say."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from rewriter.benchmark import render
from rewriter.benchmark.spellings import Cost, Costs


@pytest.fixture
def printed():
    """Print with one of the functions, and return the lines without their padding."""

    def run(function, *arguments):
        console = Console(file=io.StringIO(), width=80)
        function(*arguments, console)
        return [" ".join(line.split()) for line in console.file.getvalue().splitlines()]

    return run


def test_statistics(printed, measurement):
    lines = printed(render.render, [measurement(original=4.0, rewritten=1.5, failed={"PyTorch": "no <b>torch[/b]"})])
    assert "Toy, batch 1, length 16: 3 interleaved rounds" in lines
    assert "median ms min p90 p99 speed-up first, s max |diff|" in lines
    assert "rewritten 1.50 1.50 1.50 1.50 1.00x 0.5 0.0e+00" in lines
    assert "PyTorch could not be measured: no <b>torch[/b]" in lines


def test_times_have_three_figures_or_so():
    assert [render._ms(value) for value in (0.5, 12.345, 123.45, 1234.5)] == ["0.50", "12.35", "123.5", "1,234"]


def test_a_contest(printed, measurement):
    lines = printed(render.render, [measurement(protocol="contest", original=4.0)])
    assert "Toy, batch 1, length 16: average over 3 calls after the first" in lines
    assert "ms per call speed-up first, s max |diff|" in lines


def test_every_table_of_a_contest_has_averages(printed, measurement, figures):
    item = measurement(protocol="contest")
    both = (figures("original", 4.0, mean_ms=9.0), figures("flatten", 2.0, mean_ms=3.0))
    item = type(item)(**{**vars(item), "figures": both})
    lines = printed(render.render, [item, item])
    assert "flatten 3.00 1.00x 0.5 0.0e+00" in lines
    assert lines[lines.index("Toy: average ms per call") + 4].endswith("9.00 3.00")
    lines = printed(render.render_ladder, [item])
    title = "Toy, batch 1, length 16: passes added one by one, average over 3 calls after the first"
    assert title in lines
    assert "flatten 3.00 1.00x 3.00x 0.5 0.0e+00" in lines


def test_memory_beside_the_original_s(printed, measurement, figures):
    item = measurement(original=4.0)
    both = (figures("original", 4.0, peak_mb=1000.0), figures("rewritten", 1.0, peak_mb=1100.0), figures("trace", 1.0))
    lines = printed(render.render, [type(item)(**{**vars(item), "figures": both})])
    assert any(line.endswith("peak MiB memory") for line in lines)
    assert any(line.startswith("rewritten") and line.endswith("1,100 1.10x") for line in lines)
    assert any(line.startswith("trace") and line.endswith("0.0e+00") for line in lines)


def test_a_sweep_ends_in_a_table_of_medians(printed, measurement):
    sweep = [measurement(batch=1, original=4.0, trace=2.0), measurement(batch=8, original=9.0)]
    lines = printed(render.render, sweep)
    assert lines[lines.index("Toy: median ms per call") + 2] == "original trace"
    assert "batch 1, length 16 4.00 2.00" in lines
    assert "batch 8, length 16 9.00 -" in lines
    assert "Toy: median ms per call" not in printed(render.render, sweep[:1])


def test_a_ladder_compares_with_the_step_before(printed, measurement):
    lines = printed(render.render_ladder, [measurement(original=8.0, flatten=4.0, jit=1.0)])
    assert "original 8.00 1.00x 0.5 0.0e+00" in lines
    assert "flatten 4.00 1.00x 2.00x 0.5 0.0e+00" in lines
    assert "jit 1.00 1.00x 4.00x 0.5 0.0e+00" in lines


def test_a_cold_start(printed, cold_start):
    lines = printed(render.render_cold_start, [cold_start])
    assert "after 1 after 3 compiles ahead from request max |diff|" in lines
    assert "original, eager 1.00 3.00 0 0.0e+00" in lines
    assert "rewritten 2.00 2.20 1 3 1.0e-07" in lines
    assert "trace 5.00 7.00 3 never 0.0e+00" in lines
    assert "PyTorch could not be measured: not <here>" in lines


def test_costs(printed, machine):
    def cost(spelling, eager, jit, wrong=False):
        return Cost("linear", "2 x 3", spelling, "x", eager, jit, None if eager is None else 0.0, wrong, "")

    costs = (cost("a", 3.0, 2.0), cost("b", 4.0, 1.0), cost("c", 1.0, 0.5, wrong=True), cost("d", None, None))
    lines = printed(render.render_costs, Costs(machine, 5, costs))
    assert "linear, 2 x 3 a 3.000 * 2.000 0.0e+00" in lines
    assert "b 4.000 1.000 * 0.0e+00" in lines
    assert "c 1.000 0.500 0.0e+00, wrong" in lines  # fast, and of no use
    assert "d cannot run cannot run" in lines


def test_a_busy_machine_is_named(printed, machine):
    quiet = printed(render.render_machine, machine)
    assert quiet[0].startswith("Machine: A <CPU> (avx2), 2 cores, 16 GB")
    busy = type(machine)(**{**vars(machine), "load": 1.9})
    assert "busy" in " ".join(printed(render.render_machine, busy))
    assert "busy" not in " ".join(quiet)
