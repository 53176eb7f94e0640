"""What `scripts/bench` runs once everything is built."""

import argparse
import json
import pathlib

import instructions
import page
import peers
import servers
import sizes
import soak


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("--target", type=pathlib.Path, required=True)
    parser.add_argument("--portcullis", type=pathlib.Path)
    parser.add_argument("--load", type=pathlib.Path)
    parser.add_argument("--engine", type=pathlib.Path)
    parser.add_argument("--postgres-url")
    parser.add_argument("--postgres-pid", type=int)
    parser.add_argument("--sizes", default="2000,20000,200000,1000000")
    parser.add_argument("--databases", default="sqlite,postgres")
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--only", default="")
    parser.add_argument("--soak", type=float, metavar="MINUTES")
    parser.add_argument("--overload", type=float, metavar="SECONDS")
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--rate", type=float, default=150)
    parser.add_argument("--clients", type=int, default=2_000)
    parser.add_argument("--instructions", action="store_true")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--page", action="store_true")
    return parser.parse_args()


def main():
    asked = arguments()
    results = asked.target / "results"
    results.mkdir(parents=True, exist_ok=True)
    if asked.instructions:
        instructions.count(asked.engine, asked.target)
    elif asked.peers:
        peers.measure(asked.portcullis, asked.load, asked.target, asked.seconds)
    elif asked.soak or asked.overload:
        for database in asked.databases.split(","):
            soak.measure(asked.portcullis, asked.load, asked.target, connector(database, asked), asked)
    elif not asked.page:
        (results / "machine.json").write_text(json.dumps(servers.machine()))
        for database in asked.databases.split(","):
            for size in map(int, asked.sizes.split(",")):
                sizes.measure(
                    asked.portcullis,
                    asked.load,
                    asked.target,
                    size,
                    asked.seconds,
                    connector(database, asked),
                    asked.only,
                )
    page.write(results, pathlib.Path("docs"))


def connector(database: str, asked):
    if database == "sqlite":
        return sizes.Sqlite
    if database == "postgres":
        return lambda _work: sizes.Postgres(asked.postgres_url, asked.postgres_pid)
    raise SystemExit(f"{database}: say sqlite or postgres")


if __name__ == "__main__":
    main()
