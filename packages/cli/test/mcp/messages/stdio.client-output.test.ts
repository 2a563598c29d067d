import { Writable } from 'node:stream'
import { expect, it } from 'vitest'
import { createClientOutput } from '../../../src/mcp/messages/stdio.js'

// M13
it('waits for a client from the first line that it does not read', async () => {
  const taken: (() => void)[] = []
  const output = new Writable({ highWaterMark: 10, write: (_chunk, _encoding, done) => void taken.push(done) })
  const { write, read, room } = createClientOutput(output)
  await read()
  write('x'.repeat(100))
  let hasRead = false
  const reading = read().then(() => {
    hasRead = true
  })
  await room()
  write('x'.repeat(65 * 1024 * 1024))
  let hasRoom = false
  const roomy = room().then(() => {
    hasRoom = true
  })
  await new Promise(setImmediate)
  expect([hasRead, hasRoom]).toEqual([false, false])
  taken.shift()?.()
  await expect.poll(() => taken).toHaveLength(1)
  taken.shift()?.()
  await Promise.all([reading, roomy])
  output.destroy()
  await read()
})
