import { describe, expect, it } from 'vitest'
import {
  describeNoCookies,
  isFromOwnPage,
  isNavigation,
  isRead,
  redirect,
  refuseForeign,
  refuseVisit,
  unavailablePage,
} from '../../../src/agent/web-app/visit.js'

const shared = { id: 'https://calendar.example', about: { name: 'Calendar helper' }, back: '/events' }

describe('the page for a user who cannot be prompted yet', () => {
  it.each<[number, string, string]>([
    [1, 'en', 'Try again in 1 minute.'],
    [60, 'en-GB', 'Try again in 1 minute.'],
    [61, 'en', 'Try again in 2 minutes.'],
    [3600, 'it', 'Try again in 60 minutes.'],
    [60, 'de', 'Versuchen Sie es in 1 Minute noch einmal.'],
    [120, 'fr', 'Réessayez dans 2 minutes.'],
    [60, 'es', 'Inténtalo de nuevo dentro de 1 minuto.'],
    [120, 'ja', '2 分後にもう一度お試しください。'],
    [60, 'ar', 'حاول مرة أخرى خلال دقيقة واحدة.'],
    [120, 'ar-EG', 'حاول مرة أخرى خلال دقيقتين.'],
  ])('after %i seconds, in %s: %s', async (seconds, language, words) => {
    const page = unavailablePage({ ...shared, language }, seconds)
    expect([page.status, page.headers.get('retry-after')]).toEqual([503, String(seconds)])
    expect(page.headers.get('cache-control')).toBe('no-store')
    const html = await page.text()
    expect(html).toContain(`<p>${words}</p>`)
    expect(html).toContain('<main data-state="unavailable">')
    expect(html).toContain('<a href="/events">')
    expect(html).toContain('Calendar helper')
  })
})

it('reports in six languages that cookies are required', () => {
  expect(describeNoCookies('en')).toContain('does not send cookies')
  expect(describeNoCookies('de')).toContain('sendet keine Cookies')
  expect(describeNoCookies('fr')).toContain('n’envoie pas de cookies')
  expect(describeNoCookies('es')).toContain('no envía cookies')
  expect(describeNoCookies('ja')).toContain('Cookie を送信しない')
  expect(describeNoCookies('ar')).toContain('ملفات تعريف الارتباط')
})

const origin = 'https://calendar.example'

/** A browser's request with these headers, by lower-case name. */
const visit = (method: string, headers: Record<string, string> = {}): Parameters<typeof refuseVisit>[0] => ({
  request: undefined,
  method,
  target: '/',
  header: (name) => headers[name.toLowerCase()],
  addCookie: () => undefined,
})

it.each([
  ['GET', true],
  ['HEAD', true],
  ['POST', false],
  ['get', false],
])('%s only reads: %s', (method, expected) => {
  expect(isRead(visit(method))).toBe(expected)
})

it.each<[Record<string, string>, boolean]>([
  [{}, true],
  [{ 'sec-fetch-dest': 'document' }, true],
  [{ 'sec-fetch-dest': 'empty' }, false],
  [{ 'sec-fetch-dest': 'iframe' }, false],
])('a request with %j is a navigation: %s', (headers, expected) => {
  expect(isNavigation(visit('GET', headers))).toBe(expected)
})

it.each<[Record<string, string>, boolean]>([
  [{}, false],
  [{ origin }, true],
  [{ origin: 'https://evil.example' }, false],
  [{ 'sec-fetch-site': 'same-origin' }, true],
  [{ 'sec-fetch-site': 'same-site', origin }, false],
  [{ 'sec-fetch-site': 'cross-site', origin }, false],
  [{ 'sec-fetch-site': 'none' }, false],
])('a request with %j is from a page of the app: %s', (headers, expected) => {
  expect(isFromOwnPage(visit('POST', headers), origin)).toBe(expected)
})

it.each<[string, string, Record<string, string>, number | undefined]>([
  ['a page that the user opens', 'GET', {}, undefined],
  [
    'a page that a link on another site opens',
    'GET',
    { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'document' },
    undefined,
  ],
  ['a page that another site loads', 'GET', { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'iframe' }, 403],
  ['a page that the app loads', 'GET', { 'sec-fetch-site': 'same-origin', 'sec-fetch-dest': 'empty' }, undefined],
  ['a form of the app', 'POST', { origin }, undefined],
  ['a form of another site', 'POST', { origin: 'https://evil.example' }, 403],
  ['a form without an origin', 'POST', {}, 403],
  ['a prefetch', 'GET', { 'sec-purpose': 'prefetch' }, 503],
])('%s', (_what, method, headers, status) => {
  const refusal = refuseVisit(visit(method, headers), origin)
  expect(refusal?.status).toBe(status)
  if (refusal) expect(refusal.headers.get('cache-control')).toBe('no-store')
})

it('says why a request from another site was ignored', async () => {
  expect(await refuseForeign().text()).toContain(
    'This request did not come from a page of this site, so it was ignored.',
  )
})

it('redirects with GET or with the same method, and sets cookies', () => {
  const answer = redirect('/events', ['a=1', 'b=2'])
  expect(answer.status).toBe(303)
  expect(answer.headers.get('location')).toBe('/events')
  expect(answer.headers.get('cache-control')).toBe('private, no-store')
  expect(answer.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
  expect(redirect('/events', [], 307).status).toBe(307)
})
