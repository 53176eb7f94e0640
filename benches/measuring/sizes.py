"""Measures Portcullis with so many people: import, start, everything that the load client asks, export."""

import json
import pathlib
import shutil
import statistics
import subprocess

from servers import Results, Server, free_port, run

# Only what is measured may bound it.
UNBOUNDED = ["--scim-key-rate", "0", "--api-key-rate", "0", "--session-rate", "0"]
STARTS = 3


class Sqlite:
    name = "sqlite"
    pid = None

    def __init__(self, work: pathlib.Path):
        self._file = work / "portcullis.sqlite3"
        self.url = f"sqlite:{self._file}"

    def settle(self):
        pass

    def bytes(self) -> int:
        return sum(file.stat().st_size for file in self._file.parent.glob(f"{self._file.name}*"))

    def remove(self):
        pass


class Postgres:
    name = "postgres"
    database = "portcullis_bench"

    def __init__(self, url: str, pid: int):
        self._server = url
        self.url = url.rsplit("/", 1)[0] + "/" + self.database
        self.pid = pid
        self.remove()
        self._execute(url, f"CREATE DATABASE {self.database}")

    @staticmethod
    def _execute(url: str, statement: str) -> str:
        command = ["psql", url, "--no-psqlrc", "--tuples-only", "--no-align", "--command", statement]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def settle(self):
        # What autovacuum does by itself, but within minutes and beside the measuring.
        self._execute(self.url, "VACUUM ANALYZE")
        self._execute(self.url, "CHECKPOINT")

    def bytes(self) -> int:
        return int(self._execute(self.url, f"SELECT pg_database_size('{self.database}')"))

    def remove(self):
        self._execute(self._server, f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")


def people(load: pathlib.Path, directory: pathlib.Path, size: int) -> pathlib.Path:
    """The file with so many people, made where it is not there yet."""
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / f"people-{size}.ndjson"
    if not file.exists():
        part = file.with_suffix(".part")
        run([load, "people", size, part])
        part.replace(file)
    return file


def measure(portcullis, load, target: pathlib.Path, size: int, seconds: float, connect, only: str):
    """`connect` makes a database, given a directory that is removed in the end."""
    work = target / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    file = people(load, target / "people", size)
    database = connect(work)
    results = Results(
        target / "results",
        f"{database.name}-{size}",
        {"label": database.name, "size": size},
    )
    try:
        everything(portcullis, load, work, file, database, size, seconds, results, only)
        results.finish()
    finally:
        database.remove()
        shutil.rmtree(work)


def everything(portcullis, load, work, file, database, size, seconds, results, only):
    port = free_port()
    options = ["--data-dir", work, "--database-url", database.url, "--listen", f"127.0.0.1:{port}"]
    printed, _, _ = run([portcullis, *options, "--json", "init"])
    first = json.loads(printed)
    directory = first["directory_id"]
    transfer = ["--directory", directory]

    printed, taken, peak = run(
        [portcullis, *options, "--json", "import", file, "--keep-ids", *transfer]
    )
    report = json.loads(printed)
    if report["created"]["User"] != size:
        raise SystemExit(f"not everybody was imported: {printed}")
    results.write(
        "import",
        seconds=taken,
        people=size,
        memberships=report["memberships"],
        peak_kib=peak,
        file_bytes=file.stat().st_size,
        bytes=database.bytes(),
    )
    database.settle()

    serve = [portcullis, *options, *UNBOUNDED, "serve"]
    taken = []
    for _ in range(STARTS):
        with Server(serve, port, "/readyz", work / "server.log") as server:
            taken.append(server.seconds_to_ready)
    results.write("start", seconds=statistics.median(taken))

    with Server(serve, port, "/readyz", work / "server.log") as server:
        results.write("idle", resident_kib=server.memory("VmRSS"))
        command = [load, "portcullis", "--label", database.name, "--size", size]
        command += ["--pid", server.pid, "--seconds", seconds, "--output", results.path]
        command += ["--url", f"http://127.0.0.1:{port}", "--directory", directory]
        if database.pid:
            command += ["--database-pid", database.pid]
        if only:
            command += ["--only", only]
        keys = {"SCIM_KEY": first["scim_key"], "ADMIN_KEY": first["admin_api_key"]}
        printed, _, _ = run(command, env=keys)
        print(printed, flush=True)
        results.write(
            "afterwards",
            resident_kib=server.memory("VmRSS"),
            peak_kib=server.memory("VmHWM"),
            bytes=database.bytes(),
        )

    exported = work / "exported.ndjson"
    _, taken, peak = run([portcullis, *options, "export", exported, *transfer])
    results.write("export", seconds=taken, people=size, peak_kib=peak, bytes=exported.stat().st_size)
