import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * Below the ephemeral range, from which the system could assign the port to a connection between the check and its use. Each worker has its
 * own part, because a port that another one has chosen is free until something listens on it.
 */
const range = partOf({ from: 10_000, to: 32_000 }, 16, Number(process.env.VITEST_POOL_ID ?? 0))

/** Ports are never reused: documents are cached for a while, so a new party on a used port would be mistaken for the previous one. */
const given = new Set<number>()

/**
 * A port of this machine that was free a moment ago, and is returned only once, for when the port must be known before anything listens on
 * it.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = randomInt(range.from, range.to)
    if (given.has(port) || !(await isFree(port))) continue
    given.add(port)
    return port
  }
  throw new Error('no free port found')
}

function partOf({ from, to }: { from: number; to: number }, parts: number, part: number): { from: number; to: number } {
  const size = Math.floor((to - from) / parts)
  return { from: from + (part % parts) * size, to: from + ((part % parts) + 1) * size }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch {
    return false
  }
  server.close()
  await once(server, 'close')
  return true
}
