"""Writes what was measured into docs/performance.md, between its markers, and draws the plots."""

import json
import pathlib
import re

import plots
import soaked
import tables


def write(results: pathlib.Path, docs: pathlib.Path):
    lines = read(results)
    measured = tables.Measured(lines)
    file = docs / "performance.md"
    text = file.read_text()
    for name, table in (tables.all_of(measured) | soaked.all_of(lines)).items():
        begin, end = f"<!-- measured: {name} -->", "<!-- end -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        if pattern.search(text) is None:
            raise SystemExit(f"{file} has no place for {name}: {begin} … {end}")
        if table:
            text = pattern.sub(lambda _, table=table: f"{begin}\n{table}\n{end}", text)
    file.write_text(text)
    plots.draw(measured, docs / "images")
    soaked.draw(lines, docs / "images")


def read(results: pathlib.Path) -> list[dict]:
    lines = []
    for file in sorted(results.glob("*.jsonl")):
        lines += [json.loads(line) for line in file.read_text().splitlines()]
    machine = results / "machine.json"
    if machine.exists():
        lines.append({"label": "machine", "name": "machine"} | json.loads(machine.read_text()))
    return lines
