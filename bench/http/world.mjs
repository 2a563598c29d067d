import { createSigner, generatePrivateJwk } from 'countersign'
import { january } from 'countersign/editions'
import { serializeSignatureBase, signMessage } from 'countersign/signatures'
import { issueToken } from 'countersign/tokens'
import { headerJwk } from '../contenders/raw.mjs'

/** The authority that requests are signed for. They are sent to loopback, because `Host` never determines the authority. */
export const authority = 'api.example'
export const resourceId = `https://${authority}`
export const issuer = 'https://auth.example'
export const scope = 'calendar.read'

/** The input of the tested processes: the keys that the client signs with, as private JWKs. */
export async function createKeys() {
  return {
    agent: await generatePrivateJwk({ kid: 'agent-1' }),
    authServer: await generatePrivateJwk({ kid: 'auth-1' }),
    resource: await generatePrivateJwk({ kid: 'resource-1' }),
  }
}

/**
 * The requests that the client signs: `makeRequests` returns GETs that differ in their query, as bytes to write, and that all carry the
 * same auth token. `sample` is the signature base of one of them and its signature, in base64.
 */
export async function createSignedRequests({ agent, authServer }) {
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
  const signed = (path, query) =>
    signMessage({ method: 'GET', authority, path, query }, { profile: january.signing, signer, signatureKey })
  let number = 0
  return {
    sample: sampleOf('/events', '?n=1000', await signed('/events', '?n=1000')),
    makeRequests: async (count, path = '/events') => {
      const requests = []
      for (let i = 0; i < count; i++) {
        const query = `?n=${number++}`
        const lines = Object.entries(await signed(path, query)).map(([name, value]) => `${name}: ${value}\r\n`)
        const head = `GET ${path}${query} HTTP/1.1\r\nHost: ${authority}\r\nAccept: application/json\r\n`
        requests.push(Buffer.from(`${head}${lines.join('')}\r\n`))
      }
      return requests
    },
  }
}

function sampleOf(path, query, headers) {
  const [, parameters, names] = /^sig1=((\(.*\)).*)$/.exec(headers['signature-input'])
  const components = names.slice(1, -1).replaceAll('"', '').split(' ')
  const derived = { '@method': 'GET', '@authority': authority, '@path': path, '@query': query }
  const values = components.map((name) => derived[name] ?? headers[name])
  const [, signature] = /^sig1=:(.*):$/.exec(headers.signature)
  return { base: Buffer.from(serializeSignatureBase(components, values, parameters)).toString('base64'), signature }
}

/** The documents of the issuer, for a resource that fetches its keys. */
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
