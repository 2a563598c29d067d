import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { createLog } from 'countersign/log'
import { StorageError } from 'countersign-server'
import { expect, it } from 'vitest'
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

it('follows no requests after it was closed', () => {
  const { observe, requestId, close } = createObserver(() => undefined)
  const ids: (string | undefined)[] = []
  const listener = observe(() => {
    ids.push(requestId())
    close()
    ids.push(requestId())
  })
  const incoming = new IncomingMessage(new Socket())
  listener(incoming, new ServerResponse(incoming))
  expect(ids).toEqual([expect.any(String), undefined])
})
