import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/**
 * An agent made with `@aauth/agent`, from a folder with its packages. Sends its documents to the process that started it, and then the
 * outcome of each request that it receives.
 */
const [, , folder, id, personServer] = process.argv
const from = createRequire(join(folder, 'resource', 'package.json'))
const { exportJWK, generateKeyPair, SignJWT } = await import(pathToFileURL(from.resolve('jose')).href)
const { createAAuthFetch } = await import(pathToFileURL(join(folder, 'agent', 'dist', 'index.js')).href)

async function newKey(kid) {
  const { privateKey, publicKey } = await generateKeyPair('Ed25519', { extractable: true })
  const [own, jwk] = await Promise.all([exportJWK(privateKey), exportJWK(publicKey)])
  return { privateKey, own: { ...own, alg: 'Ed25519', kid }, jwk: { ...jwk, alg: 'Ed25519', kid } }
}

const provider = await newKey('provider-1')
const key = await newKey('agent-1')
const now = Math.floor(Date.now() / 1000)
const agentToken = await new SignJWT({
  iss: id,
  dwk: 'aauth-agent.json',
  sub: `aauth:peer@${new URL(id).host}`,
  cnf: { jwk: key.jwk },
  ps: personServer,
  jti: crypto.randomUUID(),
  iat: now,
  exp: now + 3600,
})
  .setProtectedHeader({ alg: 'Ed25519', typ: 'aa-agent+jwt', kid: 'provider-1' })
  .sign(provider.privateKey)

const signedFetch = createAAuthFetch({
  getKeyMaterial: async () => ({ signingKey: key.own, signatureKey: { type: 'jwt', jwt: agentToken } }),
  personServerUrl: personServer,
  capabilities: ['interaction'],
  maxPollDuration: 30,
  onInteraction: (url, code) => process.send({ page: `${url}?code=${encodeURIComponent(code)}` }),
})

process.on('message', ({ url, init }) => {
  const outcome = signedFetch(url, init).then(
    ({ status }) => ({ status }),
    (error) => ({ error: error.error ?? error.message }),
  )
  void outcome.then((sent) => process.send({ outcome: sent }))
})
process.send({
  documents: {
    '/.well-known/aauth-agent.json': { issuer: id, jwks_uri: `${id}/jwks.json` },
    '/jwks.json': { keys: [provider.jwk] },
  },
})
