import type { Log, LogFields } from 'countersign/log'
import { expect, it } from 'vitest'
import { watchForwarded } from '../../src/serve/observe-server.js'

const forwarded = ['Host', 'x-forwarded-for', 'X-Forwarded-FOR', '203.0.113.9']

/** A watch, and what it has logged. */
function watch(trusted: readonly string[]) {
  const told: LogFields[] = []
  const log: Pick<Log, 'write'> = {
    write: (level, event, fields = {}) => void told.push({ level, event, ...fields }),
  }
  return { told, look: watchForwarded(trusted, log) }
}

it('logs each address that sends the header without being a trusted proxy once', () => {
  const { told, look } = watch(['10.1.2.0/24'])
  look('10.1.2.3', forwarded)
  look('::ffff:10.1.2.3', forwarded)
  look('192.0.2.1', ['Host', 'x-forwarded-for'])
  look(undefined, forwarded)
  expect(told).toEqual([])
  for (const peer of ['192.0.2.1', '::ffff:192.0.2.1', '192.0.2.2', '192.0.2.1']) look(peer, forwarded)
  expect(told).toMatchObject([
    { level: 'warn', event: 'proxy.not_trusted', address: '192.0.2.1', fix: expect.stringContaining('trustProxy') },
    { address: '192.0.2.2' },
  ])
})

it('O09: logs at most 16 addresses', () => {
  const { told, look } = watch([])
  for (let last = 0; last < 100; last += 1) look(`192.0.2.${last}`, forwarded)
  expect(told).toHaveLength(16)
})
