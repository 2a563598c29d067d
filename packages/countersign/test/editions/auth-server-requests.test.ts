import { describe, expect, it } from 'vitest'
import { sendWithRetries } from '../../src/editions/auth-server-requests.js'

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
