import { type CountersignEvent, createSigner, generatePrivateJwk, type Signer } from 'countersign'
import { january } from 'countersign/editions'
import { createResource, type ResourceOptions } from 'countersign/resource'
import { type KeyReference, signRequest } from 'countersign/signatures'
import { expect, it } from 'vitest'
import { agentDocuments, documentFetch } from '../origins.js'

const id = 'https://api.example'
const agent = 'https://agent.example'
const now = () => clock.now
const clock = { now: 1_800_000_000 }
const signer = await createSigner(await generatePrivateJwk({ kid: 'key-1' }))

/** A resource, and the events it emitted; durations are left out because they vary. */
function openTold(options: Partial<ResourceOptions> = {}) {
  const told: object[] = []
  const onEvent = (event: CountersignEvent): void => {
    const { duration, ...rest } = { duration: 0, ...event }
    expect(duration).toBeGreaterThanOrEqual(0)
    expect(duration).toBeLessThan(30)
    told.push(Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)))
  }
  const { fetch } = documentFetch(agentDocuments(agent, [signer.jwk]))
  const authServer = 'https://auth.example'
  const discovery = { failureTime: 'shortest' } as const
  return { resource: createResource({ id, signer, authServer, fetch, now, onEvent, discovery, ...options }), told }
}

const signedGet = (path: string, identifier = agent, by: Signer = signer) => {
  const signatureKey: KeyReference = { scheme: 'jwks', id: identifier, kid: by.kid, wellKnown: 'aauth-agent' }
  return signRequest(new Request(id + path), { profile: january.signing, signer: by, signatureKey, created: now() })
}
const lookup = { kind: 'lookup', role: 'resource', host: 'agent.example', outcome: 'found', cached: false }
const request = { kind: 'request', role: 'resource', method: 'GET' }

it('a resource reports accepted requests, their lookups, and which of those came from the cache', async () => {
  const { resource, told } = openTold()
  await resource.verify(await signedGet('/events?of=alice'), { require: 'identity' })
  for (let sent = 0; sent < 2; sent++) await resource.verify(await signedGet('/events'), { require: 'identity' })
  expect(told).toEqual([
    { ...lookup, what: 'document' },
    { ...lookup, what: 'keys' },
    { ...request, route: 'identity', path: '/events', outcome: 'ok' },
    { ...lookup, what: 'document', cached: true },
    { ...lookup, what: 'keys', cached: true },
    { ...request, route: 'identity', path: '/events', outcome: 'ok' },
    // From now on, the key is cached by its reference.
    { ...lookup, what: 'keys', cached: true },
    { ...request, route: 'identity', path: '/events', outcome: 'ok' },
  ])
})

it('a resource reports why it refused a request, in more detail than its response', async () => {
  const hidden = 'https://hidden.example'
  const { fetch } = documentFetch({})
  const { resource, told } = openTold({
    fetch: async (url) =>
      url.startsWith(hidden)
        ? Promise.reject(Object.assign(new TypeError('connect ECONNREFUSED 10.0.0.7:443'), { code: 'ECONNREFUSED' }))
        : fetch(url),
  })
  const refused = await resource
    .verify(await signedGet('/events', hidden), { require: 'identity' })
    .catch((error: unknown) => resource.toResponse(error))
  expect(await (refused as Response).text()).not.toContain('ECONNREFUSED')
  await expect(
    resource.verify(new Request(`${id}/aart_secret?x=y`), { require: 'authorization', scope: 'read' }),
  ).rejects.toThrow()
  const reason = `${hidden}/.well-known/aauth-agent could not be fetched: connect ECONNREFUSED 10.0.0.7:443`
  expect(told).toEqual([
    { ...lookup, host: 'hidden.example', what: 'document', outcome: 'unreachable', reason },
    {
      kind: 'refusal',
      role: 'resource',
      status: 401,
      code: 'key_unknown',
      agent: hidden,
      claimed: true,
      lookup: true,
      reason: expect.stringContaining(reason) as string,
    },
    { ...request, route: 'identity', path: '/events', outcome: 'key_unknown', status: 401 },
    expect.objectContaining({ kind: 'refusal', code: 'signature_missing' }),
    { ...request, route: 'authorization', path: '/aart_secret', outcome: 'signature_missing', status: 401 },
  ])
})

it('a request is reported with 256 characters of its path, and without its query', async () => {
  const { resource, told } = openTold()
  await resource.verify(await signedGet(`/${'a'.repeat(300)}`), { require: 'identity' })
  await resource.verify(await signedGet('/events?secret=1'), { require: 'identity' })
  expect(told.flatMap((event) => ('path' in event ? [event.path] : []))).toEqual([`/${'a'.repeat(255)}`, '/events'])
})

it('a resource names an agent whose signature verified but who lacks permission', async () => {
  const { resource, told } = openTold()
  const asked = resource.verify(await signedGet('/events'), { require: 'authorization', scope: 'read' })
  await expect(asked).rejects.toThrow()
  expect(told.at(-2)).toEqual({
    kind: 'refusal',
    role: 'resource',
    status: 401,
    code: 'authorization_required',
    agent,
    reason: expect.any(String) as string,
  })
})

it('a resource reports a cached failure as cached, and a document used while its origin is down as stale', async () => {
  let isDown = true
  const { fetch } = documentFetch(agentDocuments(agent, [signer.jwk]))
  const { resource, told } = openTold({
    fetch: async (url) => (isDown ? new Response(null, { status: 503 }) : fetch(url)),
  })
  const lookups = () => told.splice(0).filter((event) => (event as CountersignEvent).kind === 'lookup')
  const ask = async () => resource.verify(await signedGet('/'), { require: 'identity' }).catch(() => undefined)
  const failed = {
    ...lookup,
    what: 'document',
    outcome: 'unreachable',
    reason: 'https://agent.example/.well-known/aauth-agent returned 503',
  }
  await ask()
  expect(lookups()).toEqual([failed])
  await ask()
  expect(lookups()).toEqual([{ ...failed, cached: true }])
  isDown = false
  clock.now += 31
  await ask()
  lookups()
  isDown = true
  clock.now += 601
  await ask()
  expect(lookups()).toEqual([
    { ...failed, outcome: 'stale' },
    { ...lookup, what: 'keys', outcome: 'stale', reason: 'https://agent.example/jwks.json returned 503' },
  ])
})

it('a resource reports the paths that it publishes, and any other as none', async () => {
  const { resource, told } = openTold()
  await resource.handler(new Request(`${id}/.well-known/aauth-resource`))
  await resource.handler(new Request(`${id}/jwks.json`, { method: 'DELETE' }))
  await resource.handler(new Request(`${id}/nowhere`))
  expect(told.filter((event) => (event as CountersignEvent).kind === 'request')).toEqual([
    { ...request, route: '/.well-known/aauth-resource', path: '/.well-known/aauth-resource', outcome: 'ok' },
    {
      ...request,
      method: 'DELETE',
      route: '/jwks.json',
      path: '/jwks.json',
      outcome: 'method_not_allowed',
      status: 405,
    },
    { ...request, route: 'none', path: '/nowhere', outcome: 'not_found', status: 404 },
  ])
})
