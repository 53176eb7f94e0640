// A small wiki that asks Portcullis about the token of each request. Nothing is remembered between requests, so
// somebody who leaves is refused at their next one; and where Portcullis does not answer, nobody is let in.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const TIMEOUT_MILLISECONDS = 2000;
const introspection = `${process.env.PORTCULLIS_URL}/oauth2/introspect`;
const credential = readFileSync(process.env.PORTCULLIS_CREDENTIAL_FILE, "ascii").trim();

/** What Portcullis says of a token (RFC 7662 section 2.2). Fails where it does not say anything. */
async function introspect(token, clientIp) {
  const answer = await fetch(introspection, {
    method: "POST",
    headers: { authorization: `Bearer ${credential}` },
    body: new URLSearchParams({ token, client_ip: clientIp }),
    redirect: "error",
    signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS),
  });
  if (answer.status !== 200) {
    throw new Error(`Portcullis answered ${answer.status}`);
  }
  return answer.json();
}

/** Who makes the request (`user`), or how it is refused (`status`, `headers`). */
async function admit(request, scope) {
  const [, token] = /^Bearer (\S+)$/.exec(request.headers.authorization ?? "") ?? [];
  if (token === undefined) {
    return { status: 401, headers: { "www-authenticate": "Bearer" } };
  }
  let said;
  try {
    // Behind a proxy this would be the proxy's address: take what your proxy says instead.
    said = await introspect(token, request.socket.remoteAddress);
  } catch {
    // Whether the token is good is not known, so it is not.
    return { status: 503, headers: { "retry-after": "1" } };
  }
  if (said.active !== true) {
    return { status: 401, headers: { "www-authenticate": 'Bearer error="invalid_token"' } };
  }
  if (!(said.scope ?? "").split(" ").includes(scope)) {
    const challenge = `Bearer error="insufficient_scope", scope="${scope}"`;
    return { status: 403, headers: { "www-authenticate": challenge } };
  }
  return { user: said.username };
}

const scopes = { GET: "pages:read", PUT: "pages:write" };

const server = createServer(async (request, response) => {
  if (request.url === "/healthz") {
    return response.writeHead(200).end();
  }
  const [, name] = /^\/pages\/([^/?]+)$/.exec(request.url) ?? [];
  const scope = scopes[request.method];
  if (name === undefined || scope === undefined) {
    return response.writeHead(404).end();
  }
  const { user, status, headers } = await admit(request, scope);
  if (status !== undefined) {
    return response.writeHead(status, headers).end();
  }
  if (request.method === "PUT") {
    return response.writeHead(204).end();
  }
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify({ page: name, read_by: user }));
});

const [, host, port] = /^(.*):(\d+)$/.exec(process.env.LISTEN);
server.listen(Number(port), host);
