import { createServer, get, type IncomingMessage } from 'node:http'
import { expect, it, onTestFinished } from 'vitest'
import { listenWith } from '../../../countersign/test/resource/events-resource.js'
import { isEventStream, passResponse } from '../../src/responses/pass-response.js'

type Options = Parameters<typeof passResponse>[2]

/** Passes the response of an API to a client, with the given options. */
async function pass(type: string, { isStillAuthorized }: { isStillAuthorized?: () => Promise<boolean> } = {}) {
  let end: (last: string) => void = () => undefined
  const api = createServer((_, outgoing) => {
    outgoing.writeHead(200, { 'content-type': type }).write('a')
    end = (last) => void outgoing.end(last)
  })
  const url = `http://127.0.0.1:${await listenWith(api)}`
  const tracked = { route: '/a', outcome: undefined as string | undefined, tell: undefined, disconnect: {} }
  const streams: Options['streams'] = new Set()
  let passed: Promise<void> | undefined
  const front = createServer((_, outgoing) => {
    get(url, (answer) => {
      passed = passResponse(answer, outgoing, {
        headers: ['Content-Type', type],
        resource: { responseHeaders: [], isStillAuthorized },
        verified: isStillAuthorized && { claims: { exp: 0 } },
        silence: 60,
        tracked,
        streams,
      } as unknown as Options)
    })
  })
  const port = await listenWith(front)
  const received = await new Promise<IncomingMessage>((resolve, reject) =>
    get({ port, host: '127.0.0.1' }, resolve).once('error', reject),
  )
  onTestFinished(() => void received.destroy())
  received.setEncoding('utf8')
  const text = async () => {
    let all = ''
    for await (const chunk of received) all += chunk as string
    await passed
    return all
  }
  return { end: (last: string) => end(last), text, tracked, streams }
}

it.each(['text/event-stream', 'text/plain'])('%s is passed on until it ends', async (type) => {
  const { end, text, tracked, streams } = await pass(type)
  expect(streams.size).toBe(type === 'text/plain' ? 0 : 1)
  end('b')
  expect(await text()).toBe('ab')
  expect([tracked.outcome, streams.size]).toEqual(['ok', 0])
})

it('an event stream ends cleanly if the gateway stops', async () => {
  const { text, tracked, streams } = await pass('text/event-stream')
  for (const stop of streams) stop()
  expect(await text()).toBe('a')
  expect([tracked.outcome, streams.size]).toEqual(['ok', 0])
})

it.each(['text/event-stream', 'text/plain'])('%s ends if its permission is revoked', async (type) => {
  const { text, tracked } = await pass(type, { isStillAuthorized: async () => false })
  if (type === 'text/plain') await expect(text()).rejects.toThrow('aborted')
  else expect(await text()).toBe('a')
  await expect.poll(() => tracked.outcome).toBe('revoked')
})

it('a permission that is revoked once the response has ended changes nothing', async () => {
  let decide: ((isAuthorized: boolean) => void) | undefined
  const decided = new Promise<boolean>((resolve) => {
    decide = resolve
  })
  let isAsked = false
  const { end, text, tracked } = await pass('text/plain', {
    isStillAuthorized() {
      isAsked = true
      return decided
    },
  })
  await expect.poll(() => isAsked).toBe(true)
  end('b')
  expect(await text()).toBe('ab')
  decide?.(false)
  await new Promise(setImmediate)
  expect(tracked.outcome).toBe('ok')
})

it.each([
  ['text/event-stream', true],
  ['Text/Event-Stream;charset=utf-8', true],
  ['text/event-streams', false],
  ['x-text/event-stream', false],
  [undefined, false],
])('the type %s is that of an event stream: %s', (type, expected) => {
  expect(isEventStream({ headers: { 'content-type': type } } as IncomingMessage)).toBe(expected)
})
