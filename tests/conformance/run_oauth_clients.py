"""Gets access tokens with PyJWT and Authlib, tries what must be refused, and prints each check as JSON.

Usage: run_oauth_clients.py BASE_URL (the admin API key comes on standard input, so that no list of processes
shows it).
"""

import base64
import hmac
import json
import sys
import time
import uuid

import jwt
import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from joserfc.jwk import ECKey, OKPKey, RSAKey

CLIENT_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SCOPES = ["users:read", "products:read", "products:write"]

PRIVATE_KEYS = {
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
    "RS256": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
}
AUTHLIB_KEYS = {"ES256": ECKey, "EdDSA": OKPKey, "RS256": RSAKey}


class Checks:
    def __init__(self) -> None:
        self.results = []

    def expect(self, title: str, found: object, expected: object) -> None:
        status = "pass" if found == expected else "fail"
        self.results.append(
            {"title": title, "status": status, "found": repr(found), "expected": repr(expected)}
        )


class Program:
    """A service account whose keys are made here, and registered as each form that is taken."""

    def __init__(self, base_url: str, admin: requests.Session) -> None:
        self.base_url = base_url
        self.admin = admin
        # The break-glass admin answers for it: nobody else is there.
        users = admin.get(f"{base_url}/admin/v1/users").json()["items"]
        account = {
            "name": f"Program {uuid.uuid4()}",
            "purpose": "Tests.",
            "owner_id": users[0]["id"],
        }
        self.account = self.post("/service-accounts", account)["id"]

    def post(self, path: str, body: dict) -> dict:
        answer = self.admin.post(f"{self.base_url}/admin/v1{path}", json=body)
        answer.raise_for_status()
        return answer.json()

    def register(self, algorithm: str, form: str, scopes: list) -> object:
        private = PRIVATE_KEYS[algorithm]()
        pem = private.public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        )
        jwk = AUTHLIB_KEYS[algorithm].import_key(pem).as_dict(private=False)
        given = {"pem": pem.decode(), "jwk": jwk, "jwks": {"keys": [jwk]}}[form]
        self.post(
            f"/service-accounts/{self.account}/keys",
            {"name": algorithm, form: given, "scopes": scopes},
        )
        return private

    def claims(self, **changes: object) -> dict:
        now = int(time.time())
        claims = {
            "iss": self.account,
            "sub": self.account,
            "aud": f"{self.base_url}/oauth2/token",
            "iat": now,
            "exp": now + 60,
            "jti": str(uuid.uuid4()),
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, assertion: str) -> requests.Response:
        return self.admin.post(
            f"{self.base_url}/oauth2/token",
            data={
                "grant_type": "client_credentials",
                "client_assertion_type": CLIENT_ASSERTION,
                "client_assertion": assertion,
            },
            # This is no request of the admin's.
            headers={"Authorization": None},
        )


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed_with_secret(claims: dict, secret: bytes) -> str:
    """HS256 by hand: PyJWT refuses to take a public key for a secret, as it should."""
    header = {"typ": "JWT", "alg": "HS256"}
    message = ".".join(encoded(json.dumps(part).encode()) for part in [header, claims])
    return f"{message}.{encoded(hmac.digest(secret, message.encode(), 'sha256'))}"


def check_pyjwt(checks: Checks, program: Program, algorithm: str, form: str) -> None:
    private = program.register(algorithm, form, SCOPES)
    sign = lambda claims: jwt.encode(claims, private, algorithm=algorithm)
    about = f"PyJWT, {algorithm} as {form}"

    good = sign(program.claims())
    answer = program.token(good)
    checks.expect(f"{about}: a token is given", answer.status_code, 200)
    checks.expect(f"{about}: only once", program.token(good).json().get("error"), "invalid_client")

    token = answer.json()["access_token"]
    keys = jwt.PyJWKClient(f"{program.base_url}/.well-known/jwks.json")
    claims = jwt.decode(
        token,
        keys.get_signing_key_from_jwt(token),
        algorithms=["ES256"],
        audience=program.base_url,
        issuer=program.base_url,
        options={"require": ["exp", "iat", "iss", "aud", "sub", "jti"]},
    )
    checks.expect(f"{about}: PyJWT verifies the token", claims["sub"], program.account)

    now = int(time.time())
    header, payload, signature = good.split(".")
    stranger = PRIVATE_KEYS[algorithm]()
    none = jwt.encode(program.claims(), None, algorithm="none")
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    mutations = {
        "another key": jwt.encode(program.claims(), stranger, algorithm=algorithm),
        "no algorithm": none,
        "the public key as a secret": signed_with_secret(program.claims(), public),
        "another audience": sign(program.claims(aud="https://elsewhere.example")),
        "no audience": sign(program.claims(aud=None)),
        "another subject": sign(program.claims(sub="somebody")),
        "no expiry": sign(program.claims(exp=None)),
        "expired": sign(program.claims(exp=now - 90)),
        "a long life": sign(program.claims(exp=now + 7200)),
        "not yet valid": sign(program.claims(nbf=now + 300)),
        "made in the future": sign(program.claims(iat=now + 300)),
        "no identifier": sign(program.claims(jti=None)),
        "changed claims": ".".join(
            [header, encoded(json.dumps(program.claims()).encode()), signature]
        ),
        "no signature": f"{header}.{payload}.",
    }
    for name, assertion in mutations.items():
        answer = program.token(assertion)
        found = (answer.status_code, answer.json().get("error"))
        checks.expect(f"{about}: {name} is refused", found, (401, "invalid_client"))


def check_authlib(checks: Checks, program: Program, algorithm: str) -> None:
    private = program.register(algorithm, "pem", SCOPES)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    about = f"Authlib, {algorithm}"
    metadata = AuthorizationServerMetadata(
        requests.get(f"{program.base_url}/.well-known/oauth-authorization-server").json()
    )
    for name in ["token_endpoint", "jwks_uri", "introspection_endpoint"]:
        checks.expect(f"{about}: {name}", metadata[name].startswith(program.base_url), True)

    client = OAuth2Session(
        program.account,
        AUTHLIB_KEYS[algorithm].import_key(pem),
        token_endpoint_auth_method="private_key_jwt",
        scope="users:read products:read",
    )
    client.trust_env = False
    client.register_client_auth_method(
        PrivateKeyJWT(metadata["token_endpoint"], alg=algorithm)
    )
    token = client.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
    checks.expect(f"{about}: scope", token["scope"], "users:read products:read")
    users = client.get(f"{program.base_url}/admin/v1/users")
    checks.expect(f"{about}: the token opens what its scope says", users.status_code, 200)
    beyond = client.post(f"{program.base_url}/admin/v1/products", json={"name": "Beyond"})
    checks.expect(f"{about}: and nothing else", beyond.status_code, 403)


def check_product(checks: Checks, program: Program) -> None:
    """A product asks about tokens and revokes one, as Authlib does."""
    product = program.post(
        "/products", {"name": f"Product {uuid.uuid4()}", "scopes": ["pages:read"]}
    )["id"]
    credential = program.post(f"/products/{product}/credentials", {"name": "Authlib"})
    limits = {"product_id": product, "scopes": ["pages:read"]}
    private = ed25519.Ed25519PrivateKey.generate()
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    program.post(
        f"/service-accounts/{program.account}/keys",
        {"name": "Product", "pem": pem.decode(), **limits},
    )
    assertion = jwt.encode(program.claims(), private, algorithm="EdDSA")
    access_token = program.token(assertion).json()["access_token"]
    token = program.post(
        f"/service-accounts/{program.account}/tokens", {"name": "Product", **limits}
    )["secret"]

    metadata = requests.get(f"{program.base_url}/.well-known/oauth-authorization-server").json()
    client = OAuth2Session(product, credential["secret"])
    client.trust_env = False
    introspect = lambda token: client.introspect_token(
        metadata["introspection_endpoint"], token=token
    ).json()
    for name, one in {"an access token": access_token, "a token": token}.items():
        answer = introspect(one)
        found = (answer.get("active"), answer.get("sub"), answer.get("scope"))
        checks.expect(
            f"Authlib, {name} is introspected", found, (True, program.account, "pages:read")
        )
    revoked = client.revoke_token(metadata["revocation_endpoint"], token=token)
    checks.expect("Authlib, a token is revoked", revoked.status_code, 200)
    checks.expect("Authlib, it is active no more", introspect(token), {"active": False})


def main() -> None:
    base_url = sys.argv[1]
    admin_api_key = sys.stdin.read().strip()
    checks = Checks()
    with requests.Session() as admin:
        # The server is on this machine: a proxy in the environment has no part in it.
        admin.trust_env = False
        admin.headers["Authorization"] = f"Bearer {admin_api_key}"
        for algorithm in PRIVATE_KEYS:
            for form in ["pem", "jwk", "jwks"]:
                program = Program(base_url, admin)
                check_pyjwt(checks, program, algorithm, form)
            check_authlib(checks, Program(base_url, admin), algorithm)
        check_product(checks, Program(base_url, admin))
    json.dump(checks.results, sys.stdout)


main()
