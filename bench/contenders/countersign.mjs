import { createSigner, generatePrivateJwk } from 'countersign'
import { createDiscovery } from 'countersign/discovery'
import { january, parseSignatureKey } from 'countersign/editions'
import { receiveIncoming } from 'countersign/node'
import { parseSignature, parseSignatureInput, signMessage, verifySignature } from 'countersign/signatures'
import { issueToken } from 'countersign/tokens'
import { receive, requireRefusal } from '../received.mjs'
import { request, withWrongSignature } from '../signed-get.mjs'
import { headerJwk } from './raw.mjs'

const issuer = 'https://auth.example'
const audience = 'https://calendar.example'
const systemClock = () => Math.floor(Date.now() / 1000)

/** Signatures are created before the rounds begin, so they must not expire during a long run. */
const profile = { ...january.signing, window: 86_400 }

/** This library: all the work that a resource does for a signed GET, with its real caches, on Node's own messages. */
export async function createCountersignContenders({ privateJwk }) {
  const signer = await createSigner(privateJwk)
  const authServer = await createAuthServer()
  const options = { authorities: [request.authority], resolveKey: createResolver(authServer), profile }
  const verify = (incoming) => verifySignature(receiveIncoming(incoming), options)

  const hwk = { scheme: 'hwk', jwk: headerJwk(signer.jwk) }
  const get = await signGet(signer, hwk)
  const seen = await signGet(signer, await authServer.issue(signer))

  const verifyOne = (name, headers, goal) => ({
    name,
    of: 'verify',
    goal,
    check: () => requireRefusal(() => verify(receive(withWrongSignature(headers)))),
    run: repeated(verify, receive(headers)),
  })
  const verifyNew = (name, agent, goal) => {
    let pool = []
    let next = 0
    return {
      name,
      of: 'verify',
      goal,
      async prepare(count) {
        const headers = []
        for (let i = 0; i < count; i++) {
          const agentSigner = await agent()
          headers.push(await signGet(agentSigner, await authServer.issue(agentSigner)))
        }
        pool = headers.map(receive)
        next = 0
      },
      async run(count) {
        for (let i = 0; i < count; i++) await verify(pool[next++])
      },
    }
  }
  return [
    verifyOne('countersign verify', get, 0.9),
    verifyOne('countersign verify, token seen', seen, 0.9),
    verifyNew('countersign verify, token new', async () => signer, 0.46),
    verifyNew('countersign verify, token and agent new', async () => createSigner(await generatePrivateJwk()), 0.46),
    parseAlone('countersign parse', get),
    parseAlone('countersign parse, with token', seen),
    {
      name: 'countersign sign',
      of: 'sign',
      goal: 0.93,
      async run(count) {
        for (let i = 0; i < count; i++) {
          const signed = signMessage(request, { profile: january.signing, signer, signatureKey: hwk })
          if (signed instanceof Promise) await signed
        }
      },
    },
  ]
}

function parseAlone(name, headers) {
  return {
    name,
    of: 'verify',
    goal: 20,
    run(count) {
      for (let i = 0; i < count; i++) {
        parseSignatureKey(headers['signature-key'])
        parseSignatureInput(headers['signature-input'])
        parseSignature(headers.signature)
      }
    },
  }
}

function repeated(verify, incoming) {
  return async (count) => {
    for (let i = 0; i < count; i++) await verify(incoming)
  }
}

function signGet(signer, signatureKey) {
  return signMessage(request, { profile: january.signing, signer, signatureKey })
}

/** An issuer whose documents are found by discovery, and which issues a new auth token on every call. */
export async function createAuthServer() {
  const signer = await createSigner(await generatePrivateJwk())
  const documents = {
    [`${issuer}/.well-known/aauth-issuer`]: {
      issuer,
      jwks_uri: `${issuer}/jwks`,
      agent_token_endpoint: `${issuer}/token`,
      agent_auth_endpoint: `${issuer}/consent`,
      agent_signing_algs_supported: ['ed25519'],
    },
    [`${issuer}/jwks`]: { keys: [signer.jwk] },
  }
  return {
    fetch: async (url) => {
      const found = documents[String(url)]
      return found ? Response.json(found) : new Response(null, { status: 404 })
    },
    async issue(agentSigner) {
      const jwk = headerJwk(agentSigner.jwk)
      const claims = {
        iss: issuer,
        aud: audience,
        agent: 'https://agent.example',
        sub: 'user-1',
        scope: 'calendar.read',
        exp: systemClock() + 3600,
        cnf: { jwk },
      }
      return { scheme: 'jwt', jwt: await issueToken(january.tokens.auth, claims, { signer }) }
    },
  }
}

/** The resolver of a resource, backed by discovery, with the issuer's documents already cached. */
export function createResolver({ fetch }) {
  const keys = january.createKeyResolver({
    discovery: createDiscovery({ fetch }),
    audience,
    now: systemClock,
    authTokenIssuers: [issuer],
    role: 'resource',
  })
  return (reference, remoteAddress, due) => keys.resolve(reference, remoteAddress, due)
}
