"""Processes that are measured: how they are started, awaited and ended, and what they took."""

import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time

# Nothing of whoever measures may change what is measured.
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith("PORTCULLIS_") and not name.lower().endswith("_proxy")
}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def peak_of(process: subprocess.Popen) -> int:
    """Waits for the end of a process. Returns its peak memory in KiB, as last seen some milliseconds before."""
    status, peak = pathlib.Path(f"/proc/{process.pid}/status"), 0
    while process.poll() is None:
        # The kernel's own account begins with what this process held when it made the other.
        found = re.search(r"VmHWM:\s+(\d+)", status.read_text())
        peak = int(found[1]) if found else peak
        time.sleep(0.002)
    return peak


def run(command: list, **more) -> tuple[str, float, int]:
    """Runs a command to its end. Returns what it printed, seconds, and peak memory in KiB."""
    started = time.monotonic()
    with tempfile.TemporaryFile() as printed:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdout=printed,
            stdin=subprocess.DEVNULL,
            env=ENVIRONMENT | more.get("env", {}),
            cwd=more.get("cwd"),
        )
        peak = peak_of(process)
        seconds = time.monotonic() - started
        printed.seek(0)
        text = printed.read().decode()
    if process.returncode != 0:
        raise SystemExit(f"{command[0]} {command[1]} ended with {process.returncode}: {text}")
    return text, seconds, peak


class Server:
    """A process that serves on a port, from its start to its end."""

    def __init__(self, command: list, port: int, ready: str, log: pathlib.Path, **more):
        self.port = port
        self._log = log.open("w")
        started = time.monotonic()
        self._process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            env=ENVIRONMENT | more.get("env", {}),
            cwd=more.get("cwd"),
        )
        self.pid = self._process.pid
        patience = started + 180
        while not self._answers(ready):
            if self._process.poll() is not None or time.monotonic() > patience:
                self.stop()
                raise SystemExit(f"{command[0]} does not become ready; see {log}")
            time.sleep(0.001)
        self.seconds_to_ready = time.monotonic() - started

    def _answers(self, path: str) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status < 500
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def memory(self, name: str) -> int:
        """VmRSS or VmHWM, in KiB."""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(rf"{name}:\s+(\d+)", status)[1])

    def stop(self):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def machine() -> dict:
    """What figures that are not ratios depend on."""
    cpu = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*:\s*(.+)", cpu)
    memory = int(re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())[1])
    return {
        "cpu": model[1].strip() if model else os.uname().machine,
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 1024 / 1024),
        "system": f"Linux {'.'.join(os.uname().release.split('.')[:2])}",
    }


class Results:
    """Lines of JSON in a file of its own for each thing measured; measuring again replaces it."""

    def __init__(self, directory: pathlib.Path, name: str, labels: dict):
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / f"{name}.part"
        self._final = directory / f"{name}.jsonl"
        self.path.unlink(missing_ok=True)
        self._labels = labels
        self.label = labels["label"]

    def write(self, name: str, **figures):
        line = self._labels | {"name": name} | figures
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)

    def finish(self):
        self.path.replace(self._final)
