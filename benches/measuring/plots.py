"""Plots of cost against size, as SVG."""

import pathlib

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as pyplot  # noqa: E402
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator  # noqa: E402

import tables  # noqa: E402

# Text stays text, and the same figures give the same file.
matplotlib.rcParams.update(
    {
        "svg.fonttype": "none",
        "svg.hashsalt": "portcullis",
        "font.family": "sans-serif",
        "font.size": 11,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": "#dddddd",
        "axes.axisbelow": True,
        "figure.facecolor": "white",
        "axes.facecolor": "white",
    }
)
# Colours that people with any kind of colour vision can tell apart (Okabe and Ito), and markers as well.
STYLES = [
    ("#0072b2", "o"),
    ("#d55e00", "s"),
    ("#009e73", "^"),
    ("#cc79a7", "D"),
    ("#56b4e9", "v"),
    ("#e69f00", "P"),
]
GROWTH = [
    ("read", "read by id"),
    ("userName eq", "userName eq"),
    ("emails[type eq and value eq]", "emails[type and value]"),
    ("introspection", "introspect a token"),
    ("create", "create"),
    ("first page by index", "page of 100"),
]
MEMBERS = [
    ("add a member to 1,000", 1_000),
    ("add a member to 10,000", 10_000),
    ("add a member to all", None),
]


def draw(measured: tables.Measured, images: pathlib.Path):
    databases = [label for label in tables.DATABASES if len(measured.sizes(label)) > 1]
    if not databases:
        return
    images.mkdir(exist_ok=True)
    growth(measured, databases, images / "performance-growth.svg")
    pages(measured, databases, images / "performance-pages.svg")
    members(measured, databases, images / "performance-members.svg")


def panels(databases: list[str], ylabel: str, xlabel: str, ticks: list[int]):
    figure, axes = pyplot.subplots(
        1, len(databases), figsize=(5.2 * len(databases), 4.4), sharey=True, squeeze=False
    )
    for axis, label in zip(axes[0], databases):
        axis.set_title(tables.DATABASES[label])
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xlabel(xlabel)
        axis.xaxis.set_major_locator(FixedLocator(ticks))
        axis.xaxis.set_minor_locator(NullLocator())
        axis.yaxis.set_minor_locator(NullLocator())
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes[0][0].set_ylabel(ylabel)
    return figure, axes[0]


def sizes(measured: tables.Measured) -> list[int]:
    return sorted({size for label in tables.DATABASES for size in measured.sizes(label)})


def line(axis, points: list[tuple[int, float]], style: int, title: str):
    points = [(x, y) for x, y in points if y]
    if points:
        colour, marker = STYLES[style % len(STYLES)]
        axis.plot(*zip(*points), color=colour, marker=marker, label=title, linewidth=2)


def save(figure, axes, file: pathlib.Path):
    handles = {}
    for axis in axes:
        for handle, title in zip(*axis.get_legend_handles_labels()):
            handles.setdefault(title, handle)
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3, frameon=False)
    figure.set_layout_engine("constrained")
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)
    # As every text file here, without spaces at the ends of lines.
    lines = [text.rstrip() for text in file.read_text().splitlines()]
    file.write_text("\n".join(lines) + "\n")


def growth(measured, databases, file):
    figure, axes = panels(databases, "CPU of one request, µs", "people", sizes(measured))
    for axis, label in zip(axes, databases):
        for style, (name, title) in enumerate(GROWTH):
            points = [(size, measured.cost(label, size, name)) for size in measured.sizes(label)]
            line(axis, points, style, title)
    save(figure, axes, file)


def pages(measured, databases, file):
    figure, axes = panels(databases, "median time, ms", "people", sizes(measured))
    for axis, label in zip(axes, databases):
        for style, (name, title) in enumerate(tables.PAGES):
            points = []
            for size in measured.sizes(label):
                micros = measured.figure(label, size, name, "p50_us")
                points.append((size, micros and micros / 1_000))
            line(axis, points, style, title)
    save(figure, axes, file)


def members(measured, databases, file):
    figure, axes = panels(databases, "median time, ms", "members of the group", [])
    for axis, label in zip(axes, databases):
        size = measured.sizes(label)[-1]
        axis.xaxis.set_major_locator(FixedLocator([1_000, 10_000, size]))
        # All are of one magnitude, so that a scale from 0 shows how they compare.
        axis.set_yscale("linear")
        for style, word in enumerate(["add", "remove"]):
            points = []
            for name, members in MEMBERS:
                if word == "remove":
                    name = name.replace("add", "remove").replace(" to ", " from ")
                micros = measured.figure(label, size, name, "p50_us")
                points.append((members or size, micros and micros / 1_000))
            line(axis, points, style, f"{word} one member")
    for axis in axes:
        axis.relim()
        axis.autoscale()
        axis.set_ylim(bottom=0)
    save(figure, axes, file)
