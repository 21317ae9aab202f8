"""Runs the programs of tests/platforms in a wasm runtime, and checks what they show."""

import sys
import tempfile

from wasmtime import Engine, ExitTrap, Linker, Module, Store, WasiConfig


def run_wasi(path, variables=()):
    """Returns standard output, standard error and the exit code."""
    engine = Engine()
    store, linker = Store(engine), Linker(engine)
    linker.define_wasi()
    with tempfile.NamedTemporaryFile() as out, tempfile.NamedTemporaryFile() as error:
        wasi = WasiConfig()
        wasi.env = list(variables)
        wasi.stdout_file, wasi.stderr_file = out.name, error.name
        store.set_wasi(wasi)
        instance = linker.instantiate(store, Module.from_file(engine, path))
        code = 0
        try:
            instance.exports(store)["_start"](store)
        except ExitTrap as exit:
            code = exit.code
        return out.read().decode(), error.read().decode(), code


def run_wasm(path):
    """Without WASI: a host that calls functions, several times."""
    engine = Engine()
    store = Store(engine)
    module = Module.from_file(engine, path)
    assert not module.imports, f"it asks the host for {[i.name for i in module.imports]}"
    exports = Linker(engine).instantiate(store, module).exports(store)
    exports["frame"](store, 0.25)
    assert exports["load"](store) == 1, "a backend is loaded"
    assert exports["scrape"](store) > 0, "the first scrape succeeds"
    exports["frame"](store, 0.5)
    length, start = exports["scrape"](store), exports["text"](store)
    return bytes(exports["memory"].read(store, start, start + length)).decode()


def value(text, series):
    values = [line.removeprefix(series + " ") for line in text.splitlines() if line.startswith(series + " ")]
    assert len(values) == 1, f"`{series}` stands {len(values)} times in\n{text}"
    return float(values[0])


def check(text, expected):
    for series, wanted in expected.items():
        got = value(text, series)
        assert got == wanted, f"`{series}` is {got}, not {wanted}, in\n{text}"
    assert 'status="500"' not in text, f"a removed series shows in\n{text}"


wasi, wasm = sys.argv[1:]

text, said, code = run_wasi(wasi)
assert code == 0 and not said, f"it exits with {code}, and says {said}"
check(text, {
    "shop_jobs_total": 1,
    'shop_pages_total{status="200"}': 2,
    'shop_pages_total{status="404"}': 1,
    'shop_sleep_seconds_count{outcome="ok"}': 1,
    'shop_backup_seconds': 7,
})
slept = value(text, 'shop_sleep_seconds_sum{outcome="ok"}')
assert 0.005 <= slept < 60, f"a sleep of 5 ms takes {slept} s"
assert value(text, "shop_slept_timestamp_seconds") > 1.7e9, "the time of day is that of the host"

_, said, code = run_wasi(wasi, [("PYTHEUS_BACKEND_CLASS", "file")])
assert code == 1 and "a Unix system" in said, f"with files it exits with {code}, and says {said}"

text = run_wasm(wasm)
check(text, {
    'jobs_total{outcome="ok"}': 2,
    'jobs_total{outcome="error"}': 2,
    "jobs_in_progress": 0,
    'pages_total{status="200"}': 2,
    'pages_total{status="404"}': 2,
    "backup_seconds": 0.5,
    'frame_seconds_bucket{le="0.1"}': 0,
    'frame_seconds_bucket{le="1.0"}': 2,
    "frame_seconds_sum": 0.75,
    "load_seconds_count": 2,
})
