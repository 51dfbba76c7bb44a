"""Tensors are written and hashed while the next ones are made: none is overwritten before it is done."""

import random
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import xxhash
from safetensors.numpy import load_file

from rewriter.weights import stream


@pytest.mark.parametrize("seed", range(40))
def test_nothing_is_overwritten_before_it_is_done(monkeypatch, seed):
    """Readers that are slow now and then see each tensor as it was made."""
    monkeypatch.setattr(stream, "_AHEAD", 64)
    drawn = random.Random(seed)
    sizes = [drawn.choice([0, 1, 3, 8, 16, 40, 100]) for _ in range(40)]
    pauses = [drawn.choice([0] * 9 + [0.001]) for _ in sizes]
    room, seen = stream._Room(max(sizes)), []

    def look(number, data):
        time.sleep(pauses[number])
        seen.append((number, bytes(data)))

    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        for number, size in enumerate(sizes):
            place = room.take(size)
            place[:] = number
            room.give((one.submit(look, number, place.data), other.submit(look, number, place.data)))
        room.wait()
    assert sorted(seen) == sorted((number, bytes([number]) * size) for number, size in enumerate(sizes) for _ in "ab")


@pytest.mark.parametrize("count", [0, 1, 60])
def test_files_of_any_number_of_tensors(tmp_path, monkeypatch, count):
    monkeypatch.setattr(stream, "_CHUNK", 1000)
    monkeypatch.setattr(stream, "_AHEAD", 5000)
    drawn = np.random.default_rng(count)
    wanted = {f"t{n}": drawn.standard_normal(int(drawn.integers(0, 2000))) for n in range(count)}
    items = [stream.Item(key, key, value.shape, "float64") for key, value in wanted.items()]
    digest = stream.write(tmp_path / "x.safetensors", items, lambda key, out: np.copyto(out, wanted[key]), {})
    assert digest == xxhash.xxh3_128((tmp_path / "x.safetensors").read_bytes()).hexdigest()
    found = load_file(tmp_path / "x.safetensors")
    assert {key: value.tobytes() for key, value in found.items()} == {
        key: value.tobytes() for key, value in wanted.items()
    }


def test_what_goes_wrong_with_a_tensor_is_raised(tmp_path):
    item = stream.Item("t", "t", (3,), "float64")
    with pytest.raises(ZeroDivisionError):
        stream.write(tmp_path / "x.safetensors", [item], lambda key, out: 1 / 0, {})
