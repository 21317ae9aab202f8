"""One process of pytheus that counts in a Redis. Answers what it is asked, a line each, until nobody asks.

The arguments: the module and the class of its backend, and the port.
"""

import importlib
import sys
import time

import redis
from pytheus.backends import load_backend
from pytheus.exposition import generate_metrics
from pytheus.metrics import Counter, Histogram

MODULE, CLASS, PORT = sys.argv[1], sys.argv[2], int(sys.argv[3])
STATUSES = ["200", "201", "204", "301", "304", "400", "401", "403", "404", "500"]
BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]
LABELS = ["route", "status"]

# As the documentation of both has it.
load_backend(
    backend_class=getattr(importlib.import_module(MODULE), CLASS),
    backend_config={"host": "127.0.0.1", "port": PORT},
)

COUNTER = Counter("backend_counted_total", "A counter.")
FEW_SECONDS = Histogram("backend_few_seconds", "Few.", required_labels=LABELS, buckets=BUCKETS)
REQUESTS = Counter("backend_requests_total", "Counters with two labels.", required_labels=LABELS)

server = redis.Redis(port=PORT)


def pairs(series):
    return [{"route": f"/api/v1/items/{i // 10}", "status": STATUSES[i % 10]} for i in range(series)]


def inc(times):
    for _ in range(times):
        COUNTER.inc()


FEW = pairs(20)


def lookup_observe(times):
    for i in range(times):
        FEW_SECONDS.labels(FEW[i * 7 % 20]).observe(0.002 * 2 ** (i % 13))


WORK = {"inc": inc, "lookup_observe": lookup_observe}


def timed(work):
    started = time.perf_counter_ns()
    result = work()
    return time.perf_counter_ns() - started, result


def arrived():
    """When the server had all: it is asked for nothing more, but for what this asks."""
    known, since, quiet = 0, 0, 0
    # A thread may have to wait for a core.
    while quiet < 10:
        time.sleep(0.002)
        processed = server.info("stats")["total_commands_processed"]
        if processed == known + 1:
            quiet += 1
        else:
            since, quiet = time.perf_counter_ns(), 0
        known = processed
    return since


def total(text):
    """How much was counted in all series that have labels."""
    lines = (line for line in text.splitlines() if line.startswith("backend_requests_total{"))
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def answer(command, *words):
    if command == "times":
        work, nanoseconds = WORK[words[0]], int(words[2])
        times = 1
        while (took := timed(lambda: work(times))[0]) < nanoseconds / 4:
            times *= 2
        arrived()
        return [max(1, times * nanoseconds // took)]
    if command == "run":
        times = int(words[2])
        took, _ = timed(lambda: WORK[words[0]](times))
        # So that the next one is not disturbed by what threads of this one have to do yet.
        arrived()
        return [took / times, 0]
    if command == "redis" and words[0] == "deliver":
        times = int(words[2])
        started = time.perf_counter_ns()
        WORK[words[1]](times)
        called = time.perf_counter_ns()
        return [(max(called, arrived()) - started) / times, 0]
    if command == "scrape":
        took, text = timed(generate_metrics)
        return [took, 0, total(text)]
    raise ValueError(f"no such command: {command}")


for line in sys.stdin:
    print(*answer(*line.split()), flush=True)
