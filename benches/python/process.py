"""One process of prometheus_client in multiprocess mode. Answers what it is asked, a line each, until nobody asks."""

import sys
import time

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

STATUSES = ["200", "201", "204", "301", "304", "400", "401", "403", "404", "500"]
BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]

COUNTER = Counter("backend_counted", "A counter.")
REQUESTS = Counter("backend_requests", "Counters with two labels.", ["route", "status"])
SECONDS = Histogram("backend_request_seconds", "Histograms with two labels.", ["route", "status"], buckets=BUCKETS)

# Of all processes, as the documentation has it.
registry = CollectorRegistry()
MultiProcessCollector(registry)


def pairs(series):
    return [(f"/api/v1/items/{i // len(STATUSES)}", STATUSES[i % len(STATUSES)]) for i in range(series)]


def inc(times):
    inc = COUNTER.inc
    for _ in range(times):
        inc()


def count(what, series):
    if what == "counters":
        for route, status in pairs(series):
            REQUESTS.labels(route, status).inc()
    else:
        for i, (route, status) in enumerate(pairs(series)):
            SECONDS.labels(route, status).observe(0.002 * 2 ** (i % 13))


def timed(work):
    started = time.perf_counter_ns()
    result = work()
    return time.perf_counter_ns() - started, result


def total(text):
    """How much was counted in all series that have labels."""
    names = ("backend_requests_total{", "backend_request_seconds_count{")
    lines = (line for line in text.decode().splitlines() if line.startswith(names))
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def answer(command, *words):
    if command == "times":
        times = 1
        while (took := timed(lambda: inc(times))[0]) < int(words[2]) / 4:
            times *= 2
        return [max(1, times * int(words[2]) // took)]
    if command == "run":
        times = int(words[2])
        return [timed(lambda: inc(times))[0] / times, 0]
    if command == "count":
        return [timed(lambda: count(words[0], int(words[1])))[0], 0]
    if command == "scrape":
        took, text = timed(lambda: generate_latest(registry))
        return [took, 0, total(text)]
    raise ValueError(f"no such command: {command}")


for line in sys.stdin:
    print(*answer(*line.split()), flush=True)
