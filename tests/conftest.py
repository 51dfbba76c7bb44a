"""What most tests share: modeling files found without importing their packages, and the pipeline in one call."""

import gc
import importlib.util
import os
import sys
from pathlib import Path

import pytest
from sampling import slow_but

from rewriter import pipeline, plugins, source
from rewriter.targets import Target

os.environ.setdefault("GLOG_v", "3")  # MindSpore's warnings would drown the tests' own output

ROOT = Path(__file__).parent.parent
TESTS = Path(__file__).parent
LONGEST = (
    "runtime/test_decoder.py",
    "survey/test_survey.py",
    "equivalence/test_styles.py",
    "versions/test_versions.py",
    "equivalence/test_known_bad_edits.py",
    "equivalence/test_gate.py",
    "equivalence/test_files.py",
    "test_readme.py",
    "equivalence/test_reproducer.py",
    "passes/mint/test_table_rows.py",
    "equivalence/test_verify.py",
    "equivalence/test_scenarios.py",
    "test_pytest_plugin.py",
    "campaigns/test_campaigns.py",
    "cli/test_bisect.py",
    "cli/test_gate.py",
    "runtime/test_mindnlp_compat.py",
    "runtime/test_optimize.py",
    "passes/test_slices.py",
    "passes/test_jit_traps.py",
    "passes/test_patches.py",
    "models/test_bert.py",
)
"""The files to begin with: a worker that comes to a long one last would work on alone."""


def pytest_configure(config):
    config.option.loadscopereorder = False  # xdist would put the files with the most tests first, long or not


def pytest_report_header():
    """Say which tests this environment cannot hold."""
    if importlib.util.find_spec("mindone") is None:
        return "tests/with_mindone is left out: mindone is not installed here. CONTRIBUTING.md says how to run it."
    return None


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their marks
def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("breadth"):
            item.add_marker("slow")
    places = {TESTS / name: at for at, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


def pytest_collection_finish():
    """Leave what is imported by now out of every later search for garbage: it is all there to stay."""
    gc.collect()
    gc.freeze()


def modeling_files():
    """Paths of the BERT and CLIP modeling files: mindnlp's, found without importing mindnlp, and our own."""
    found = {f"models/{name}": ROOT / "models" / name / f"modeling_{name}.py" for name in ("bert", "clip")}
    spec = importlib.util.find_spec("mindnlp")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        for name in ("bert", "clip"):
            found[f"mindnlp/{name}"] = Path(location, "transformers", "models", name, f"modeling_{name}.py")
    return found


@pytest.fixture(scope="session")
def builtin_passes():
    """Every pass that the project ships."""
    host = plugins.load()
    assert not host.broken
    return tuple(item for plugin, item in host.passes() if plugin == "builtin")


@pytest.fixture(scope="session")
def rewrite(builtin_passes):
    """Run passes over text or bytes: `rewrite(text)` the default ones, `rewrite(text, "flatten")` the named ones."""

    def run(text, *names, package="", device="portable", mindspore="2.10.0"):
        data = text if isinstance(text, bytes) else text.encode()
        unknown = set(names) - {item.name for item in builtin_passes}
        assert not unknown, f"no such pass: {unknown}"
        chosen = [item for item in builtin_passes if item.name in names] or pipeline.default_passes(builtin_passes)
        return pipeline.run(
            source.parse(data, name="modeling_toy.py", package=package), chosen, Target.parse(device, mindspore)
        )

    return run


@pytest.fixture(scope="session", params=slow_but(sorted(modeling_files()), "mindnlp/bert", "models/clip"))
def real_file(request):
    """One after the other of the real modeling files."""
    return modeling_files()[request.param]


@pytest.fixture(scope="session", params=slow_but(sorted(modeling_files()), "models/clip"))
def any_file(request):
    """A real file for what costs seconds and holds for any Python: one of them in the fast run."""
    return modeling_files()[request.param]


@pytest.fixture(scope="session")
def rewritten_files(builtin_passes):
    """Rewrite a real file by the default passes; each file once per session."""
    results = {}

    def run(path):
        if path not in results:
            results[path] = pipeline.run(source.read(path), pipeline.default_passes(builtin_passes), Target())
        return results[path]

    return run


@pytest.fixture
def import_file(tmp_path):
    """Write text to a file of its own and import it, as the graph compiler wants it: a real file, in `sys.modules`."""
    names = []

    def load(text, stem="toy"):
        name = f"rewriter_test_{tmp_path.name}_{stem}_{len(names)}"
        path = tmp_path / f"{name}.py"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        names.append(name)
        spec.loader.exec_module(module)
        return module

    yield load
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture
def compiled():
    """A function that gives the keys of the graphs compiled since it was last asked, but for those of MindSpore itself.

    Keys are compared, and not how many there are: models of earlier tests may go meanwhile, and theirs with them.
    """
    import mindspore
    from mindspore.common import api

    own = str(Path(mindspore.__file__).parent)
    seen = set(api.ms_compile_cache)

    def fresh():
        found = sorted(key for key in api.ms_compile_cache - seen if own not in key)
        seen.clear()
        seen.update(api.ms_compile_cache)
        return found

    return fresh
