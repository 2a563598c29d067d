import { createSigner, generatePrivateJwk, issueToken, january } from 'countersign'
import { signMessage } from 'countersign/wire'
import { headerJwk } from '../contenders/raw.mjs'

/** The authority that requests are signed for; they are sent to loopback, since `Host` never decides it. */
export const authority = 'api.example'
export const resourceId = `https://${authority}`
export const issuer = 'https://auth.example'
export const scope = 'calendar.read'

/** What the tested processes are given: the keys that the client signs with, as private JWKs. */
export async function createKeys() {
  return {
    agent: await generatePrivateJwk({ kid: 'agent-1' }),
    authServer: await generatePrivateJwk({ kid: 'auth-1' }),
    resource: await generatePrivateJwk({ kid: 'resource-1' }),
  }
}

/** Signed GETs that differ in their query, as bytes to write; all carry one auth token. */
export async function createRequestMaker({ agent, authServer }) {
  const signer = await createSigner(agent)
  const { alg: _alg, ...agentJwk } = signer.jwk
  const claims = {
    iss: issuer,
    aud: resourceId,
    agent: 'https://agent.example',
    sub: 'user-1',
    scope,
    exp: Math.floor(Date.now() / 1000) + 3600,
    cnf: { jwk: headerJwk(agentJwk) },
  }
  const signatureKey = {
    scheme: 'jwt',
    jwt: await issueToken(january.tokens.auth, claims, { signer: await createSigner(authServer) }),
  }
  let number = 0
  return async function makeRequests(count) {
    const requests = []
    for (let i = 0; i < count; i++) {
      const query = `?n=${number++}`
      const target = `/events${query}`
      const headers = await signMessage(
        { method: 'GET', authority, path: '/events', query },
        { profile: january.signing, signer, signatureKey },
      )
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
      requests.push(
        Buffer.from(
          `GET ${target} HTTP/1.1\r\nHost: ${authority}\r\nAccept: application/json\r\n${lines.join('')}\r\n`,
        ),
      )
    }
    return requests
  }
}

/** The documents of the issuer, for a resource that looks its keys up. */
export function issuerDocuments(jwk) {
  const documents = {
    [`${issuer}/.well-known/aauth-issuer`]: {
      issuer,
      jwks_uri: `${issuer}/jwks`,
      agent_token_endpoint: `${issuer}/token`,
      agent_auth_endpoint: `${issuer}/consent`,
      agent_signing_algs_supported: ['ed25519'],
    },
    [`${issuer}/jwks`]: { keys: [jwk] },
  }
  return async (url) => {
    const found = documents[String(url)]
    return found ? Response.json(found) : new Response(null, { status: 404 })
  }
}
