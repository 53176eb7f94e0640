"""Counts the instructions of a call of each step of the engine, with callgrind."""

import pathlib
import re
import subprocess

from servers import Results

# In the order of a request. The names are those of benches/engine.rs.
STEPS = [
    "read",
    "validate",
    "parse_filter",
    "bind_filter",
    "evaluate",
    "compile_to_sql",
    "patch",
    "project",
    "write",
]
# Calls that the mean is taken of: the first one alone also pays for what was freed before it.
SAMPLES, CALLS = 5, 100


def count(engine: pathlib.Path, target: pathlib.Path):
    results = Results(target / "results", "instructions", {"label": "instructions"})
    for step in STEPS:
        out = target / "callgrind.out"
        # Outside of the step's own function nothing is counted.
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"]
        command += [f"--toggle-collect=engine::steps::{step}*", str(engine)]
        command += ["--bench", "--exact", f"engine::{step}"]
        command += ["--sample-count", str(SAMPLES), "--sample-size", str(CALLS)]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        collected = re.search(r"Collected : (\d+)", ran.stderr)
        if ran.returncode != 0 or collected is None or collected[1] == "0":
            raise SystemExit(f"callgrind did not count {step}: {ran.stdout}{ran.stderr}")
        out.unlink(missing_ok=True)
        results.write(step, instructions=int(collected[1]) // (SAMPLES * CALLS))
    results.finish()
