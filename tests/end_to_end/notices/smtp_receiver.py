"""A mail server that keeps nothing: prints its port, then each mail that it takes as one line of JSON.

A line on standard input, `refuse` or `take`, says what it does with the mails that follow. With the name of a
file as its argument it asks for STARTTLS and a password, and writes the certificate to trust to that file.
"""

import asyncio
import email
import email.policy
import json
import ssl
import sys
import threading

from aiosmtpd.smtp import SMTP, AuthResult


class Receiver:
    refuses = False

    async def handle_DATA(self, server, session, envelope):
        if self.refuses:
            return "451 4.3.0 Come back later"
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = {part.get_content_type(): part for part in message.walk() if not part.is_multipart()}
        print(
            json.dumps(
                {
                    "login": getattr(session, "presented", None),
                    "encrypted": session.ssl is not None,
                    "from": envelope.mail_from,
                    "to": envelope.rcpt_tos,
                    "subject": message["subject"],
                    "message_id": message["message-id"],
                    "auto_submitted": message["auto-submitted"],
                    "text": parts["text/plain"].get_content(),
                    "html": parts["text/html"].get_content(),
                }
            ),
            flush=True,
        )
        return "250 2.0.0 Taken"


def guarded(certificate_file):
    import trustme

    authority = trustme.CA()
    authority.cert_pem.write_to_path(certificate_file)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)

    def authenticate(server, session, envelope, mechanism, data):
        session.presented = [data.login.decode(), data.password.decode()]
        return AuthResult(success=data.password == b"open sesame")

    return {
        "tls_context": context,
        "require_starttls": True,
        "auth_required": True,
        "authenticator": authenticate,
    }


async def main():
    receiver = Receiver()
    loop = asyncio.get_running_loop()
    demands = guarded(sys.argv[1]) if len(sys.argv) > 1 else {}
    server = await loop.create_server(lambda: SMTP(receiver, loop=loop, **demands), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    ended = asyncio.Event()

    def obey():
        for line in sys.stdin:
            receiver.refuses = line.strip() == "refuse"
            print(json.dumps({"obeyed": line.strip()}), flush=True)
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=obey, daemon=True).start()
    await ended.wait()


asyncio.run(main())
