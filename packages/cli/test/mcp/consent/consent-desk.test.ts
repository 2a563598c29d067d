import { AgentError, type AgentErrorCode } from 'countersign/agent'
import { expect, it } from 'vitest'
import { createConsentDesk, pageMark } from '../../../src/mcp/consent/consent-desk.js'

const page = 'https://auth.example/consent?request_token=x&state=one'
const other = page.replace('one', 'two')

const never = new AbortController().signal

/** A desk with pages that the test decides on. */
function openDesk() {
  const pages = new Map<string, { resolve: (isAllowed: boolean) => void; reject: (reason: unknown) => void }>()
  const seen = { watches: 0, allowed: 0 }
  const desk = createConsentDesk({
    waitForConsent(watched) {
      seen.watches += 1
      return new Promise((resolve, reject) => pages.set(watched, { resolve, reject }))
    },
    onAllowed: () => {
      seen.allowed += 1
    },
    ending: never,
  })
  return {
    desk,
    seen,
    allow: (at: string) => pages.get(at)?.resolve(true),
    end: (at: string) => pages.get(at)?.resolve(false),
    fail: (at: string, code: AgentErrorCode) => pages.get(at)?.reject(new AgentError(code, 'No.')),
  }
}

it('reports the decision on a page to current and later waiters, and to those of no other page', async () => {
  const { desk, seen, fail } = openDesk()
  const first = desk.decision(page, 5, never)
  const second = desk.decision(page, 5, never)
  const elsewhere = desk.decision(other, 0.05, never)
  fail(page, 'access_denied')
  expect(await Promise.all([first, second, elsewhere])).toEqual(['denied', 'denied', 'open'])
  expect(await desk.decision(page, 5, never)).toBe('denied')
  expect(seen).toEqual({ watches: 2, allowed: 0 })
})

it('reports an allowed consent once per page, even after the calls have stopped waiting', async () => {
  const { desk, seen, allow } = openDesk()
  expect(await desk.decision(page, 0.02, never)).toBe('open')
  expect(await desk.decision(page, 0, never)).toBe('open')
  allow(page)
  expect(await desk.decision(page, 5, never)).toBe('allowed')
  expect(seen).toEqual({ watches: 1, allowed: 1 })
})

it('continues waiting after an invalid code', async () => {
  const { desk, seen, allow, fail } = openDesk()
  const waiting = desk.decision(page, 5, never)
  fail(page, 'token_request_failed')
  await expect.poll(() => seen.watches).toBe(2)
  allow(page)
  expect(await waiting).toBe('allowed')
})

it('does not continue waiting after a failure that ends the consent', async () => {
  const { desk, seen, fail } = openDesk()
  const waiting = desk.decision(page, 5, never)
  fail(page, 'other_user')
  expect(await waiting).toBe('open')
  expect(seen).toEqual({ watches: 1, allowed: 0 })
})

it('is open for a page that can no longer be decided on, and watches it again on the next call', async () => {
  const { desk, seen, end } = openDesk()
  const waiting = desk.decision(page, 5, never)
  end(page)
  expect(await waiting).toBe('open')
  expect(await desk.decision(page, 0, never)).toBe('open')
  expect(seen.watches).toBe(2)
})

it('rejects for a cancelled call', async () => {
  const { desk } = openDesk()
  const abort = new AbortController()
  const givenUp = desk.decision(page, 5, abort.signal)
  abort.abort(new Error('gone'))
  await expect(givenUp).rejects.toThrow('gone')
})

it('remembers a denial from before the client returned', async () => {
  const { desk, fail } = openDesk()
  desk.watch(page)
  fail(page, 'access_denied')
  expect(await desk.isDenied(pageMark(page))).toBe(true)
  expect(await desk.isDenied(pageMark(other))).toBe(false)
})
