"""Tables and plots of the mixed load: what it took over time, and what became of far too much of it."""

import pathlib

import matplotlib.pyplot as pyplot

from plots import STYLES, save
from tables import DATABASES, milliseconds, number, table

PHASES = {
    "before": "before",
    "saturated": "32 clients that ask again at once",
    "settling": "at the steady rate again",
    "overload": "all clients",
    "after": "afterwards",
}
# A second in which all is well again: nothing turned away, and no slower than this many times before.
AS_BEFORE = 2


class Samples:
    """The lines of one run on one database."""

    def __init__(self, lines: list[dict], kind: str, database: str):
        self.lines = [line for line in lines if line["label"] == f"{kind} {database}"]
        self.database = database
        self.samples = self.named("sample")

    def named(self, name: str) -> list[dict]:
        return [line for line in self.lines if line["name"] == name]

    def one(self, name: str) -> dict:
        return (self.named(name) or [{}])[0]


def all_of(lines: list[dict]) -> dict[str, str]:
    return {
        "soak": with_plot(soak(lines), "soak", "Memory, latencies, failures and the outbox, from the beginning to the end"),
        "soak by request": by_request(lines),
        "overload": with_plot(
            overload(lines),
            "overload",
            "What is served and turned away, how long that takes, and memory: before, meanwhile (grey) and afterwards",
        ),
    }


def with_plot(text: str, name: str, shows: str) -> str:
    return f"{text}\n\n![{shows}](images/performance-{name}.svg)" if text else ""


def runs(lines: list[dict], kind: str) -> list[Samples]:
    found = [Samples(lines, kind, database) for database in DATABASES]
    return [samples for samples in found if samples.samples]


def soak(lines: list[dict]) -> str:
    found = runs(lines, "soak")
    rows = {
        "people": lambda run: number(run.one("start").get("size")),
        "minutes": lambda run: f"{run.samples[-1]['at'] / 60:.0f}",
        "requests served": lambda run: number(total(run, "served")),
        "turned away": lambda run: number(total(run, "shed")),
        "failed": lambda run: number(total(run, "failures")),
        "memory at the start, MiB": lambda run: number(run.one("start").get("resident_kib"), 1024),
        "after a tenth of the time": lambda run: number(at(run, 0.1, "resident_kib"), 1024),
        "after half": lambda run: number(at(run, 0.5, "resident_kib"), 1024),
        "at the end": lambda run: number(run.one("end").get("resident_kib"), 1024),
        "at the most": lambda run: number(run.one("end").get("peak_kib"), 1024),
        "files and connections open, at the most": lambda run: number(
            max(sample["descriptors"] or 0 for sample in run.samples)
        ),
        "oldest notice in the outbox, at the most: seconds": lambda run: number(
            max(sample["outbox_seconds"] or 0 for sample in run.samples)
        ),
        "database at the start, MiB": lambda run: number(run.one("start").get("bytes"), 1024 * 1024),
        "at the end ": lambda run: number(run.one("end").get("bytes"), 1024 * 1024),
    }
    cells = [[title.strip(), *(cell(run) for run in found)] for title, cell in rows.items()]
    head = ["what", *(DATABASES[run.database] for run in found)]
    return table(head, cells) if found else ""


def total(run: Samples, figure: str) -> int:
    return sum(sample[figure] for sample in run.samples)


def at(run: Samples, part: float, figure: str):
    return run.samples[int(len(run.samples) * part)].get(figure)


def by_request(lines: list[dict]) -> str:
    found = runs(lines, "soak")
    kinds = dict.fromkeys(line["kind"] for run in found for line in run.named("soak: total"))
    head, rows = ["request"], []
    for run in found:
        head += [f"{DATABASES[run.database]}: served", "p50, ms", "p99, ms", "longest, ms"]
    for kind in kinds:
        row = [kind]
        for run in found:
            line = next((line for line in run.named("soak: total") if line["kind"] == kind), {})
            row.append(number(line.get("served")))
            row += [milliseconds(line.get(figure)) for figure in ("p50_us", "p99_us", "p100_us")]
        rows.append(row)
    return table(head, rows)


def overload(lines: list[dict]) -> str:
    rows = []
    for run in runs(lines, "overload"):
        for phase in run.named("overload: phase"):
            health = probes(run, phase["phase"])
            seconds = phase["seconds"]
            rows.append(
                [
                    f"{DATABASES[run.database]}: {PHASES[phase['phase']]}",
                    number(phase["served"] / seconds),
                    milliseconds(phase["p50_us"]),
                    milliseconds(phase["p99_us"]),
                    number(phase["shed"] / seconds),
                    number(phase["untold"]),
                    number(phase["failures"]),
                    milliseconds(health),
                    number(peak(run, phase["phase"]), 1024),
                ]
            )
        rows.append([f"{DATABASES[run.database]}: as before again after", recovery(run), *[""] * 7])
    head = ["what", "served a second", "p50, ms", "p99, ms", "503 a second", "without `Retry-After`"]
    return table([*head, "failed", "slowest answer about health, ms", "memory, MiB"], rows)


def of_phase(run: Samples, phase: str) -> list[dict]:
    return [sample for sample in run.samples if sample["phase"] == phase]


def probes(run: Samples, phase: str):
    """The slowest answer about health; none where one was not given."""
    answers = [health for sample in of_phase(run, phase) for health in sample["health"].values()]
    if any(health["failures"] for health in answers):
        return None
    return max((health["p100_us"] or 0 for health in answers), default=None)


def peak(run: Samples, phase: str):
    return max((sample["resident_kib"] or 0 for sample in of_phase(run, phase)), default=None)


def recovery(run: Samples) -> str:
    before = next(line for line in run.named("overload: phase") if line["phase"] == "before")
    after = of_phase(run, "after")
    ended = next(line for line in run.named("overload: phase") if line["phase"] == "after")["began"]
    for sample in after:
        is_well = not sample["shed"] and not sample["failures"] and sample["served"]
        if is_well and sample["p99_us"] <= AS_BEFORE * before["p99_us"]:
            return f"{sample['at'] - ended:.0f} s"
    return "not within the time"


def draw(lines: list[dict], images: pathlib.Path):
    soaked = runs(lines, "soak")
    if soaked:
        over_time(soaked, images / "performance-soak.svg")
    overloaded = runs(lines, "overload")
    if overloaded:
        under_overload(overloaded, images / "performance-overload.svg")


def grid(rows: int, found: list[Samples], titles: list[str]):
    figure, axes = pyplot.subplots(
        rows, len(found), figsize=(5.2 * len(found), 2.4 * rows), sharex="col", sharey="row", squeeze=False
    )
    for row, title in zip(axes, titles):
        row[0].set_ylabel(title)
    for axis, run in zip(axes[0], found):
        axis.set_title(DATABASES[run.database])
    return figure, axes


def series(axis, samples, x, y, style: int, title: str, line="-"):
    points = [(x(sample), y(sample)) for sample in samples if y(sample) is not None]
    # A line with no title of its own is the other one's of its colour.
    if points:
        axis.plot(*zip(*points), line, color=STYLES[style][0], label=title or None, linewidth=1.5)


def over_time(found: list[Samples], file: pathlib.Path):
    titles = ["memory, database: MiB", "p99 (dotted p50), ms", "503, failures /s", "notices, s; files"]
    figure, axes = grid(4, found, titles)

    def minutes(sample):
        return sample["at"] / 60

    for column, run in zip(axes.T, found):
        series(column[0], run.samples, minutes, lambda s: s["resident_kib"] / 1024, 0, "memory of the server")
        series(column[0], run.named("bytes"), minutes, lambda s: s["bytes"] / 2**20, 1, "database")
        for style, kind in enumerate(["read a user", "change a user", "list 100 users", "sign in"]):
            series(column[1], run.samples, minutes, latency(kind, "p99_us"), style, kind)
            series(column[1], run.samples, minutes, latency(kind, "p50_us"), style, "", ":")
        column[1].set_yscale("log")
        series(column[2], run.samples, minutes, lambda s: (s["shed"] + s["failures"]) / s["seconds"], 1, "503 and failures")
        series(column[3], run.samples, minutes, lambda s: s["outbox_seconds"], 3, "oldest notice in the outbox")
        series(column[3], run.samples, minutes, lambda s: s["descriptors"], 4, "files and connections open")
        column[3].set_xlabel("minutes")
    # The limits of a row are those of all its runs.
    for row in (0, 2, 3):
        axes[row][0].set_ylim(bottom=0)
    save(figure, axes.flat, file)


def latency(kind: str, figure: str):
    def of(sample):
        micros = sample["kinds"].get(kind, {}).get(figure)
        return micros and micros / 1_000

    return of


def under_overload(found: list[Samples], file: pathlib.Path):
    titles = ["requests a second", "p50 and p99, ms", "memory, MiB"]
    figure, axes = grid(3, found, titles)

    def seconds(sample):
        return sample["at"]

    for column, run in zip(axes.T, found):
        series(column[0], run.samples, seconds, lambda s: s["served"] / s["seconds"], 0, "served")
        series(column[0], run.samples, seconds, lambda s: s["shed"] / s["seconds"], 1, "told to come again (503)")
        series(column[1], run.samples, seconds, lambda s: s["p99_us"] and s["p99_us"] / 1_000, 0, "served, p99")
        series(column[1], run.samples, seconds, lambda s: s["p50_us"] and s["p50_us"] / 1_000, 4, "served, p50")
        series(column[1], run.samples, seconds, slowest_health, 2, "slowest answer about health")
        series(column[2], run.samples, seconds, lambda s: s["resident_kib"] / 1024, 3, "memory of the server")
        column[0].set_yscale("symlog", linthresh=10)
        column[1].set_yscale("log")
        column[2].set_xlabel("seconds")
        for phase in run.named("overload: phase"):
            if phase["phase"] == "overload":
                for axis in column:
                    axis.axvspan(phase["began"], phase["began"] + phase["seconds"], color="#eeeeee", zorder=0)
    axes[2][0].set_ylim(bottom=0)
    save(figure, axes.flat, file)


def slowest_health(sample):
    found = [health["p100_us"] for health in sample["health"].values() if health["p100_us"]]
    return max(found) / 1_000 if found else None
