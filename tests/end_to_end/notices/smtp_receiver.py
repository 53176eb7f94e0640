"""A mail server that keeps nothing: prints its port, then each mail that it takes as one line of JSON.

A line on standard input, `refuse` or `take`, says what it does with the mails that follow.
"""

import asyncio
import email
import email.policy
import json
import sys
import threading

from aiosmtpd.smtp import SMTP


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


async def main():
    receiver = Receiver()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(receiver, loop=loop), "127.0.0.1", 0)
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
