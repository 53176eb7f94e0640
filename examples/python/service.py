"""A small wiki that asks Portcullis about the token of each request.

Nothing is remembered between requests, so somebody who leaves is refused at their next one; and where
Portcullis does not answer, nobody is let in.
"""

import http.client
import json
import os
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORTCULLIS = urllib.parse.urlsplit(os.environ["PORTCULLIS_URL"])
TIMEOUT_SECONDS = 2

with open(os.environ["PORTCULLIS_CREDENTIAL_FILE"], encoding="ascii") as file:
    CREDENTIAL = file.read().strip()


class NotKnown(Exception):
    """Whether the token is good is not known, so it is not."""


class Portcullis:
    """A connection that is kept open, and made anew where it has been closed."""

    def __init__(self):
        self.connection = None

    def introspect(self, token, client_ip):
        """What Portcullis says of a token (RFC 7662 section 2.2)."""
        # The second attempt is for a connection that was closed while nobody used it.
        for is_last in (self.connection is None, True):
            try:
                return self._ask(token, client_ip)
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.connection = None
                if is_last or isinstance(error, TimeoutError):
                    raise NotKnown from error

    def _ask(self, token, client_ip):
        if self.connection is None:
            secure = PORTCULLIS.scheme == "https"
            kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
            self.connection = kind(PORTCULLIS.netloc, timeout=TIMEOUT_SECONDS)
        self.connection.request(
            "POST",
            PORTCULLIS.path + "/oauth2/introspect",
            urllib.parse.urlencode({"token": token, "client_ip": client_ip}),
            {
                "Authorization": f"Bearer {CREDENTIAL}",
                "Content-Type": "application/x-www-form-urlencoded",
            },
        )
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise NotKnown
        return json.loads(body)


class Wiki(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def setup(self):
        super().setup()
        self.portcullis = Portcullis()

    def do_GET(self):
        if self.path == "/healthz":
            return self.answer(200)
        user = self.admit("pages:read")
        if user is not None:
            page = urllib.parse.unquote(self.path[len("/pages/") :])
            self.answer(200, {"page": page, "read_by": user})

    def do_PUT(self):
        # What was sent is taken from the connection, whoever sent it.
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.admit("pages:write") is not None:
            self.answer(204)

    def admit(self, scope):
        """Who makes the request, where their token has the scope; otherwise it is refused and this is None."""
        if not self.path.startswith("/pages/"):
            return self.answer(404)
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not token:
            return self.answer(401, challenge="Bearer")
        try:
            # Behind a proxy this would be the proxy's address: take what your proxy says instead.
            said = self.portcullis.introspect(token, self.client_address[0])
        except NotKnown:
            return self.answer(503)
        if said.get("active") is not True:
            return self.answer(401, challenge='Bearer error="invalid_token"')
        if scope not in said.get("scope", "").split(" "):
            return self.answer(403, challenge=f'Bearer error="insufficient_scope", scope="{scope}"')
        return said.get("username", "")

    def answer(self, status, body=None, challenge=None):
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        if challenge is not None:
            self.send_header("WWW-Authenticate", challenge)
        if status == 503:
            self.send_header("Retry-After", "1")
        if body is not None:
            self.send_header("Content-Type", "application/json")
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        """A log of yours goes here; never log the headers."""


if __name__ == "__main__":
    host, _, port = os.environ["LISTEN"].rpartition(":")
    ThreadingHTTPServer((host, int(port)), Wiki).serve_forever()
