"""Merges the releases on each line of a file, and prints how many seconds that takes."""

import json
import sys
import time

from ocdsmerge_rs import Merger, Rule

# The fields of the benchmark's releases that have a rule in OCDS 1.1.
RULES = {
    ("date",): Rule.OMIT,
    ("id",): Rule.OMIT,
    ("tag",): Rule.OMIT,
    ("parties", "roles"): Rule.REPLACE,
}

with open(sys.argv[1], encoding="utf-8") as file:
    lines = file.readlines()

merger = Merger(rules=RULES)
began = time.perf_counter()
for line in lines:
    json.dumps(merger.create_compiled_release(json.loads(line)))
print(time.perf_counter() - began)
