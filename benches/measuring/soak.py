"""The mixed load for long, and far more of it than can be served, on a directory that is imported first."""

import json
import pathlib
import shutil
import threading
import time

from servers import Results, Server, free_port, run
from sizes import UNBOUNDED, people


def measure(portcullis, load, target: pathlib.Path, connect, asked):
    """`connect` makes a database, given a directory that is removed in the end."""
    work = target / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    size = asked.people
    file = people(load, target / "people", size)
    database = connect(work)
    kind = "overload" if asked.overload else "soak"
    results = Results(
        target / "results", f"{kind}-{database.name}", {"label": f"{kind} {database.name}", "size": size}
    )
    try:
        observe(portcullis, load, work, file, database, asked, results)
        results.finish()
    finally:
        database.remove()
        shutil.rmtree(work)


def observe(portcullis, load, work, file, database, asked, results):
    port = free_port()
    options = ["--data-dir", work, "--database-url", database.url, "--listen", f"127.0.0.1:{port}"]
    printed, _, _ = run([portcullis, *options, "--json", "init"])
    first = json.loads(printed)
    directory = first["directory_id"]
    run([portcullis, *options, "import", file, "--keep-ids", "--directory", directory])
    database.settle()

    serve = [portcullis, *options, *UNBOUNDED, "serve"]
    with Server(serve, port, "/readyz", work / "server.log") as server:
        seconds = asked.overload or asked.soak * 60
        command = [load, "soak", "--label", results.label, "--size", asked.people]
        command += ["--pid", server.pid, "--seconds", seconds, "--output", results.path]
        command += ["--url", f"http://127.0.0.1:{port}", "--directory", directory]
        command += ["--rate", asked.rate, "--every", 1 if asked.overload else 5]
        if asked.overload:
            command += ["--clients", asked.clients]
        keys = {"SCIM_KEY": first["scim_key"], "ADMIN_KEY": first["admin_api_key"]}
        results.write("start", rate=asked.rate, resident_kib=server.memory("VmRSS"), bytes=database.bytes())
        with sizes_of(database) as sampled:
            run(command, env=keys)
        for at, taken in sampled:
            results.write("bytes", at=at, bytes=taken)
        results.write(
            "end",
            resident_kib=server.memory("VmRSS"),
            peak_kib=server.memory("VmHWM"),
            bytes=database.bytes(),
        )


class sizes_of:
    """How large a database is, each five seconds, until the block ends."""

    def __init__(self, database):
        self._database, self._sampled = database, []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample)

    def _sample(self):
        began = time.monotonic()
        while True:
            self._sampled.append((time.monotonic() - began, self._database.bytes()))
            if self._over.wait(5):
                return

    def __enter__(self):
        self._thread.start()
        return self._sampled

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()
