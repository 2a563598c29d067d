import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import type { CountersignEvent } from 'countersign'
import { expect, it, onTestFinished } from 'vitest'
import { createLog } from '../../src/observability/create-log.js'

function openLog() {
  const stream = new PassThrough()
  return { log: createLog({ to: stream }), written: () => (stream.read() as Buffer | null)?.toString() ?? '' }
}

it('writes foreign text on one line of ASCII that parses back to what was sent', () => {
  const { log, written } = openLog()
  const agent = 'https://evil.example\r\n{"event":"forged"}\u001b]0;x\u0007\u009b31m\u2028\u202eelpmaxe\u200b 𝔸\ud800'
  log.write('info', 'request', { agent })
  const line = written()
  expect(line).toMatch(/^[\x20-\x7e]+\n$/)
  expect(JSON.parse(line)).toMatchObject({ event: 'request', agent })
})

it('writes no token, wherever it occurs', () => {
  const { log, written } = openLog()
  const secret = 'x'.repeat(43)
  log.write('info', 'request', {
    path: `/aacd_${secret}`,
    reason: `it said eyJhbGciOiJub25lIn0.${secret}. and “aart_${secret}”`,
  })
  const line = written()
  expect(line).not.toContain('xxx')
  expect(JSON.parse(line)).toMatchObject({
    path: '/aacd_…',
    reason: expect.stringMatching(/^it said eyJ… and “aart_…”$/),
  })
})

it('writes no token, whatever surrounds it', () => {
  const { log, written } = openLog()
  const secret = 'x'.repeat(43)
  const ascii = Array.from({ length: 128 }, (_, unit) => String.fromCharCode(unit))
  const neighbours = ['', ...ascii, 'é', '\u2028', '\ud800', '𝔸', '/agent/auth', 'aa', 'aarq', 'eyJ']
  for (const beginning of ['aarq_', 'aacd_', 'aart_', 'aasn_', 'aabr_', 'eyJ']) {
    for (const neighbour of neighbours) {
      log.write('info', 'request', { path: `${neighbour}${beginning}${secret}${neighbour}` })
      log.failure('request.failed', new Error(`it said:${neighbour}${beginning}${secret}`))
      const lines = written()
      expect(lines, JSON.stringify(neighbour + beginning)).not.toContain('xxx')
      for (const line of lines.trimEnd().split('\n')) expect(() => JSON.parse(line) as unknown).not.toThrow()
    }
  }
})

it('writes an error with its causes, truncated to the length of a line', () => {
  const { log, written } = openLog()
  const first = new Error('the first', { cause: new Error('the second', { cause: 'the third' }) })
  log.failure('request.failed', first, { id: 'id-1' })
  expect(JSON.parse(written())).toMatchObject({
    level: 'error',
    id: 'id-1',
    error: expect.stringMatching(/^Error: the first\n[\s\S]*caused by Error: the second\n[\s\S]*caused by the third$/),
  })
  const circle = new Error('round and round')
  circle.cause = circle
  log.failure('request.failed', circle)
  expect(written().match(/round and round/g)?.length).toBeLessThan(10)
  log.failure('request.failed', new Error('x'.repeat(1_000_000)))
  expect(written().length).toBeLessThan(20_000)
})

it('a log line is safe to display in a terminal, and parses back to the original value', () => {
  const lines: string[] = []
  const stream = { write: (line: string) => lines.push(line), on: () => undefined }
  createLog({ to: stream as never }).write('info', 'request', { path: '/\u009b2J\u202e' })
  expect(lines[0]).toContain('"path":"/\\u009b2J\\u202e"')
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ path: '/\u009b2J\u202e' })
})

it('a full disk loses lines, which are counted, and stops nothing', async () => {
  const fd = openSync('/dev/full', 'w')
  const log = createLog({ to: fd })
  for (let least = 1; least <= 3; least++) {
    log.write('info', 'request')
    await expect.poll(() => log.writeErrors).toBeGreaterThanOrEqual(least)
  }
  await log.close()
})

it('up to 1 MiB is buffered for a reader that does not read; further lines are dropped and counted', () => {
  const stream = new PassThrough({ highWaterMark: 1 })
  const log = createLog({ to: stream })
  for (let line = 0; line < 300; line++) log.failure('request.failed', 'x'.repeat(16_000))
  expect(stream.readableLength + stream.writableLength).toBeLessThan(1_100_000)
  expect(log.writeErrors).toBeGreaterThan(200)
})

it('a file contains all lines once the log is closed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-log-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'log')
  const log = createLog({ to: openSync(path, 'a') })
  for (let line = 0; line < 1000; line++) log.write('info', `line-${line}`)
  await log.close()
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
  expect(lines).toHaveLength(1000)
  expect(JSON.parse(lines[999] ?? '')).toEqual({
    level: 'info',
    time: expect.stringMatching(/^20\d\d-.*Z$/) as string,
    event: 'line-999',
  })
})

it('logs requests, refusals, decisions, failed lookups and slow operations', () => {
  const { log, written } = openLog()
  const lookup = { kind: 'lookup', role: 'authServer', what: 'keys', host: 'a.example', duration: 0.2 } as const
  const events: CountersignEvent[] = [
    {
      kind: 'request',
      role: 'authServer',
      route: '/',
      outcome: 'ok',
      status: 303,
      duration: 0.01234,
      requestId: 'id-1',
    },
    { kind: 'request', role: 'gateway', route: '/mcp', outcome: 'ok', agent: 'a', mcpName: 'look', duration: 0 },
    { kind: 'refusal', role: 'resource', code: 'policy_denied', status: 403, rule: 'no-banks', requestId: 'id-2' },
    { kind: 'decision', role: 'authServer', by: 'person', outcome: 'denied', agent: 'a', resource: 'r', scope: 's' },
    { kind: 'revocation', role: 'authServer', outcome: 'delivered', resource: 'r', attempt: 1, duration: 0.02 },
    { kind: 'revocation', role: 'authServer', outcome: 'given_up', resource: 'r', attempt: 3, duration: 5 },
    { ...lookup, outcome: 'found', cached: false },
    { ...lookup, outcome: 'refused', cached: true },
    { ...lookup, outcome: 'refused', cached: false, reason: 'it is not JSON' },
    { kind: 'storage', role: 'authServer', verb: 'redeemCode', outcome: 'ok', duration: 0.9 },
    { kind: 'storage', role: 'authServer', verb: 'redeemCode', outcome: 'ok', duration: 1.1 },
    { kind: 'password', role: 'authServer', outcome: 'ok', waited: 0, duration: 0, waiting: 0 },
    { kind: 'password', role: 'authServer', outcome: 'unavailable', waited: 0, duration: 0, waiting: 64 },
  ]
  for (const event of events) log.onEvent(event)
  const lines = written()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  expect(lines.map(({ time: _time, ...line }) => line)).toEqual([
    {
      level: 'info',
      event: 'request',
      id: 'id-1',
      role: 'authServer',
      route: '/',
      outcome: 'ok',
      status: 303,
      ms: 12.3,
    },
    {
      level: 'info',
      event: 'request',
      role: 'gateway',
      route: '/mcp',
      outcome: 'ok',
      agent: 'a',
      mcpName: 'look',
      ms: 0,
    },
    {
      level: 'info',
      event: 'refusal',
      id: 'id-2',
      role: 'resource',
      code: 'policy_denied',
      status: 403,
      rule: 'no-banks',
    },
    {
      level: 'info',
      event: 'decision',
      role: 'authServer',
      by: 'person',
      outcome: 'denied',
      agent: 'a',
      resource: 'r',
      scope: 's',
    },
    { level: 'info', event: 'revocation', outcome: 'delivered', resource: 'r', attempt: 1, ms: 20 },
    { level: 'warn', event: 'revocation.failed', outcome: 'given_up', resource: 'r', attempt: 3, ms: 5000 },
    {
      level: 'info',
      event: 'lookup',
      role: 'authServer',
      what: 'keys',
      host: 'a.example',
      outcome: 'refused',
      reason: 'it is not JSON',
      ms: 200,
    },
    { level: 'warn', event: 'storage.slow', verb: 'redeemCode', outcome: 'ok', ms: 1100 },
    { level: 'warn', event: 'password', outcome: 'unavailable', waiting: 64 },
  ])
})
