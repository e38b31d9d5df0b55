"""Runs the queries of a page over a directory: engines.py PAGE DIRECTORY EXTENSION

Takes each block of SQL or Python of the page that reads files with that extension from s3://counts/flights, lets it read the
directory, and prints a list with what each gives: {"TYPE MINUTE": COUNT}.
"""

import json
import re
import sys

import duckdb
import polars

page, directory, extension = sys.argv[1:]
text = open(page, encoding="utf-8").read()
answers = []
for language, block in re.findall(r"```(sql|python)\n(.*?)```", text, re.DOTALL):
    if f".{extension}'" not in block and f'.{extension}"' not in block:
        continue
    block = block.replace("s3://counts/flights", directory)
    if language == "sql":
        rows = duckdb.sql(block).fetchall()
    else:
        names = {"polars": polars}
        exec(block, names)
        rows = names["totals"].rows()
    answers.append({f"{kind} {minute}": int(count) for kind, minute, count in rows})
json.dump(answers, sys.stdout)
