"""Counts with pytheus from PyPI, in the Redis at the port that is given: one JSON list a line in, one JSON text a line out.

A list is ["scrape"], or the method of a metric, its name, labels and values in the order of the call, and the value.
"""

import json
import sys

from pytheus.backends import load_backend
from pytheus.backends.redis import MultiProcessRedisBackend
from pytheus.exposition import generate_metrics
from pytheus.metrics import Counter, Gauge, Histogram, Summary

load_backend(MultiProcessRedisBackend, {"host": "127.0.0.1", "port": int(sys.argv[1])})

METRICS = {
    metric.name: metric
    for metric in [
        Counter("plain_total", "C."),
        Counter("by_label_total", "C.", required_labels=["method", "path"]),
        Counter("by_default_total", "C.", required_labels=["path", "region"], default_labels={"region": "eu"}),
        Counter("all_default_total", "C.", required_labels=["region"], default_labels={"region": "eu"}),
        Gauge("level", "G."),
        Gauge("level_by_label", "G.", required_labels=["room"]),
        Gauge("busy", "G."),
        Histogram("times", "H.", buckets=(0.5, 1, 2.5, 10)),
        # Whole numbers as floats.
        Histogram("times_by_label", "H.", required_labels=["method", "path"], buckets=(0.00001, 1.0, 2.5)),
        Summary("sizes", "S."),
        Summary("sizes_by_label", "S.", required_labels=["method"]),
    ]
}


def act(what, name=None, labels=(), value=1):
    if what == "scrape":
        return generate_metrics()
    metric = METRICS[name]
    getattr(metric.labels(dict(labels)) if labels else metric, what)(value)
    return "ok"


print(json.dumps("ready"), flush=True)
for line in sys.stdin:
    print(json.dumps(act(*json.loads(line))), flush=True)
