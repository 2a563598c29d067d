import { describe, expect, it } from 'vitest'
import { readBody, requireResponse, retryAfterOf, sendWithRetries } from '../../src/editions/auth-server-requests.js'

const lost = (code: string) =>
  new TypeError('fetch failed', { cause: Object.assign(new Error(`connect ${code}`), { code }) })
const never = new AbortController().signal

/** Sends over a network that fails this many times before it delivers. */
function network(failures: readonly Error[]) {
  const sent: number[] = []
  const send = async () => {
    sent.push(performance.now())
    const failure = failures[sent.length - 1]
    if (failure) throw failure
    return new Response('carried')
  }
  return { sent, send }
}

describe('a request lost by the network', () => {
  it.each([
    ['never', 0],
    ['twice', 2],
  ])('is sent up to three times: lost %s', async (_often, failures) => {
    const { send, sent } = network(Array.from({ length: failures }, () => lost('ECONNRESET')))
    expect(await (await sendWithRetries(send, { mayHaveArrived: true, signal: never })).text()).toBe('carried')
    expect(sent).toHaveLength(failures + 1)
    for (const [index, at] of sent.entries()) if (index > 0) expect(at - (sent[index - 1] ?? 0)).toBeGreaterThan(90)
  })

  it('fails after three attempts', async () => {
    const { send, sent } = network([lost('1'), lost('2'), lost('3'), lost('4')])
    await expect(sendWithRetries(send, { mayHaveArrived: true, signal: never })).rejects.toMatchObject({
      cause: { code: '3' },
    })
    expect(sent).toHaveLength(3)
  })

  it.each([
    ['ECONNREFUSED', 2],
    ['ENOTFOUND', 2],
    ['EAI_AGAIN', 2],
    ['ECONNRESET', 1],
    ['UND_ERR_SOCKET', 1],
  ])('is sent again, if a duplicate would do harm, only if it cannot have arrived: %s', async (code, times) => {
    const { send, sent } = network([lost(code)])
    await sendWithRetries(send, { mayHaveArrived: false, signal: never }).catch(() => undefined)
    expect(sent).toHaveLength(times)
  })

  it.each<[string, Error]>([
    ['a bug', new TypeError('no such option')],
    ['another error', new Error('a bug')],
  ])('is not retried for %s, which is reported immediately', async (_what, error) => {
    const { send, sent } = network([error])
    await expect(sendWithRetries(send, { mayHaveArrived: true, signal: never })).rejects.toBe(error)
    expect(sent).toHaveLength(1)
  })

  it('is not sent again after an abort', async () => {
    const abort = new AbortController()
    const { send, sent } = network([lost('1'), lost('2')])
    const sending = sendWithRetries(send, { mayHaveArrived: true, signal: abort.signal })
    await new Promise(setImmediate)
    abort.abort(new Error('given up'))
    await expect(sending).rejects.toThrow('given up')
    expect(sent).toHaveLength(1)
  })
})

describe('the delay that an overloaded server specifies', () => {
  it.each<[number, string | undefined, number | undefined]>([
    [429, '0', 1],
    [429, '1', 1],
    [503, '2', 2],
    [503, '86400', 86_400],
    [429, '86401', 86_400],
    [429, undefined, 60],
    [429, 'Wed, 21 Oct 2026 07:28:00 GMT', 60],
    [429, '5 s', 60],
    [429, 'x5', 60],
    [429, '', 60],
    [500, '5', undefined],
    [200, '5', undefined],
  ])('of status %i with Retry-After %j is %j s', (status, value, delay) => {
    const headers = value === undefined ? {} : { 'retry-after': value }
    expect(retryAfterOf(new Response('', { status, headers }))).toBe(delay)
  })
})

describe('an auth server that does not respond', () => {
  it.each([
    ['connect ECONNREFUSED 192.0.2.1:443', 'ECONNREFUSED'],
    ['read ECONNRESET', 'ECONNRESET'],
    ['getaddrinfo ENOTFOUND auth.example', 'ENOTFOUND'],
    ['getaddrinfo EAI_AGAIN auth.example', 'EAI_AGAIN'],
    ['connect EHOSTUNREACH 192.0.2.1:443', 'EHOSTUNREACH'],
    ['connect ENETUNREACH 192.0.2.1:443', 'ENETUNREACH'],
    ['connect ETIMEDOUT 192.0.2.1:443', 'ETIMEDOUT'],
    ['Connect Timeout Error', 'Connect Timeout'],
    ['no response within 5000 ms', 'no response within 5000 ms'],
  ])('is reported as unreachable: %s', (reason, shown) => {
    const failure = new TypeError('fetch failed', { cause: new Error(reason) })
    expect(() => requireResponse('https://auth.example', failure)).toThrow(
      expect.objectContaining({
        code: 'auth_server_unreachable',
        message: `The auth server https://auth.example does not respond (${shown}). Try again later.`,
        cause: failure,
      }),
    )
  })

  it.each([new Error('ECONNREFUSED'), new TypeError('fetch failed', { cause: new Error('certificate has expired') })])(
    'is not the reason for any other failure: %s',
    (failure) => {
      expect(() => requireResponse('https://auth.example', failure)).not.toThrow()
    },
  )
})

describe('the body of a response', () => {
  const ofLength = (length: number) => new Response(`{"a":"${'x'.repeat(length - 8)}"}`)

  it.each<[string, Response, unknown]>([
    ['a JSON object', new Response('{"a":1}'), { a: 1 }],
    ['a list', new Response('[]'), undefined],
    ['no JSON', new Response('<html>'), undefined],
    ['nothing', new Response(null), undefined],
    ['65,536 bytes', ofLength(65_536), { a: 'x'.repeat(65_528) }],
  ])('is read if it is an object: %s', async (_what, response, body) => {
    expect(await readBody(response)).toEqual(body)
  })

  it('is refused if it is too large', async () => {
    await expect(readBody(ofLength(65_537))).rejects.toMatchObject({
      code: 'token_request_failed',
      message: 'The auth server’s response is larger than 65536 bytes.',
      cause: { code: 'body_too_large' },
    })
  })

  it('fails with the error of a response that breaks off', async () => {
    const broken = new Error('terminated')
    const body = new ReadableStream({ pull: (controller) => controller.error(broken) })
    await expect(readBody(new Response(body))).rejects.toBe(broken)
  })
})
