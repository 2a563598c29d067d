import { createSigner, generatePrivateJwk, type PrivateJwk, type Signer } from 'countersign'
import { type AuthServerOptions, createAuthServer, fixedKeys, type ServerKeys } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { expect, it, onTestFinished } from 'vitest'
import vectors from '../../../countersign/vectors/rfc9421-appendix-b.json' with { type: 'json' }

const secret = new Uint8Array(32).fill(7)
const example = await createSigner({
  ...vectors.keys['test-key-ed25519'],
  ...vectors.ed25519PrivateKey,
  kid: 'key-1',
} as PrivateJwk)
const own = await createSigner(await generatePrivateJwk())
const message = 'the key of keys is an example in RFC 9421'

function start(issuer: string, keys: ServerKeys, more: Partial<AuthServerOptions> = {}) {
  const storage = sqliteStorage(':memory:')
  onTestFinished(() => storage.close())
  const server = createAuthServer({ issuer, keys, storage, allowInsecureLoopback: issuer.startsWith('http:'), ...more })
  onTestFinished(() => server.close())
  return server
}

/** A signer like a key service’s, called for every signature. */
const served = (signer: Signer): ServerKeys => ({
  signer: async () => signer,
  publicKeys: async () => [signer.jwk],
  secret,
})

it('an auth server does not start with a key published in a standard, except on loopback', () => {
  expect(() => start('https://auth.example', fixedKeys({ signer: example, secret }))).toThrow(message)
  expect(start('https://auth.example', fixedKeys({ signer: own, secret }))).toBeDefined()
  expect(start('http://127.0.0.1:8003', fixedKeys({ signer: example, secret }))).toBeDefined()
})

it('a key service that returns such a key is reported at startup', async () => {
  const told: unknown[] = []
  start('https://auth.example', served(example), { onError: (error) => told.push(error) })
  await expect.poll(() => told).toEqual([expect.objectContaining({ message: expect.stringContaining(message) })])
  start('https://auth.example', served(own), { onError: (error) => told.push(error) })
  await new Promise((resolve) => setTimeout(resolve, 5))
  expect(told).toHaveLength(1)
})

it.each([
  [own, 200],
  [example, 500],
])('no token is signed with such a key', async (signer, status) => {
  const server = start('https://auth.example', served(signer), { onError: () => undefined })
  const list = await server.handler(new Request('https://auth.example/.well-known/aauth-revocations'))
  expect(list.status).toBe(status)
})
