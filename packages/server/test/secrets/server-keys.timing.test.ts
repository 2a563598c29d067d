import { randomBytes } from 'node:crypto'
import type { Storage } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { expect, it, onTestFinished } from 'vitest'
import { createMintedSecrets, hashSecret } from '../../src/secrets/server-keys.js'
import { temporaryFile } from '../storage/temporary-file.js'

/** Values of each class in a round. */
const values = 10_000
/** Above this, the two classes are distinguishable by time. */
const verdict = 4.5

type Check = (value: string) => unknown

/**
 * Welch’s t of the time that a check takes for values of two classes, measured alternately. The slowest twentieth of each class is
 * excluded, as interrupted.
 */
async function welch(check: Check, make: readonly [(index: number) => string, (index: number) => string]) {
  // The order in which a pair is created and checked is random: the second finds warm caches.
  const pairs = Array.from({ length: values }, (_, index) =>
    inRandomOrder().map((which) => ({ which, value: asReceived(make[which](index)) })),
  )
  const times: [number[], number[]] = [[], []]
  for (const pair of pairs) {
    for (const at of inRandomOrder()) {
      const { which, value } = pair[at] ?? { which: 0, value: '' }
      const began = process.hrtime.bigint()
      const outcome = check(value)
      if (outcome instanceof Promise) await outcome
      times[which].push(Number(process.hrtime.bigint() - began))
    }
  }
  const [one, other] = times.map(momentsOf)
  if (!one || !other) throw new TypeError('expected two classes')
  return (one.mean - other.mean) / Math.sqrt(one.variance / one.count + other.variance / other.count)
}

function inRandomOrder(): readonly [0, 1] | readonly [1, 0] {
  return (randomBytes(1)[0] ?? 0) % 2 ? [0, 1] : [1, 0]
}

/** A separate string, as from a request, and not a rope of parts of others. */
function asReceived(value: string): string {
  return Buffer.from(value).toString()
}

function momentsOf(times: number[]): { mean: number; variance: number; count: number } {
  const kept = times.sort((a, b) => a - b).slice(0, Math.floor(times.length * 0.95))
  const mean = kept.reduce((sum, time) => sum + time, 0) / kept.length
  const variance = kept.reduce((sum, time) => sum + (time - mean) ** 2, 0) / (kept.length - 1)
  return { mean, variance, count: kept.length }
}

/** The minimum of several rounds: a busy machine may spoil one, but a comparison that leaks shows in all. */
async function leastOf(rounds: number, measure: () => Promise<number>, enough = 0): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < rounds && least >= enough; round++) least = Math.min(least, Math.abs(await measure()))
  return least
}

const secrets = createMintedSecrets(randomBytes(32))
const browser = `aabr_${randomBytes(32).toString('base64url')}`
const page = (index: number) => `page-${index}`
const validCsrf = (index: number) => secrets.csrfFor(browser, page(index))

/** Another value of the same form, different from the first character on, or in the last byte only. */
function wrongFrom(first: 'start' | 'end'): (index: number) => string {
  return (index) => {
    const [head = '', tag = ''] = validCsrf(index).split('.')
    const bytes = Buffer.from(tag, 'base64url')
    const at = first === 'start' ? 0 : bytes.length - 1
    bytes[at] = (bytes[at] ?? 0) ^ 0xff
    return `${head}.${bytes.toString('base64url')}`
  }
}

/** The same check with a comparison that stops at the first difference, which the measurement must detect. */
function readNaively(value: string): string | undefined {
  const [head = '', tag = ''] = value.split('.')
  const [, expected = ''] = secrets.csrfFor(browser, head).split('.')
  for (let at = 0; at < expected.length; at++) if (tag.charCodeAt(at) !== expected.charCodeAt(at)) return undefined
  return head
}

const settings = { timeout: 120_000 }

it('O05: the measurement detects a comparison that stops at the first difference', settings, async () => {
  const naive = () => welch(readNaively, [validCsrf, wrongFrom('start')])
  await naive()
  expect(await leastOf(3, naive)).toBeGreaterThan(verdict)
})

it.each([
  ['a valid CSRF value from one that is wrong from the first character', validCsrf, wrongFrom('start')],
  ['a CSRF value wrong at the end from one wrong from the first character', wrongFrom('end'), wrongFrom('start')],
])('O05: timing does not distinguish %s', settings, async (_what, one, other) => {
  const measure = () => welch((value) => secrets.readCsrf(value, browser), [one, other])
  await measure()
  expect(await leastOf(8, measure, verdict)).toBeLessThan(verdict)
})

/** A refresh token that is wrong in the first or the last byte of its MAC. */
function wrongToken(at: number): (index: number) => string {
  return (generation) => {
    const token = secrets.refreshTokenOf('edition', { family: '0190a8c4-7d3e-4b21-9f00-00ff10203040', generation })
    const bytes = Buffer.from(token.slice(5), 'base64url')
    bytes[at] = (bytes[at] ?? 0) ^ 0xff
    return `aart_${bytes.toString('base64url')}`
  }
}

it('O05: timing does not distinguish where the MAC of a refresh token is wrong', settings, async () => {
  const measure = () => welch((value) => secrets.readRefreshToken('edition', value), [wrongToken(20), wrongToken(51)])
  await measure()
  expect(await leastOf(8, measure, verdict)).toBeLessThan(verdict)
})

it('O05: timing does not distinguish a nearly correct session id from any other', settings, async () => {
  const storage = sqliteStorage(temporaryFile(), { sweepInterval: 0 })
  onTestFinished(() => storage.close())
  const id = await openSession(storage)
  const near = (index: number) => id.slice(0, -4) + String(index % 1000).padStart(4, '_')
  const far = (index: number) => `aasn_${String(index).padStart(4, '_')}${id.slice(9)}`
  const find: Check = (value) => storage.findSession(hashSecret(value))
  expect([await find(id), await find(near(0)), await find(far(0))]).toEqual([expect.anything(), undefined, undefined])
  const measure = () => welch(find, [near, far])
  expect(await leastOf(8, measure, verdict)).toBeLessThan(verdict)
})

async function openSession(storage: Storage): Promise<string> {
  const { id: userId, credentialRevision } = await storage.createUser({ username: 'alice', passwordHash: 'hash' })
  const id = secrets.random('aasn_')
  await storage.createSession({
    idHash: hashSecret(id),
    userId,
    credentialRevision,
    factorAddedAt: 0,
    idleSeconds: 3600,
    lifetime: 3600,
    most: 50,
  })
  return id
}
