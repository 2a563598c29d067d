import type { FetchDocument } from 'countersign'
import type { Delay, Discovery } from 'countersign/discovery'
import { january } from 'countersign/editions'
import { issueToken } from 'countersign/tokens'
import { describe, expect, it } from 'vitest'
import { discoveryAmong, hosts, signer } from './parties.js'

const agent = 'https://agent.example'
const metadata = `${agent}/.well-known/aauth-agent`
const jwks = `${agent}/jwks.json`

const failed = (code: string) => () => Promise.reject(Object.assign(new Error(code), { code }))
const answers =
  (body: unknown, status = 200) =>
  () =>
    Promise.resolve(Response.json(body, { status }))

/** What may be wrong at the place that a stranger names. */
const causes: readonly (readonly [string, string, () => Promise<Response>])[] = [
  ['a name that does not resolve', agent, failed('ENOTFOUND')],
  ['an address that is not public', agent, failed('EREFUSED')],
  ['a closed port', agent, failed('ECONNREFUSED')],
  ['a certificate of another name', agent, failed('ERR_TLS_CERT_ALTNAME_INVALID')],
  ['a document that is not there', metadata, answers({}, 404)],
  ['a redirect', metadata, () => Promise.resolve(new Response(null, { status: 302, headers: { location: agent } }))],
  ['a document of another agent', metadata, answers({ agent: 'https://other.example', jwks_uri: jwks })],
  ['a jwks_uri at an address', metadata, answers({ agent, jwks_uri: 'https://10.0.0.1/jwks.json' })],
  ['keys that are not there', jwks, answers({}, 404)],
  ['keys at a closed port', jwks, failed('ECONNREFUSED')],
  ['a key set that is null', jwks, answers(null)],
  ['no such key', jwks, answers({ keys: [] })],
  ['a private key', jwks, answers({ keys: [{ ...signer.jwk, d: 'AAAA' }] })],
  ['a silent host', agent, () => new Promise(() => undefined)],
  ['silent keys', jwks, () => new Promise(() => undefined)],
]

/** A delay that the test ends, and the times it was asked for. */
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

describe('a lookup that fails is answered after 2.5 s, whatever the cause', () => {
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

  it('what is found is answered at once, and no timer is left', async () => {
    const { delay, running } = heldDelay()
    const { find } = discoveryAmong({ failureTime: 'equal', delay })
    expect(await find(agent)).toBe('found')
    expect(running()).toBe(0)
  })

  it('two slow documents are given up after 2.5 s in all, and found the next time', async () => {
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

  it('a second question while the first one waits is not answered earlier, though the fetch has failed', async () => {
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
    expect(await find(agent), 'told from memory').toBe('unreachable')
    expect(times).toHaveLength(3)
    expect(asked).toEqual([metadata])
  })

  it('what says nothing about a network is answered at once: the form of an identifier, a kid that is not there', async () => {
    const { delay, times } = heldDelay()
    const { discovery, find } = discoveryAmong({ failureTime: 'equal', delay })
    expect(await find('https://10.0.0.1')).toBe('refused')
    expect(await find(`${agent}/`)).toBe('refused')
    expect(await discovery.findKeyAt('http://agent.example/', 'key-1')).toHaveProperty('failure')
    expect(times).toEqual([])
    expect(await find(agent)).toBe('found')
    expect(times).toEqual([2500])
  })

  it('a stale key is told as soon as its origin fails, or after 2.5 s', async () => {
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

  it('takes its time by the clock of the machine', async () => {
    const { otherwise, find } = discoveryAmong({ failureTime: 'equal' })
    otherwise.set(agent, failed('ECONNREFUSED'))
    const start = performance.now()
    expect(await find(agent)).toBe('unreachable')
    expect(performance.now() - start).toBeGreaterThan(2450)
    expect(performance.now() - start).toBeLessThan(3500)
  })

  it('a document is told at once that it is not there, for agents whose key was found', async () => {
    const { delay } = heldDelay()
    const { discovery } = discoveryAmong({ failureTime: 'equal', delay })
    expect(await discovery.findMetadata(january.documents.resource, agent)).toHaveProperty('failure')
  })
})

describe('is answered as soon as it failed', () => {
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
        new Promise((resolve) => setTimeout(resolve, 1000, 'waits')),
      ])
      expect(outcome).toMatchObject({ failure: { reason: 'unreachable' } })
    }
  })
})

describe('lookups that failed are remembered', () => {
  it('for 30 s, or what the option says, as the same failure; then the origin is asked again', async () => {
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

  it('for 30 s also of the keys of an agent, whose address no one configured', async () => {
    const { clock, asked, otherwise, find } = discoveryAmong()
    otherwise.set(jwks, failed('ECONNREFUSED'))
    expect(await find(agent)).toBe('unreachable')
    clock.now += 29
    expect(await find(agent)).toBe('unreachable')
    expect(asked).toEqual([metadata, jwks])
  })

  it('with why they failed, in a few words and not as the error itself', async () => {
    const { clock, asked, otherwise, discovery } = discoveryAmong()
    const error = Object.assign(new Error('refused: its address is not public'), { code: 'EREFUSED' })
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

  it('of 1,000 requests for one dead host, one fetches, and none of them takes from the budget', async () => {
    const { asked, otherwise, find } = discoveryAmong({ fetchesPerSource: 1 })
    otherwise.set(agent, failed('ECONNREFUSED'))
    for (let count = 0; count < 1000; count++) expect(await find(agent, '192.0.2.1')).toBe('unreachable')
    expect(asked).toHaveLength(1)
  })

  it('are forgotten by success', async () => {
    const { clock, otherwise, find } = discoveryAmong()
    otherwise.set(agent, failed('ECONNREFUSED'))
    expect(await find(agent)).toBe('unreachable')
    otherwise.clear()
    clock.now += 30
    expect(await find(agent)).toBe('found')
    clock.now += 301
    expect(await find(agent)).toBe('found')
  })

  it('leave an agent with stale keys alone, also when its origin comes back with others', async () => {
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

  it('leave a rotation alone: a new kid is found, though a fetch for a made-up one failed before', async () => {
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

  it('of an auth server, for 5 s only, and are told at once: it is configured', async () => {
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

  it('are 4,096 at most', async () => {
    const { asked, otherwise, find } = discoveryAmong({ fetchesPerMinute: 1_000_000 })
    otherwise.set('https://dead-', failed('ECONNREFUSED'))
    for (const host of hosts('dead', 4097)) await find(host)
    expect(await find('https://dead-4096.example')).toBe('unreachable')
    expect(asked).toHaveLength(4097)
    await find('https://dead-0.example')
    expect(asked).toHaveLength(4098)
  })
})

describe('what a fetch throws', () => {
  const over = (fetch: FetchDocument) => discoveryAmong({ fetch }).find(agent)

  it.each([
    ['a TypeError, as the Fetch standard says', () => new TypeError('fetch failed')],
    ['an error with a code, as Node does', () => Object.assign(new Error('reset'), { code: 'ECONNRESET' })],
    ['an AbortError', () => new DOMException('', 'AbortError')],
    ['a TimeoutError', () => new DOMException('', 'TimeoutError')],
  ])('is a failure of the network: %s', async (_name, error) => {
    expect(await over(() => Promise.reject(error()))).toBe('unreachable')
    const interrupted = new ReadableStream({ pull: (controller) => controller.error(error()) })
    expect(await over(async () => new Response(interrupted))).toBe('unreachable')
  })

  it.each([
    ['an error that nobody knows', () => new Error('a mistake')],
    ['a ReferenceError', () => new ReferenceError('x is not defined')],
    ['a RangeError', () => new RangeError('Maximum call stack size exceeded')],
    ['an argument that Node refuses', () => Object.assign(new TypeError('x'), { code: 'ERR_INVALID_ARG_TYPE' })],
    ['what is no error', () => 'a text'],
  ])('is a mistake, and is thrown on: %s', async (_name, error) => {
    await expect(over(() => Promise.reject(error() as Error))).rejects.toEqual(error())
    const broken = new ReadableStream({ pull: (controller) => controller.error(error()) })
    await expect(over(async () => new Response(broken))).rejects.toEqual(error())
  })

  it('a mistake after the fetch is thrown on: an answer that is no response', async () => {
    await expect(over(async () => ({ status: 200 }) as Response)).rejects.toThrow(TypeError)
  })
})

it('an agent token by an agent that nobody answers for is refused in the same time', async () => {
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

it('K18: a private key is told once a day, with where the request came from; of a document the first one', async () => {
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

it('K18: a secret key is told as a private one is', async () => {
  const told: unknown[] = []
  const { otherwise, find } = discoveryAmong({ onPrivateKey: (...report) => told.push(report) })
  otherwise.set(jwks, answers({ keys: [signer.jwk, { kty: 'oct', kid: 'shared', k: 'AAAA' }] }))
  await find(agent, '192.0.2.1', 'shared')
  expect(told).toEqual([[jwks, 'shared', '192.0.2.1']])
})
