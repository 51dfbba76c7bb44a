"""Putting the stand-ins in place and taking them away: what has a kernel is never touched, and nothing is left over."""

from __future__ import annotations

import sys
import threading
import types
from contextlib import suppress

import mindspore
import numpy as np
import pytest
from mindspore import Tensor, mint, nn
from stand_in_cases import resolve

import rewriter
from rewriter.runtime.stand_ins import patching
from rewriter.runtime.stand_ins.kernels import lacks_kernel, missing_kernel, settle

LAYERS = ["Linear(3, 2)", "Conv2d(2, 3, 2)", "Embedding(5, 3, padding_idx=1)", "LayerNorm(4)"]


def test_what_has_a_kernel_is_left_alone():
    """The twin of every stand-in: the same kind of call, and it runs here as it is."""
    kept = ["cat", "zeros", "ones", "matmul", "softmax", "mean", "where", "triu", "permute", "bmm", "flip"]
    before = [resolve(f"mint.{name}") for name in kept], nn.Dense.construct, mint.nn.Linear.construct, Tensor.sum
    with rewriter.stand_ins() as names:
        after = [resolve(f"mint.{name}") for name in kept], nn.Dense.construct, mint.nn.Linear.construct, Tensor.sum
    assert before == after
    assert not {f"mindspore.mint.{name}" for name in kept} & set(names)


def test_everything_is_put_back():
    found = {name: patching._find(name)[2] for name in patching.all_stand_ins()}
    inherited = "construct" in vars(mint.nn.Conv2d)
    with rewriter.stand_ins() as names:
        for name in names:
            assert patching._find(name)[2] is patching.all_stand_ins()[name].function, name
    for name, native in found.items():
        assert patching._find(name)[2] is native, name
    assert ("construct" in vars(mint.nn.Conv2d)) == inherited


def test_a_call_with_a_kernel_keeps_it_though_there_is_a_stand_in(monkeypatch):
    """As on Ascend: what the probe makes of a call decides, and nothing else."""
    native, gelu = mint.arange, mint.nn.functional.gelu
    patching.missing.cache_clear()
    there = "mindspore.mint.arange"
    monkeypatch.setattr(patching, "lacks_kernel", lambda probe: probe is not patching.all_stand_ins()[there].probe)
    try:
        with rewriter.stand_ins() as names:
            assert there not in names
            assert mint.arange is native
            assert mint.nn.functional.gelu is not gelu
    finally:
        patching.missing.cache_clear()
    assert mint.nn.functional.gelu is gelu


def test_within_one_another():
    native = mint.arange
    with rewriter.stand_ins() as outer:
        stand_in = mint.arange
        with rewriter.stand_ins() as inner:
            assert inner == outer
            assert mint.arange is stand_in
        assert mint.arange is stand_in is not native
    assert mint.arange is native


def test_after_an_exception():
    native = mint.arange
    with pytest.raises(KeyError), rewriter.stand_ins():
        raise KeyError
    assert mint.arange is native


def test_two_threads_that_do_not_end_in_order():
    native, entered, leave = mint.arange, threading.Event(), threading.Event()

    def other():
        with rewriter.stand_ins():
            entered.set()
            leave.wait(60)

    thread = threading.Thread(target=other)
    with rewriter.stand_ins():
        thread.start()
        assert entered.wait(60)
    assert mint.arange is not native
    leave.set()
    thread.join()
    assert mint.arange is native


def test_names_imported_before_and_meanwhile(monkeypatch):
    """`from mindspore.mint import arange` holds the function itself."""
    before, meanwhile = types.ModuleType("imported_before"), types.ModuleType("imported_meanwhile")
    monkeypatch.setitem(sys.modules, before.__name__, before)
    monkeypatch.setitem(sys.modules, meanwhile.__name__, meanwhile)
    native = mint.arange
    exec("from mindspore.mint import arange as count", vars(before))
    with rewriter.stand_ins():
        assert before.count(3).asnumpy().tolist() == [0, 1, 2]
        exec("from mindspore.mint import arange", vars(meanwhile))
    assert before.count is meanwhile.arange is native


def test_looking_for_kernels_draws_nothing():
    def drawn():
        mindspore.set_seed(5)
        if probing:
            patching.missing.cache_clear()
            patching.missing()
        state = mindspore.get_rng_state().asnumpy().tolist()
        layers = mint.nn.Linear(2, 2), nn.Dense(2, 2)
        return [layer.weight.asnumpy().tolist() for layer in layers], np.random.rand(), state

    probing = False
    expected = drawn()
    probing = True
    assert drawn() == expected


def test_an_error_of_another_kind_is_no_missing_kernel():
    assert not lacks_kernel(lambda: mint.cat([Tensor([1.0]), Tensor([[1.0]])]))
    assert not lacks_kernel(lambda: 1 / 0)
    assert missing_kernel(ZeroDivisionError("division by zero")) == ""
    assert missing_kernel(None) == ""


def test_a_late_error_is_not_blamed_on_the_next_call():
    """Launched in the background, the first call mostly fails while the second is made; at times at once."""
    assert lacks_kernel(lambda: mint.trace(Tensor(np.ones((2, 2), np.float32))))
    with suppress(Exception):
        mint.trace(Tensor(np.ones((2, 2), np.float32)))
    settle()
    assert not lacks_kernel(lambda: mint.cat([Tensor([1.0]), Tensor([1.0])]))


def test_one_built_before_has_the_stand_in_too():
    layers = mint.nn.Conv2d(2, 3, 2), mint.nn.MSELoss(), mint.nn.Embedding(4, 2)
    x = Tensor(np.ones((1, 2, 3, 3), np.float32))
    with rewriter.stand_ins():
        assert layers[0](x).shape == (1, 3, 2, 2)
        assert layers[1](x, x).asnumpy() == 0
        assert layers[2](Tensor([1, 3])).shape == (2, 2)


@pytest.mark.parametrize("layer", LAYERS)
def test_first_values_and_names_are_the_layer_s(layer):
    def parameters():
        mindspore.set_seed(3)
        np.random.seed(3)
        built = eval(f"mint.nn.{layer}")
        return {one.name: (one.shape, one.dtype, one.asnumpy().tolist()) for one in built.get_parameters()}

    before = parameters()
    with rewriter.stand_ins():
        assert parameters() == before
