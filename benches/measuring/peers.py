"""Other SCIM servers that anybody can install, beside Portcullis: what each of them does, in one run."""

import json
import pathlib
import secrets
import shutil
import subprocess
import sys

from servers import Results, Server, free_port, run

HERE = pathlib.Path(__file__).parent / "peers"


def measure(portcullis, load, target: pathlib.Path, seconds: float):
    tools = target / "peers"
    install(tools)
    token = secrets.token_hex(16)
    work = target / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    results = Results(target / "results", "peers", {})
    try:
        for name, start in [
            ("Portcullis", lambda: start_portcullis(portcullis, work)),
            ("scim2-server", lambda: start_scim2_server(tools, work, token)),
            ("scimmy-routers", lambda: start_scimmy(tools, work, token)),
        ]:
            server, base, authorization = start()
            with server:
                command = [load, "scim", "--label", name, "--pid", server.pid, "--base", base]
                command += ["--seconds", seconds, "--output", results.path]
                printed, _, _ = run(command, env={"SCIM_AUTHORIZATION": authorization})
                print(name, printed, sep="\n", flush=True)
        results.finish()
    finally:
        shutil.rmtree(work)


def install(tools: pathlib.Path):
    if shutil.which("npm") is None:
        raise SystemExit("node and npm are missing. On Debian or Ubuntu: sudo apt-get install npm")
    tools.mkdir(parents=True, exist_ok=True)
    if not (tools / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", tools / "python"], check=True)
    pip = [tools / "python/bin/pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--requirement", HERE / "requirements.txt"], check=True)
    shutil.copy(HERE / "package.json", tools)
    shutil.copy(HERE / "scimmy.js", tools)
    subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund"], cwd=tools, check=True)


def start_portcullis(portcullis, work: pathlib.Path):
    """SQLite, everything as it comes but for the bound of a key's rate."""
    port = free_port()
    options = ["--data-dir", work / "portcullis", "--listen", f"127.0.0.1:{port}"]
    printed, _, _ = run([portcullis, *options, "--json", "init"])
    key = json.loads(printed)["scim_key"]
    command = [portcullis, *options, "--scim-key-rate", "0", "serve"]
    server = Server(command, port, "/readyz", work / "portcullis.log")
    return server, f"http://127.0.0.1:{port}/scim/v2", f"Bearer {key}"


def start_scim2_server(tools: pathlib.Path, work: pathlib.Path, token: str):
    port = free_port()
    command = [tools / "python/bin/scim2-server", "--port", port, "--bearer-token", token]
    server = Server(command, port, "/ServiceProviderConfig", work / "scim2-server.log")
    return server, f"http://127.0.0.1:{port}", f"Bearer {token}"


def start_scimmy(tools: pathlib.Path, work: pathlib.Path, token: str):
    port = free_port()
    command = ["node", "scimmy.js", port, token]
    log = work / "scimmy.log"
    server = Server(command, port, "/ready", log, cwd=tools, env={"NODE_ENV": "production"})
    return server, f"http://127.0.0.1:{port}/scim", f"Bearer {token}"
