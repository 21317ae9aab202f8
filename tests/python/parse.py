"""Reads expositions with the parsers of prometheus_client: a JSON pair of format ("text" or "openmetrics") and exposition
a line in, one JSON answer a line out.

An answer is {"families": [{name, help, type, samples: [[name, labels, value]]}]} or {"error": text}. Values are text,
as JSON has neither infinities nor NaN.
"""

import json
import sys

from prometheus_client import openmetrics, parser
import prometheus_client.openmetrics.parser

PARSERS = {
    "text": parser.text_string_to_metric_families,
    "openmetrics": openmetrics.parser.text_string_to_metric_families,
}


def families(format, text):
    return [
        {
            "name": family.name,
            "help": family.documentation,
            "type": family.type,
            "samples": [[s.name, s.labels, repr(float(s.value))] for s in family.samples],
        }
        for family in PARSERS[format](text)
    ]


for line in sys.stdin:
    try:
        answer = {"families": families(*json.loads(line))}
    except ValueError as error:
        answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)
