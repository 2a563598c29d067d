import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import type { CountersignEvent } from 'countersign'
import { createLog } from 'countersign/log'
import { createMountedListener } from 'countersign/node'
import { StorageError } from 'countersign-server'
import { describe, expect, it } from 'vitest'
import { createObserver, logFailure } from '../../src/serve/observe-server.js'

/** The log line for a failure. */
async function lineOf(error: unknown): Promise<{ error: string }> {
  const output = new PassThrough()
  const log = createLog({ to: output })
  logFailure(log, 'request.failed', error, { id: 'id-1' })
  await log.close()
  return JSON.parse(String(output.read()))
}

const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), { code: 'ECONNREFUSED' })
const outage = new StorageError('unavailable', 'the database did not respond', { cause: refused })

it.each([
  ['an unreachable database', outage],
  ['a response that needed the database', new Error('There is no page.', { cause: outage })],
])('logs %s on one line, with its cause and without a stack', async (_what, error) => {
  expect(await lineOf(error)).toMatchObject({
    level: 'error',
    event: 'request.failed',
    id: 'id-1',
    error: 'the database did not respond: connect ECONNREFUSED 127.0.0.1:5432',
  })
})

it('logs a bug with its stack', async () => {
  const cause = Object.assign(new Error('no such table: session'), { code: 'SQLITE_ERROR' })
  const mistakes = [
    new TypeError('it is undefined'),
    new StorageError('keys_changed', 'another instance was first'),
    new StorageError('unavailable', 'the database did not respond', { cause }),
  ]
  for (const error of mistakes) expect((await lineOf(error)).error).toMatch(/\n {4}at /)
  const circle = new Error('round')
  circle.cause = circle
  expect((await lineOf(circle)).error).toMatch(/^Error: round\n/)
})

describe('createObserver', () => {
  const requestEvent = {
    kind: 'request',
    role: 'authServer',
    route: '/',
    outcome: 'ok',
    status: 200,
    duration: 1,
  } as const

  function observeRequest() {
    const events: CountersignEvent[] = []
    const observer = createObserver((event) => events.push(event))
    const incoming = new IncomingMessage(new Socket())
    Object.assign(incoming, { method: 'GET', url: '/', httpVersion: '1.1', complete: true })
    incoming.rawHeaders.push('Host', 'auth.example')
    const outgoing = new ServerResponse(incoming)
    const handled: { id: string | undefined }[] = []
    const serve = createMountedListener(
      (_request, received) => {
        handled.push({ id: received && observer.requestIdOf({ ...received }) })
        return new Response()
      },
      { origin: 'https://auth.example', replaceGlobals: false },
    )
    const served: Promise<void>[] = []
    observer.observe((...message) => void served.push(serve(...message)))(incoming, outgoing)
    return { ...observer, events, outgoing, handled, served: () => Promise.all(served) }
  }

  it('gives the handler the id of its request, and reports a request only once', async () => {
    const { onEvent, events, outgoing, handled, served } = observeRequest()
    await served()
    expect(handled).toEqual([{ id: expect.any(String) }])
    const event = { ...requestEvent, requestId: handled[0]?.id }
    onEvent(event)
    outgoing.emit('close')
    expect(events).toEqual([event])
  })

  it('reports a request whose event has another id when its response closes', () => {
    const { onEvent, events, outgoing } = observeRequest()
    const event = { ...requestEvent, requestId: 'another' }
    onEvent(event)
    outgoing.emit('close')
    outgoing.emit('close')
    expect(events).toEqual([event, expect.objectContaining({ kind: 'request', route: 'none', outcome: 'aborted' })])
  })

  it('knows no id for a message from elsewhere', () => {
    const { requestIdOf } = createObserver(() => undefined)
    expect(requestIdOf({ method: 'GET', rawTarget: '/', rawHeaders: [], body: () => new Uint8Array() })).toBeUndefined()
  })
})
