import type { FetchDocument } from 'countersign'
import type { Delay, Discovery } from 'countersign/discovery'
import { january } from 'countersign/editions'
import { issueToken } from 'countersign/tokens'
import { describe, expect, it } from 'vitest'
import { issuerDocuments } from '../origins.js'
import { discoveryAmong, hosts, reasonOf, signer } from './parties.js'

const agent = 'https://agent.example'
const metadata = `${agent}/.well-known/aauth-agent`
const jwks = `${agent}/jwks.json`

const failed = (code: string) => () => Promise.reject(Object.assign(new Error(code), { code }))
const answers =
  (body: unknown, status = 200) =>
  () =>
    Promise.resolve(Response.json(body, { status }))

/** The possible faults at a location that a stranger names. */
const causes: readonly (readonly [string, string, () => Promise<Response>])[] = [
  ['a name that does not resolve', agent, failed('ENOTFOUND')],
  ['an address that is not public', agent, failed('EREFUSED')],
  ['a closed port', agent, failed('ECONNREFUSED')],
  ['a certificate for another name', agent, failed('ERR_TLS_CERT_ALTNAME_INVALID')],
  ['a missing document', metadata, answers({}, 404)],
  ['a redirect', metadata, () => Promise.resolve(new Response(null, { status: 302, headers: { location: agent } }))],
  ['a document of another agent', metadata, answers({ agent: 'https://other.example', jwks_uri: jwks })],
  ['a jwks_uri at an address', metadata, answers({ agent, jwks_uri: 'https://10.0.0.1/jwks.json' })],
  ['missing keys', jwks, answers({}, 404)],
  ['keys at a closed port', jwks, failed('ECONNREFUSED')],
  ['a key set that is null', jwks, answers(null)],
  ['no such key', jwks, answers({ keys: [] })],
  ['a private key', jwks, answers({ keys: [{ ...signer.jwk, d: 'AAAA' }] })],
  ['a silent host', agent, () => new Promise(() => undefined)],
  ['silent keys', jwks, () => new Promise(() => undefined)],
]

/** A delay that the test ends, and the delays that were requested. */
function heldDelay() {
  const times: number[] = []
  const running = new Set<() => void>()
  const delay: Delay = (milliseconds, signal) =>
    new Promise((resolve) => {
      times.push(milliseconds)
      const end = () => {
        running.delete(end)
        resolve()
      }
      running.add(end)
      signal.addEventListener('abort', end, { once: true })
    })
  return {
    delay,
    times,
    running: () => running.size,
    pass: () => {
      for (const end of running) end()
    },
  }
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 5))

describe('a failed lookup is reported after 2.5 s, whatever the cause', () => {
  it.each(causes)('%s', async (_name, at, answer) => {
    const { delay, times, running, pass } = heldDelay()
    const { otherwise, find } = discoveryAmong({ failureTime: 'equal', delay })
    otherwise.set(at, answer)
    let outcome: string | undefined
    const lookup = find(agent).then((reason) => {
      outcome = reason
    })
    await settled()
    expect(outcome).toBeUndefined()
    expect(times).toEqual([2500])
    pass()
    await lookup
    expect(outcome).toMatch(/^(?:unreachable|refused|unknown_kid)$/)
    expect(running()).toBe(0)
  })

  it('a key that is found is returned immediately, and no timer remains', async () => {
    const { delay, running } = heldDelay()
    const { find } = discoveryAmong({ failureTime: 'equal', delay })
    expect(await find(agent)).toBe('found')
    expect(running()).toBe(0)
  })

  it('two slow documents time out after 2.5 s in total, and are found the next time', async () => {
    const { delay, times, pass } = heldDelay()
    const { otherwise, find } = discoveryAmong({ failureTime: 'equal', delay })
    let sendMetadata: ((response: Response) => void) | undefined
    let sendKeys: ((response: Response) => void) | undefined
    otherwise.set(metadata, () => new Promise((resolve) => (sendMetadata = resolve)))
    otherwise.set(jwks, () => new Promise((resolve) => (sendKeys = resolve)))
    const first = find(agent)
    await settled()
    sendMetadata?.(Response.json({ agent, jwks_uri: jwks }))
    await settled()
    pass()
    expect(await first).toBe('unreachable')
    expect(times).toEqual([2500])
    sendKeys?.(Response.json({ keys: [signer.jwk] }))
    expect(await find(agent)).toBe('found')
  })

  it('a second lookup while the first one waits is not faster, although the fetch has failed', async () => {
    const { delay, times, pass } = heldDelay()
    const { clock, asked, otherwise, find } = discoveryAmong({ failureTime: 'equal', delay })
    otherwise.set(agent, failed('ECONNREFUSED'))
    const first = find(agent)
    await settled()
    let second: string | undefined
    const lookup = find(agent).then((reason) => {
      second = reason
    })
    clock.now += 3
    const third = find(agent)
    await settled()
    expect(second).toBeUndefined()
    expect(times).toEqual([2500, 2500, 2500])
    pass()
    await Promise.all([first, lookup, third])
    clock.now += 1
    expect(await find(agent), 'reported from the cache').toBe('unreachable')
    expect(times).toHaveLength(3)
    expect(asked).toEqual([metadata])
  })

  it('results that reveal nothing about a network are returned immediately: an invalid identifier, an unknown kid', async () => {
    const { delay, times } = heldDelay()
    const { discovery, find } = discoveryAmong({ failureTime: 'equal', delay })
    expect(await find('https://10.0.0.1')).toBe('refused')
    expect(await find(`${agent}/`)).toBe('refused')
    expect(await discovery.findKeyAt('http://agent.example/', 'key-1')).toHaveProperty('failure.reason', 'refused')
    expect(times).toEqual([])
    expect(await find(agent)).toBe('found')
    expect(times).toEqual([2500])
  })

  it('a stale key is returned as soon as its origin fails, or after 2.5 s', async () => {
    const { delay, pass } = heldDelay()
    const { clock, otherwise, silence, find } = discoveryAmong({ failureTime: 'equal', delay })
    expect(await find(agent)).toBe('found')
    clock.now += 301
    otherwise.set(agent, failed('ECONNREFUSED'))
    expect(await find(agent)).toBe('found')
    clock.now += 61
    silence(agent)
    const slow = find(agent)
    await settled()
    pass()
    expect(await slow).toBe('found')
  })

  it('the delay uses the machine’s clock', async () => {
    const { otherwise, find } = discoveryAmong({ failureTime: 'equal' })
    otherwise.set(agent, failed('ECONNREFUSED'))
    const start = performance.now()
    expect(await find(agent)).toBe('unreachable')
    expect(performance.now() - start).toBeGreaterThan(2450)
  })

  it('a missing document is reported immediately for agents whose key was found', async () => {
    const { delay } = heldDelay()
    const { discovery } = discoveryAmong({ failureTime: 'equal', delay })
    expect(await discovery.findMetadata(january.documents.resource, agent)).toHaveProperty('failure')
  })
})

describe('a failed lookup is reported immediately', () => {
  const never: Delay = (_milliseconds, signal) =>
    new Promise((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true })
    })

  it.each<[string, 'equal' | 'shortest', (discovery: Discovery) => Promise<object>]>([
    [
      'a key, with failureTime shortest',
      'shortest',
      (discovery) => discovery.findKey(january.documents.agent, agent, 'key-1'),
    ],
    ['keys at a URL, with failureTime shortest', 'shortest', (discovery) => discovery.findKeyAt(jwks, 'key-1')],
    [
      'a key of an auth server',
      'equal',
      (discovery) => discovery.findKey(january.documents.authServer, agent, 'key-1'),
    ],
    ['a document', 'equal', (discovery) => discovery.findMetadata(january.documents.agent, agent)],
  ])('%s', async (_case, failureTime, look) => {
    const { discovery, otherwise } = discoveryAmong({ failureTime, delay: never })
    otherwise.set(agent, failed('ECONNREFUSED'))
    for (let round = 0; round < 2; round++) {
      const outcome = await Promise.race([
        look(discovery),
        new Promise((resolve) => setTimeout(resolve, 30_000, 'waits')),
      ])
      expect(outcome).toMatchObject({ failure: { reason: 'unreachable' } })
    }
  })
})

describe('failed lookups are cached', () => {
  it('for 30 s, or as failureAge says, with the same failure; then the origin is contacted again', async () => {
    for (const age of [30, 5]) {
      const { clock, asked, otherwise, find } = discoveryAmong(age === 30 ? {} : { failureAge: age })
      otherwise.set(agent, failed('ECONNREFUSED'))
      expect(await find(agent)).toBe('unreachable')
      otherwise.clear()
      clock.now += age - 1
      expect(await find(agent)).toBe('unreachable')
      expect(asked).toHaveLength(1)
      clock.now += 1
      expect(await find(agent)).toBe('found')
    }
  })

  it('for 30 s even for an agent’s keys, whose address no one configured', async () => {
    const { clock, asked, otherwise, find } = discoveryAmong()
    otherwise.set(jwks, failed('ECONNREFUSED'))
    expect(await find(agent)).toBe('unreachable')
    clock.now += 29
    expect(await find(agent)).toBe('unreachable')
    expect(asked).toEqual([metadata, jwks])
  })

  it('with a short reason instead of the error itself', async () => {
    const { clock, asked, otherwise, discovery } = discoveryAmong()
    const error = Object.assign(new Error('refused: the address is not public'), { code: 'EREFUSED' })
    otherwise.set(agent, () => Promise.reject(Object.assign(error, { cause: new Error('a'.repeat(10_000)) })))
    const failureOf = async () => {
      const outcome = await discovery.findKey(january.documents.agent, agent, 'key-1')
      return 'failure' in outcome ? outcome.failure : undefined
    }
    expect((await failureOf())?.cause).toBe(error)
    const remembered = (await failureOf())?.cause
    expect(remembered).toMatch(/^refused: the address is not public: aaa/)
    expect(remembered).toHaveLength(200)
    otherwise.set(agent, answers({ agent: 'https://other.example' }))
    clock.now += 30
    const unexplained = await failureOf()
    expect(unexplained).toMatchObject({ reason: 'refused' })
    expect(Object.hasOwn((await failureOf()) ?? {}, 'cause')).toBe(false)
    expect(asked).toHaveLength(2)
  })

  it('so that 1,000 requests for one dead host cause one fetch, and none of the others uses the budget', async () => {
    const { asked, otherwise, find } = discoveryAmong({ fetchesPerSource: 1 })
    otherwise.set(agent, failed('ECONNREFUSED'))
    for (let count = 0; count < 1000; count++) expect(await find(agent, '192.0.2.1')).toBe('unreachable')
    expect(asked).toHaveLength(1)
  })

  it('until a lookup succeeds', async () => {
    const { clock, otherwise, find } = discoveryAmong()
    otherwise.set(agent, failed('ECONNREFUSED'))
    expect(await find(agent)).toBe('unreachable')
    otherwise.clear()
    clock.now += 30
    expect(await find(agent)).toBe('found')
    clock.now += 301
    expect(await find(agent)).toBe('found')
  })

  it('without affecting an agent with stale keys, even if its origin returns with different ones', async () => {
    const { clock, otherwise, find } = discoveryAmong()
    expect(await find(agent)).toBe('found')
    clock.now += 301
    otherwise.set(agent, failed('ECONNREFUSED'))
    for (let count = 0; count < 3; count++) {
      expect(await find(agent)).toBe('found')
      clock.now += 25
    }
    otherwise.clear()
    expect(await find(agent)).toBe('found')
  })

  it('without affecting a rotation: a new kid is found, although a fetch for a made-up kid failed before', async () => {
    const { clock, otherwise, find } = discoveryAmong()
    expect(await find(agent)).toBe('found')
    clock.now += 61
    otherwise.set(jwks, failed('ECONNREFUSED'))
    expect(await find(agent, undefined, 'made-up')).toBe('unknown_kid')
    expect(await find(agent)).toBe('found')
    otherwise.set(jwks, answers({ keys: [{ ...signer.jwk, kid: 'key-2' }] }))
    clock.now += 60
    expect(await find(agent, undefined, 'key-2')).toBe('found')
  })

  it('so that a key that an auth server has just published is not reported as unknown while the server is down', async () => {
    const issuer = 'https://auth.example'
    const { clock, asked, otherwise, discovery } = discoveryAmong()
    const keys: Record<string, unknown>[] = [signer.jwk]
    const { [`${issuer}/.well-known/aauth-issuer`]: document } = issuerDocuments(issuer, [])
    otherwise.set(`${issuer}/.well-known/`, answers(document))
    otherwise.set(`${issuer}/jwks.json`, () => answers({ keys })())
    const find = async (kid: string) => reasonOf(await discovery.findKey(january.documents.authServer, issuer, kid))
    expect(await find('key-1')).toBe('found')
    clock.now += 61
    keys.push({ ...signer.jwk, kid: 'key-2' })
    otherwise.set(`${issuer}/jwks.json`, failed('ECONNREFUSED'))
    for (let count = 0; count < 3; count++) expect(await find('key-2')).toBe('unreachable')
    expect(asked).toHaveLength(3)
    expect(await find('key-1')).toBe('found')
    otherwise.set(`${issuer}/jwks.json`, () => answers({ keys })())
    clock.now += 5
    expect(await find('key-2')).toBe('found')
    expect(await find('made-up')).toBe('unknown_kid')
  })

  it('so that a forged token does not delay finding a key that an auth server publishes later', async () => {
    const issuer = 'https://auth.example'
    const { clock, otherwise, discovery } = discoveryAmong()
    for (const [url, document] of Object.entries(issuerDocuments(issuer, [signer.jwk])))
      otherwise.set(url, answers(document))
    const type = january.documents.authServer
    const found = await discovery.findKey(type, issuer, 'key-1')
    if (!('found' in found)) throw new Error('not found')
    clock.now += 61
    otherwise.set(`${issuer}/jwks.json`, failed('ECONNREFUSED'))
    expect(await discovery.renewKey(type, issuer, 'key-1', found.found)).toBeUndefined()
    expect(reasonOf(await discovery.findKey(type, issuer, 'key-2'))).toBe('unreachable')
  })

  it('for only 5 s for an auth server, and reported immediately, since it is configured', async () => {
    const { delay } = heldDelay()
    const { clock, asked, discovery, otherwise } = discoveryAmong({ failureTime: 'equal', delay })
    const issuer = 'https://auth.example'
    otherwise.set(issuer, failed('ECONNREFUSED'))
    const find = () => discovery.findKey(january.documents.authServer, issuer, 'key-1')
    for (const [seconds, fetches] of [
      [0, 1],
      [4, 1],
      [1, 2],
    ] as const) {
      clock.now += seconds
      expect(await find()).toHaveProperty('failure')
      expect(asked).toHaveLength(fetches)
    }
  })

  it('up to a limit of 4,096', async () => {
    const { asked, otherwise, find } = discoveryAmong({ fetchesPerMinute: 1_000_000 })
    otherwise.set('https://dead-', failed('ECONNREFUSED'))
    for (const host of hosts('dead', 4097)) await find(host)
    expect(await find('https://dead-4096.example')).toBe('unreachable')
    expect(asked).toHaveLength(4097)
    await find('https://dead-0.example')
    expect(asked).toHaveLength(4098)
  })
})

describe('an error thrown by a fetch', () => {
  const over = (fetch: FetchDocument) => discoveryAmong({ fetch }).find(agent)

  it.each([
    ['a TypeError, as in the Fetch standard', () => new TypeError('fetch failed')],
    ['an error with a code, as in Node', () => Object.assign(new Error('reset'), { code: 'ECONNRESET' })],
    ['an AbortError', () => new DOMException('', 'AbortError')],
    ['a TimeoutError', () => new DOMException('', 'TimeoutError')],
  ])('is a network failure: %s', async (_name, error) => {
    expect(await over(() => Promise.reject(error()))).toBe('unreachable')
    const interrupted = new ReadableStream({ pull: (controller) => controller.error(error()) })
    expect(await over(async () => new Response(interrupted))).toBe('unreachable')
  })

  it.each([
    ['an unknown error', () => new Error('a mistake')],
    ['a ReferenceError', () => new ReferenceError('x is not defined')],
    ['a RangeError', () => new RangeError('Maximum call stack size exceeded')],
    ['an argument that Node rejects', () => Object.assign(new TypeError('x'), { code: 'ERR_INVALID_ARG_TYPE' })],
    ['a value that is not an error', () => 'a text'],
  ])('is a bug, and is rethrown: %s', async (_name, error) => {
    await expect(over(() => Promise.reject(error() as Error))).rejects.toEqual(error())
    const broken = new ReadableStream({ pull: (controller) => controller.error(error()) })
    await expect(over(async () => new Response(broken))).rejects.toEqual(error())
  })

  it('is rethrown if it is a bug after the fetch: a value that is not a Response', async () => {
    await expect(over(async () => ({ status: 200 }) as Response)).rejects.toThrow(TypeError)
  })
})

it('an agent token from an agent whose server is unreachable is rejected after the same delay', async () => {
  const { delay, times, pass } = heldDelay()
  const { clock, discovery, otherwise } = discoveryAmong({ failureTime: 'equal', delay })
  otherwise.set(agent, failed('ENOTFOUND'))
  const now = () => clock.now
  const keys = january.createKeyResolver({
    discovery,
    now,
    audience: 'https://resource.example',
    authTokenIssuers: [],
    role: 'resource',
  })
  const claims = { iss: agent, sub: 'delegate', exp: now() + 600, cnf: { jwk: signer.jwk } }
  const jwt = await issueToken(january.tokens.agent, claims, { signer, now })
  const resolving = Promise.resolve(keys.resolve({ scheme: 'jwt', jwt })).catch((error: { code: string }) => error.code)
  await settled()
  expect(times).toEqual([2500])
  pass()
  expect(await resolving).toBe('key_unknown')
})

it('K18: a private key is reported once a day, with the address of the request; for each document only the first one', async () => {
  const told: unknown[] = []
  const { clock, otherwise, find } = discoveryAmong({ onPrivateKey: (...report) => told.push(report) })
  const shown = (kid: string) => ({ ...signer.jwk, kid, d: 'AAAA' })
  otherwise.set(jwks, answers({ keys: [shown('one'), shown('two')] }))
  for (let round = 0; round < 3; round++) {
    expect(await find(agent, '192.0.2.1', 'one')).toBe('refused')
    clock.now += 301
  }
  expect(told).toEqual([[jwks, 'one', '192.0.2.1']])
  otherwise.set(jwks, answers({ keys: [shown('two')] }))
  expect(await find(agent, undefined, 'two')).toBe('refused')
  clock.now += 86_400
  expect(await find(agent, undefined, 'two')).toBe('refused')
  expect(told).toEqual([
    [jwks, 'one', '192.0.2.1'],
    [jwks, 'two', undefined],
    [jwks, 'two', undefined],
  ])
})

it('K18: a symmetric key is reported like a private key', async () => {
  const told: unknown[] = []
  const { otherwise, find } = discoveryAmong({ onPrivateKey: (...report) => told.push(report) })
  otherwise.set(jwks, answers({ keys: [signer.jwk, { kty: 'oct', kid: 'shared', k: 'AAAA' }] }))
  await find(agent, '192.0.2.1', 'shared')
  expect(told).toEqual([[jwks, 'shared', '192.0.2.1']])
})
