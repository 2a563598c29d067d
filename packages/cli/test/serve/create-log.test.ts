import { PassThrough } from 'node:stream'
import { expect, it } from 'vitest'
import { createLog } from '../../src/serve/create-log.js'

function openLog() {
  const stream = new PassThrough()
  return { log: createLog(stream), written: () => (stream.read() as Buffer | null)?.toString() ?? '' }
}

it('writes what strangers made up in one line of ASCII, which reads as what they sent', () => {
  const { log, written } = openLog()
  const agent = 'https://evil.example\r\n{"event":"forged"}\u001b]0;x\u0007\u009b31m\u2028\u202eelpmaxe\u200b 𝔸\ud800'
  log.write('info', 'request', { agent })
  const line = written()
  expect(line).toMatch(/^[\x20-\x7e]+\n$/)
  expect(JSON.parse(line)).toMatchObject({ event: 'request', agent })
})

it('writes no token, wherever it stands', () => {
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

it('writes an error with what caused it, and no more than a line can hold', () => {
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

it('a line of the log is safe to read in a terminal, and means what it was told', () => {
  const lines: string[] = []
  const stream = { write: (line: string) => lines.push(line), on: () => undefined }
  createLog(stream as never).write('info', 'request', { path: '/\u009b2J\u202e' })
  expect(lines[0]).toContain('"path":"/\\u009b2J\\u202e"')
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ path: '/\u009b2J\u202e' })
})
