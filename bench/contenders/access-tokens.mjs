import { createPrivateKey, createPublicKey, randomUUID, sign, verify } from 'node:crypto'
import { createSigner, generatePrivateJwk } from 'countersign'
import { accessTokenType } from 'countersign/editions'
import { receiveIncoming } from 'countersign/node'
import { createResource } from 'countersign/resource'
import { importVerificationKey } from 'countersign/signatures'
import { registeredNames, verifyToken } from 'countersign/tokens'
import { asParsed, receive, requireRefusal } from '../received.mjs'
import { request } from '../signed-get.mjs'

const issuer = 'https://auth.example'
const id = `https://${request.authority}`
const required = { require: 'authorization', scope: 'calendar.read' }

/**
 * OAuth access tokens next to raw `node:crypto` over the same kind of token with an imported key: a token alone, and all the work that a
 * resource does for a GET with one.
 */
export async function createAccessTokenContenders() {
  const privateJwk = await generatePrivateJwk({ algorithm: 'ecdsa-p256-sha256', kid: 'oauth-1' })
  const { d: _d, ...publicJwk } = privateJwk
  const privateKey = { key: createPrivateKey({ key: privateJwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' }
  const publicKey = { key: createPublicKey({ key: publicJwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' }
  const key = await importVerificationKey(publicJwk, registeredNames)
  const options = { audience: id, issuers: [issuer], findKey: () => ({ key }) }
  const verifyAlone = (token) => verifyToken(accessTokenType, token, options)
  const endpoint = await createEndpoint(publicJwk)
  const verifyRequest = (incoming) => endpoint.verify(receiveIncoming(incoming), required)
  const newToken = () => asParsed(issueAccessToken(privateKey))
  const newRequest = (token = newToken()) => receive({ authorization: `Bearer ${token}` })
  const seen = newRequest()
  return [
    createLimit(newToken(), publicKey),
    {
      name: 'countersign access token, new',
      of: 'access token',
      goal: 0.85,
      check: () => requireRefusal(() => verifyAlone(withWrongSignature(newToken()))),
      ...fresh(newToken, verifyAlone),
    },
    {
      name: 'countersign request, token new',
      of: 'access token',
      check: () => requireRefusal(() => verifyRequest(newRequest(withWrongSignature(newToken())))),
      ...fresh(newRequest, verifyRequest),
    },
    {
      name: 'countersign request, token seen',
      of: 'access token',
      // Out of reach for a request that causes a signature check.
      goal: 5,
      async run(count) {
        for (let i = 0; i < count; i++) await verifyRequest(seen)
      },
    },
  ]
}

/** Verifies each message once. They are created outside of the measured time. */
function fresh(create, verifyOne) {
  let pool = []
  let next = 0
  return {
    prepare(count) {
      pool = Array.from({ length: count }, () => create())
      next = 0
    },
    async run(count) {
      for (let i = 0; i < count; i++) await verifyOne(pool[next++])
    },
  }
}

function createLimit(token, publicKey) {
  const dot = token.lastIndexOf('.')
  const signed = Buffer.from(token.slice(0, dot))
  const signature = Buffer.from(token.slice(dot + 1), 'base64url')
  return {
    name: 'crypto.verify, ES256',
    limit: 'access token',
    run(count) {
      for (let i = 0; i < count; i++)
        if (!verify('sha256', signed, publicKey, signature)) throw new Error('verification failed')
    },
  }
}

/** A resource that accepts access tokens and has its issuer’s keys in its cache. */
async function createEndpoint(publicJwk) {
  const documents = {
    [`${issuer}/.well-known/oauth-authorization-server`]: { issuer, jwks_uri: `${issuer}/oauth/jwks.json` },
    [`${issuer}/oauth/jwks.json`]: { keys: [publicJwk] },
  }
  return createResource({
    id,
    signer: await createSigner(await generatePrivateJwk({ kid: 'api-1' })),
    authServer: issuer,
    scopes: { 'calendar.read': 'See your events' },
    accept: ['aauth', 'oauth'],
    fetch: async (url) => {
      const found = documents[String(url)]
      return found ? Response.json(found) : new Response(null, { status: 404 })
    },
  })
}

function issueAccessToken(privateKey) {
  const now = Math.floor(Date.now() / 1000)
  const header = { typ: 'at+jwt', alg: 'ES256', kid: 'oauth-1' }
  const claims = {
    iss: issuer,
    aud: id,
    sub: 'Qm5XcVh2b0F0U3R1dkZ3eQ',
    client_id: 'https://client.example/oauth/client.json',
    scope: 'calendar.read',
    exp: now + 600,
    iat: now,
    jti: `${randomUUID()}.${randomUUID()}.${randomUUID()}`,
  }
  const input = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`
}

/** The token with one bit of its signature flipped. */
function withWrongSignature(token) {
  const at = token.lastIndexOf('.') + 1
  return `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`
}
