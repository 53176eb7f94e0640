"""Markdown tables of what was measured. Figures are ratios within one run wherever they can be."""

from instructions import STEPS

DATABASES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}
DAILY = [
    ("read", "read a user by id, 32 clients"),
    ("read, one client", "the same, one client"),
    ("userName eq", "`userName eq`"),
    ("userName eq, as Okta asks", "`userName eq`, with `startIndex=1&count=100` (Okta)"),
    ("userName eq, of nobody", "`userName eq`, of somebody who does not exist"),
    ("externalId eq", "`externalId eq`"),
    ("emails.value eq", "`emails.value eq`"),
    ("emails[type eq and value eq]", '`emails[type eq "work" and value eq …]` (Entra ID)'),
    ("id eq and manager eq, as Entra ID asks", "`id eq … and manager eq …` (Entra ID)"),
    ("group: displayName eq, as Entra ID asks", "a group by `displayName`, without members (Entra ID)"),
    ("group: id eq and members eq, as Entra ID asks", "`id eq … and members eq …`: is one in a group (Entra ID)"),
    ("introspection", "introspect a token, 32 clients"),
    ("create", "create a user"),
    ("add a member to 1,000", "add a member to a group of 1,000, one client"),
    ("remove a member from 1,000", "remove one"),
    ("add a member to 10,000", "add a member to a group of 10,000, one client"),
    ("remove a member from 10,000", "remove one"),
    ("add a member to all", "add a member to a group of everybody, one client"),
    ("remove a member from all", "remove one"),
    ("first page by index", "first page of 100 users"),
]
PAGES = [
    ("first page by index, one client", "first page of 100, by index"),
    ("page at nine tenths by index", "page of 100 at nine tenths, by index"),
    ("first page by cursor", "first page of 1,000, by cursor"),
    ("last page by cursor", "last page of 1,000, by cursor"),
]
ENGINE = {
    "read": "read a user with `serde_json`",
    "validate": "validate and canonicalise it",
    "parse_filter": "parse a filter",
    "bind_filter": "give the filter its meaning",
    "evaluate": "evaluate the filter on the user",
    "compile_to_sql": "compile the filter to SQL",
    "patch": "apply a PATCH of two operations",
    "project": "project the user to two attributes",
    "write": "write the user with `serde_json`",
}


class Measured:
    def __init__(self, lines: list[dict]):
        self._lines = {(line["label"], line.get("size"), line["name"]): line for line in lines}

    def line(self, label: str, size, name: str) -> dict | None:
        return self._lines.get((label, size, name))

    def figure(self, label: str, size, name: str, figure: str):
        return (self.line(label, size, name) or {}).get(figure)

    def cost(self, label: str, size, name: str):
        """CPU time of one request, of server and database together, in µs."""
        line = self.line(label, size, name)
        if line is None or line.get("server_cpu_us") is None or not line["requests"]:
            return None
        return line["server_cpu_us"] + (line.get("database_cpu_us") or 0)

    def sizes(self, label: str) -> list[int]:
        return sorted({size for kind, size, _ in self._lines if kind == label})

    def named(self, label: str) -> list[dict]:
        """In the order in which they were measured first."""
        return [line for (kind, _, _), line in self._lines.items() if kind == label]


def all_of(measured: Measured) -> dict[str, str]:
    return {
        "machine": machine(measured),
        "daily": daily(measured),
        "absolute": absolute(measured),
        "pages": pages(measured),
        "leaving": leaving(measured),
        "searches": searches(measured),
        "console": console(measured),
        "whole directories": transfer(measured),
        "engine": engine(measured),
        "peers": peers(measured),
    }


def table(head: list[str], rows: list[list[str]]) -> str:
    if not rows:
        return ""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def people(size: int) -> str:
    return "1 million" if size == 1_000_000 else f"{size:,}"


def ratio(value, unit) -> str:
    if not value or not unit:
        return ""
    found = value / unit
    return f"{found:.0f}" if found >= 20 else f"{found:.1f}"


def milliseconds(micros) -> str:
    if micros is None:
        return ""
    found = micros / 1_000
    return f"{found:,.0f}" if found >= 100 else f"{found:.1f}" if found >= 10 else f"{found:.2f}"


def number(value, unit: float = 1) -> str:
    return "" if value is None else f"{value / unit:,.0f}"


def machine(measured: Measured) -> str:
    line = measured.line("machine", None, "machine")
    if line is None:
        return ""
    return (
        f"{line['cores']} cores ({line['cpu']}) that server, database and client shared, "
        f"{line['memory_gib']} GiB of memory, {line['system']}."
    )


def daily(measured: Measured) -> str:
    head, rows = ["what"], []
    databases = [label for label in DATABASES if measured.sizes(label)]
    for label in databases:
        first, *larger = measured.sizes(label)
        head.append(f"{DATABASES[label]}: cost among {people(first)}")
        head += [f"× at {people(size)}" for size in larger]
    for name, title in DAILY:
        row = [title]
        for label in databases:
            sizes = measured.sizes(label)
            known = [size for size in sizes if measured.cost(label, size, name)]
            base = known[0] if known else None
            unit = measured.cost(label, sizes[0], "read")
            if base == sizes[0]:
                row.append(ratio(measured.cost(label, base, name), unit))
            else:
                row.append("")
            for size in sizes[1:]:
                if size == base:
                    # There is none of it among fewer: as a multiple of a read there.
                    cost = ratio(measured.cost(label, size, name), measured.cost(label, size, "read"))
                    row.append(f"(cost {cost})")
                else:
                    row.append(ratio(measured.cost(label, size, name), measured.cost(label, base, name)))
        if any(row[1:]):
            rows.append(row)
    return table(head, rows)


def absolute(measured: Measured) -> str:
    head, rows = ["what"], []
    databases = [label for label in DATABASES if measured.sizes(label)]
    for label in databases:
        largest = people(measured.sizes(label)[-1])
        head.append(f"{DATABASES[label]}, {largest}: a second")
        head += ["p50, ms", "p99, ms", "CPU of the server, µs"]
        if label == "postgres":
            head.append("of PostgreSQL, µs")
    for name, title in DAILY:
        row = [title]
        for label in databases:
            line = measured.line(label, measured.sizes(label)[-1], name) or {}
            row.append(number(line.get("per_second")))
            row += [milliseconds(line.get("p50_us")), milliseconds(line.get("p99_us"))]
            row.append(number(line.get("server_cpu_us")))
            if label == "postgres":
                row.append(number(line.get("database_cpu_us")))
        if any(row[1:]):
            rows.append(row)
    return table(head, rows)


def by_size(measured: Measured, titles: list[tuple[str, str]], cell) -> str:
    head, rows = ["what"], []
    databases = [label for label in DATABASES if measured.sizes(label)]
    for label in databases:
        sizes = [people(size) for size in measured.sizes(label)]
        head += [f"{DATABASES[label]}, {sizes[0]}", *sizes[1:]]
    for name, title in titles:
        row = [title]
        for label in databases:
            row += [cell(label, size, name) for size in measured.sizes(label)]
        if any(row[1:]):
            rows.append(row)
    return table(head, rows)


def pages(measured: Measured) -> str:
    def time(label, size, name):
        line = measured.line(label, size, name)
        if line and not line["requests"]:
            return "refused"
        return milliseconds(line["p50_us"]) if line else ""

    return by_size(measured, PAGES, time)


def leaving(measured: Measured) -> str:
    return by_size(
        measured,
        [("deactivation", "deactivate a person with 1,000 tokens and 100 keys: p50, ms")],
        lambda label, size, name: milliseconds(measured.figure(label, size, name, "p50_us")),
    )


def searches(measured: Measured) -> str:
    def answer(label, size, name):
        line = measured.line(label, size, name)
        if line is None:
            return ""
        taken = milliseconds(line["p50_us"])
        return taken if line["status"] == 200 else f"{line['status']} {line['error']}, {taken}"

    names = dict.fromkeys(
        line["name"] for label in DATABASES for line in measured.named(label) if line.get("search")
    )
    titles = [(name, f"`{name}`") for name in names]
    return by_size(measured, titles, answer)


def console(measured: Measured) -> str:
    names = dict.fromkeys(
        line["name"]
        for label in DATABASES
        for line in measured.named(label)
        if line["name"].startswith("console: ")
    )
    head = ["page", "KiB"]
    databases = [label for label in DATABASES if measured.sizes(label)]
    for label in databases:
        sizes = [people(size) for size in measured.sizes(label)]
        head += [f"{DATABASES[label]}, {sizes[0]}: ms", *sizes[1:]]
    rows = []
    for name in names:
        first = databases[0]
        largest = measured.figure(first, measured.sizes(first)[-1], name, "bytes")
        row = [name.removeprefix("console: "), number(largest, 1024)]
        for label in databases:
            for size in measured.sizes(label):
                row.append(milliseconds(measured.figure(label, size, name, "p50_us")))
        rows.append(row)
    return table(head, rows)


def transfer(measured: Measured) -> str:
    def rate(label, size, name):
        line = measured.line(label, size, name)
        return number(line["people"] / line["seconds"]) if line else ""

    def figure(of, name, unit):
        return lambda label, size, _: number(measured.figure(label, size, of, name), unit)

    cells = {
        "import: people a second": lambda label, size, _: rate(label, size, "import"),
        "import: peak memory, MiB": figure("import", "peak_kib", 1024),
        "export: people a second": lambda label, size, _: rate(label, size, "export"),
        "export: peak memory, MiB": figure("export", "peak_kib", 1024),
        "everybody over SCIM, by cursor, 1,000 on a page: people a second": lambda label, size, _: rate(
            label, size, "walk by cursor"
        ),
        "start, until ready: ms": lambda label, size, _: number(
            measured.figure(label, size, "start", "seconds"), 0.001
        ),
        "memory of the server once it is ready, MiB": figure("idle", "resident_kib", 1024),
        "after everything above, MiB": figure("afterwards", "resident_kib", 1024),
        "at the most, MiB": figure("afterwards", "peak_kib", 1024),
        "the largest group, read whole: seconds": lambda label, size, _: seconds_of(
            measured.figure(label, size, "read a group whole", "p50_us")
        ),
        "the database for each person, bytes": lambda label, size, _: number(
            measured.figure(label, size, "import", "bytes"), size
        ),
    }
    return by_size(
        measured,
        [(title, title) for title in cells],
        lambda label, size, title: cells[title](label, size, title),
    )


def seconds_of(micros) -> str:
    return "" if micros is None else f"{micros / 1_000_000:.3f}"


def engine(measured: Measured) -> str:
    unit = measured.figure("instructions", None, "read", "instructions")
    rows = []
    for step in STEPS:
        count = measured.figure("instructions", None, step, "instructions")
        if count:
            rows.append([ENGINE[step], f"{count:,}", f"{count / unit:.2f}"])
    return table(["what", "instructions", "as a multiple of reading the user"], rows)


def peers(measured: Measured) -> str:
    names = ["Portcullis", "scim2-server", "scimmy-routers"]
    titles = [
        ("create", "create a user, 8 clients"),
        ("read", "read a user by id, 32 clients"),
    ("read, one client", "the same, one client"),
        ("userName eq", "`userName eq`, 8 clients"),
        ("first page by index", "first page of 100 users, 8 clients"),
        ("add a member", "add a member to a group of half of them, one client"),
        ("remove a member", "remove one"),
    ]
    rows = []
    for name, title in titles:
        ours = measured.cost("Portcullis", None, name)
        row = [title]
        for peer in names:
            cost = measured.cost(peer, None, name)
            row.append(number(measured.figure(peer, None, name, "per_second")))
            if peer != "Portcullis":
                row.append(ratio(cost, ours))
        if any(row[1:]):
            rows.append(row)
    head = ["what", "Portcullis: a second"]
    for peer in names[1:]:
        head += [f"{peer}: a second", "CPU, × ours"]
    return table(head, rows)
