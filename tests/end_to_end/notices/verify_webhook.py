"""Verifies a webhook with the reference library of the Standard Webhooks specification.

Reads {"secret", "headers", "body"} from standard input; exits with 0 where the signature is good.
"""

import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError

message = json.load(sys.stdin)
try:
    Webhook(message["secret"]).verify(message["body"], message["headers"])
except WebhookVerificationError as error:
    sys.exit(str(error))
