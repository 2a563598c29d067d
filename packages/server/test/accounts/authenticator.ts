import { createHmac } from 'node:crypto'
import { expect } from 'vitest'
import { type Person, type Seen, see } from './person.js'

/** The code that an authenticator app shows for a secret in base32 (RFC 6238). */
export function codeAt(secret: string, now: number): string {
  const bits = Array.from(secret, (letter) =>
    'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0'),
  )
  const bytes = (bits.join('').match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2))
  const step = Buffer.alloc(8)
  step.writeBigUInt64BE(BigInt(Math.floor(now / 30)))
  const mac = createHmac('sha1', Buffer.from(bytes)).update(step).digest()
  const number = mac.readUInt32BE((mac.at(-1) ?? 0) & 15) & 0x7fffffff
  return String(number % 1_000_000).padStart(6, '0')
}

export const setUpPath = '/account/second-factor'

/** The secret on the page that sets up a second factor. */
export function secretOn(html: string): string {
  return (/<code dir="ltr">([A-Z2-7 ]+)<\/code>/.exec(html)?.[1] ?? '').replaceAll(' ', '')
}

/** Submits a form of a page that the user already has. */
export async function submitOn(person: Person, html: string, fields: Record<string, string>): Promise<Seen> {
  return see(await person.browser.submit(html, person.stage.authServer, fields))
}

/** What a user has after setting up a second factor. */
export interface Factor {
  secret: string
  recoveryCodes: string[]
  /** Waits for the next code, and returns it. */
  next(): string
}

/** Sets up a signed-in user's second factor. */
export async function setUpFactor(person: Person, path = setUpPath): Promise<Factor> {
  const { clock } = person.stage
  const { html } = await person.open(path)
  const secret = secretOn(html)
  const done = await submitOn(person, html, { action: 'set-up-factor', code: codeAt(secret, clock.now) })
  expect(done).toMatchObject({ status: 200, state: 'recovery-codes' })
  return {
    secret,
    recoveryCodes: [...done.html.matchAll(/<code>([0-9A-Z-]{19})<\/code>/g)].map(([, code = '']) => code),
    next() {
      clock.now += 30
      return codeAt(secret, clock.now)
    },
  }
}
