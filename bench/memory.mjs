import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createSigner, generatePrivateJwk } from 'countersign'
import { createAuthServer, createResolver } from './contenders/countersign.mjs'

const steps = 20
const agents = 64

/** The maximum heap growth between the first tenth of the run, when the caches are full, and its end. */
const allowedGrowth = 1.1

/**
 * Passes distinct auth tokens to the resolver of one resource, each signed by the issuer just before and each fully verified, and measures
 * the heap after a full collection at intervals.
 */
export async function* measureMemory({ tokens }) {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc')
  const authServer = await createAuthServer()
  const resolveKey = createResolver(authServer)
  const signers = []
  for (let i = 0; i < agents; i++) signers.push(await createSigner(await generatePrivateJwk()))
  const perStep = Math.ceil(tokens / steps)
  for (let step = 1; step <= steps; step++) {
    for (let i = 0; i < perStep; i++) await resolveKey(await authServer.issue(signers[i % agents]))
    collect()
    yield { tokens: step * perStep, heap: process.memoryUsage().heapUsed }
  }
}

/** Whether the heap stayed stable once the caches were full. */
export function isFlat(readings) {
  const settled = readings[Math.floor(readings.length / 10)].heap
  return readings.at(-1).heap <= settled * allowedGrowth
}
