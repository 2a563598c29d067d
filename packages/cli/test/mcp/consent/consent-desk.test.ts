import { expect, it } from 'vitest'
import { createConsentDesk } from '../../../src/mcp/consent/consent-desk.js'

const page = 'https://auth.example/consent?request_token=x&state=one'

const never = new AbortController().signal

it('tells everybody who waits on a page, and whoever asks later, but nobody on another page', async () => {
  const desk = createConsentDesk(async () => [])
  const first = desk.decision(page, 5, never)
  const second = desk.decision(page, 5, never)
  const other = desk.decision(page.replace('one', 'two'), 0.05, never)
  desk.note('one', 'denied')
  expect(await Promise.all([first, second, other])).toEqual(['denied', 'denied', 'open'])
  expect(await desk.decision(page, 5, never)).toBe('denied')
})

it('hears of tokens that another program of the agent got', async () => {
  let permissions = ['read']
  const desk = createConsentDesk(async () => permissions)
  const waiting = desk.decision(page, 5, never)
  permissions = ['write', 'read']
  expect(await waiting).toBe('allowed')
})

it('takes a permission that ended meanwhile for no decision', async () => {
  let permissions = ['read', 'write']
  const desk = createConsentDesk(async () => permissions)
  const waiting = desk.decision(page, 1.2, never)
  permissions = ['write']
  expect(await waiting).toBe('open')
})

it('waits no longer than it is told, and not for who gave up', async () => {
  const desk = createConsentDesk(async () => [])
  const began = performance.now()
  expect(await desk.decision(page, 0.05, never)).toBe('open')
  expect(await desk.decision(page, 0, never)).toBe('open')
  const abort = new AbortController()
  const givenUp = desk.decision(page, 5, abort.signal)
  abort.abort(new Error('gone'))
  await expect(givenUp).rejects.toThrow('gone')
  expect(performance.now() - began).toBeLessThan(1000)
})

it('says what was allowed, and not what was refused', () => {
  const desk = createConsentDesk(async () => [])
  let allowed = 0
  desk.onAllowed(() => {
    allowed++
  })
  desk.note('one', 'denied')
  expect(allowed).toBe(0)
  desk.note('one', 'allowed')
  expect(allowed).toBe(1)
})
