"""Calls a server by its own OpenAPI document with schemathesis, and prints its checks as JSON.

Usage: run_schemathesis.py BASE_URL (the admin API key and the SCIM key come on standard input, a line each, so
that no list of processes shows them).
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import requests
import schemathesis
from joserfc.jwk import ECKey
from openapi_spec_validator import OpenAPIV31SpecValidator

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
]
PASSWORD = "seven quiet herons over the weir"


class Server:
    """A server, each of whose answers is compared with its document."""

    def __init__(self, base_url: str, admin_key: str) -> None:
        self.base_url = base_url
        self.admin_key = admin_key
        self.http = requests.Session()
        # The server is on this machine: a proxy in the environment has no part in it.
        self.http.trust_env = False
        self.document = self.http.get(f"{base_url}/openapi.json").json()
        self.schema = schemathesis.openapi.from_dict(self.document)
        self.checks = []

    def call(
        self,
        path: str,
        body: dict | None,
        token: str | None = None,
        method: str = "POST",
        form: dict | None = None,
    ) -> dict:
        answer = self.http.request(
            method,
            f"{self.base_url}{path}",
            json=body,
            data=form,
            headers={"Authorization": f"Bearer {token or self.admin_key}"},
        )
        if not answer.ok:
            raise SystemExit(f"{method} {path} was answered {answer.status_code}: {answer.text}")
        self.compare(path, method, answer)
        return answer.json() if answer.content else {}

    def compare(self, path: str, method: str, answer: requests.Response) -> None:
        described = [
            template
            for template, operations in self.document["paths"].items()
            if method.lower() in operations
            and re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", template), path)
        ]
        # A literal segment goes before a parameter.
        template = min(described, key=lambda known: known.count("{"))
        check = {"status": "pass", "title": f"{method} {template}"}
        responses = self.document["paths"][template][method.lower()]["responses"]
        try:
            if str(answer.status_code) not in responses:
                raise AssertionError(f"{answer.status_code} is not described")
            self.schema[template][method].validate_response(answer)
        except (AssertionError, BaseExceptionGroup) as failure:
            causes = getattr(failure, "exceptions", [failure])
            check |= {"status": "fail", "data": [str(cause) for cause in causes]}
        self.checks.append(check)


def credentials(server: Server, scim_key: str) -> dict:
    """One of each kind that the document names, made for the run."""
    product = server.call("/admin/v1/products", {"name": "Wiki", "scopes": ["pages:read"]})
    credential = server.call(
        f"/admin/v1/products/{product['id']}/credentials", {"name": "Wiki"}
    )
    person = server.call("/admin/v1/users", {"user_name": "caller"})
    link = server.call(f"/admin/v1/users/{person['id']}/password-link", {})
    server.call("/account/v1/password", {"link": link["secret"], "password": PASSWORD})
    session = server.call(
        "/account/v1/session", {"user_name": "caller", "password": PASSWORD}
    )
    token = server.call(
        "/account/v1/tokens",
        {"name": "Wiki", "product_id": product["id"], "scopes": ["pages:read"]},
        session["token"],
    )
    presented = {"token": token["secret"]}
    server.call("/oauth2/introspect", None, credential["secret"], form=presented)
    return {
        "PORTCULLIS_ADMIN_KEY": server.admin_key,
        "PORTCULLIS_SCIM_KEY": scim_key,
        "PORTCULLIS_SESSION": session["token"],
        "PORTCULLIS_PRODUCT_ID": product["id"],
        "PORTCULLIS_PRODUCT_CREDENTIAL": credential["secret"],
        "PORTCULLIS_USER_TOKEN": token["secret"],
    }


def things(server: Server, scim_key: str) -> dict:
    """One of each kind that a path names, so that more is answered than that there is none."""
    admin = "/admin/v1"
    product = server.call(f"{admin}/products", {"name": "Forum", "scopes": ["posts:read"]})
    below_product = f"{admin}/products/{product['id']}"
    credential = server.call(f"{below_product}/credentials", {"name": "Forum"})
    instance = server.call(f"{below_product}/instances", {"name": "North"})
    user = scim(server, scim_key, "Users", "User", {"userName": "named"})
    account = server.call(
        f"{admin}/service-accounts",
        {"name": "Reporter", "purpose": "Writes reports", "owner_id": user["id"]},
    )
    below_account = f"{admin}/service-accounts/{account['id']}"
    token = server.call(f"{below_account}/tokens", {"name": "Nightly", "scopes": ["users:read"]})
    jwk = ECKey.generate_key("P-256").as_dict(private=False)
    key = server.call(f"{below_account}/keys", {"name": "Nightly", "jwk": jwk, "scopes": ["users:read"]})
    policy = server.call(f"{admin}/policies", {"name": "Strict"})
    group = scim(server, scim_key, "Groups", "Group", {"displayName": "Auditors"})
    server.call(f"{admin}/policies/{policy['id']}/members", {"member_id": user["id"]})
    server.call(
        f"{admin}/policies/{policy['id']}", {"effective_at": "2027-06-01T00:00:00Z"}, method="PATCH"
    )
    server.call(f"{admin}/roles/assignments", {"user_id": user["id"], "role": "auditor"})
    mapping = server.call(
        f"{admin}/roles/mappings", {"group_id": group["id"], "role": "auditor"}
    )
    leaver = scim(server, scim_key, "Users", "User", {"userName": "leaver"})
    left = server.call(
        f"{admin}/service-accounts",
        {"name": "Left", "purpose": "Is left behind", "owner_id": leaver["id"]},
    )
    receipt = server.call(f"{admin}/users/{leaver['id']}/deprovision", {})
    server.call(f"{admin}/service-accounts/{left['id']}/adopt", {"owner_id": user["id"]})
    gone = scim(server, scim_key, "Users", "User", {"userName": "gone"})
    server.call(f"/scim/v2/Users/{gone['id']}", None, scim_key, "DELETE")
    webhook = server.call(f"{admin}/webhooks", {"url": "https://hooks.example.org/in"})
    spare = server.call(f"{admin}/api-keys", {"name": "Spare", "scopes": ["users:read"]})
    directory = server.call(f"{admin}/users/{user['id']}", None, None, "GET")
    scim_keys = f"{admin}/directories/{directory['directory_id']}/scim-keys"
    other = server.call(scim_keys, {"name": "Other"})
    server.call(f"{below_account}/tokens/{token['id']}/rotate", {"overlap_hours": 1})
    server.call(f"{admin}/api-keys/{spare['id']}", {"name": "Spare key"}, method="PATCH")
    server.call(f"{admin}/scim-keys/{other['id']}", {"name": "Other key"}, method="PATCH")
    server.call(f"{admin}/policies/reorder", {"order": [policy["id"]]})
    server.call(f"{admin}/policies/reorder/preview", {"order": [policy["id"]]})
    server.call(f"{admin}/deleted-users/{gone['id']}", None, method="GET")
    # Nobody is there, so that it fails, and can be sent again.
    tried = server.call(f"{admin}/webhooks/{webhook['id']}/test", {})
    server.call(f"{admin}/deliveries/{tried['id']}/redeliver", {})
    return {
        "NAMED_PRODUCT": product["id"],
        "CREDENTIAL": credential["id"],
        "INSTANCE": instance["id"],
        "SERVICE_ACCOUNT": account["id"],
        "TOKEN": token["id"],
        "KEY": key["id"],
        "POLICY": policy["id"],
        "MAPPING": mapping["id"],
        "RECEIPT": receipt["id"],
        "DELETED_USER": gone["id"],
        "WEBHOOK": webhook["id"],
        "API_KEY": spare["id"],
        "OTHER_SCIM_KEY": other["id"],
        "DIRECTORY": directory["directory_id"],
        "USER": user["id"],
        "GROUP": group["id"],
    }


def scim(server: Server, key: str, endpoint: str, name: str, attributes: dict) -> dict:
    schema = f"urn:ietf:params:scim:schemas:core:2.0:{name}"
    return server.call(f"/scim/v2/{endpoint}", {"schemas": [schema], **attributes}, key)


def validity(document: dict) -> list:
    """One check for the document as a whole."""
    errors = [str(error.message) for error in OpenAPIV31SpecValidator(document).iter_errors()]
    return [
        {
            "status": "fail" if errors else "pass",
            "title": "the document is valid OpenAPI 3.1",
            "data": errors,
        }
    ]


def run(server: Server, secrets: dict) -> list:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "report.json"
        process = subprocess.run(
            [
                Path(sys.executable).with_name("schemathesis"),
                "--no-color",
                "--config-file",
                CONFIGURATION,
                "run",
                f"{server.base_url}/openapi.json",
                "--checks",
                ",".join(CHECKS),
                "--phases",
                "examples,coverage,fuzzing",
                "--report",
                "json",
                "--report-json-path",
                path,
            ],
            env={**os.environ, **secrets},
            cwd=directory,
            stdout=sys.stderr,
            check=False,
        )
        if process.returncode not in (0, 1):
            raise SystemExit(f"schemathesis ended with {process.returncode}")
        return checks_of(json.loads(path.read_text()))


def checks_of(report: dict) -> list:
    """Each failure, and whether the run went through."""
    operations, cases = report["operations"], report["test_cases"]
    is_whole = report["complete"] and operations["tested"] == operations["selected"]
    return [
        {"status": "fail", "title": failure["title"], "data": failure}
        for failure in report["failures"]
    ] + [
        {
            "status": "pass" if is_whole and not cases["errored"] else "fail",
            "title": "every operation that is selected was called",
            "operations": operations["tested"],
            "cases": cases["generated"],
        }
    ]


def main() -> None:
    admin_key, scim_key = sys.stdin.read().split()
    server = Server(sys.argv[1], admin_key)
    checks = validity(server.document)
    named = {f"PORTCULLIS_{name}": value for name, value in things(server, scim_key).items()}
    outcome = run(server, {**named, **credentials(server, scim_key)})
    json.dump(checks + server.checks + outcome, sys.stdout)


if __name__ == "__main__":
    main()
