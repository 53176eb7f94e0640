"""Runs every check of scim2-tester against a server and prints them as one JSON array.

Usage: run_scim2_tester.py BASE_URL (the bearer token comes on standard input, so that no list of
processes shows it).
"""

import json
import sys

from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import check_server


def main() -> None:
    base_url = sys.argv[1]
    token = sys.stdin.read().strip()
    # The server is on this machine: a proxy in the environment has no part in it.
    with Client(
        base_url=base_url,
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
        trust_env=False,
    ) as http:
        results = check_server(SyncSCIMClient(http))
    json.dump(
        [
            {
                "status": result.status.name,
                "title": result.title,
                "resource_type": result.resource_type,
                "reason": str(result.reason),
                "data": repr(result.data) if result.data is not None else None,
            }
            for result in results
        ],
        sys.stdout,
    )


if __name__ == "__main__":
    main()
