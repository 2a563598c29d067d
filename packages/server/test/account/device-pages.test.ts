import { languages } from 'countersign-server/pages'
import { expect, it } from 'vitest'
import {
  checkDeviceCode,
  confirmDevice,
  confirmedIn,
  connectDevice,
  connectDevicePage,
  deviceCodePage,
  deviceEntries,
  newDeviceCode,
} from '../../src/account/device-pages.js'
import { frameContext } from '../http/frame-context.js'

type Context = Parameters<typeof connectDevice>[0]
type Visit = Parameters<typeof connectDevice>[1]
type Page = typeof connectDevice

const now = 1_800_000_000
const device = {
  jkt: 'k'.repeat(43),
  name: 'Laptop',
  redirect_uri: 'http://127.0.0.1:4321/callback',
  state: 's'.repeat(22),
}

interface Scene {
  settings?: object | undefined
  created?: string
  found?: object | undefined
  recorded?: boolean
  query?: Record<string, string>
}

/** Submits a form to a page. Returns what the user sees, and what was stored. */
async function send(page: Page, form: Record<string, string> = {}, scene: Scene = {}) {
  const did: unknown[] = []
  const context = {
    ...frameContext,
    now: () => now,
    personalAgents: 'settings' in scene ? scene.settings : { most: 20, remote: true, allows: () => true },
    secrets: {
      csrfFor: () => 'csrf',
      random: (prefix: string) => `${prefix}code`,
      noticeFor: (_: string, text: string) => text,
    },
    storage: {
      async createDeviceCode(code: object) {
        did.push(code)
        return scene.created ?? 'created'
      },
      async confirmDevice(confirmed: object) {
        did.push(confirmed)
        return scene.recorded ?? true
      },
      findDeviceCode: async () => scene.found,
    },
  } as unknown as Context
  const visit = {
    url: new URL(`https://auth.example/account/devices/connect?${new URLSearchParams(scene.query)}`),
    path: '/account',
    browser: 'b',
    ip: '192.0.2.1',
    newCookies: ['new=1'],
    messages: languages.en,
    form: new Map(Object.entries(form)),
    session: { id: 's', user: { id: 'alice', username: 'alice', credentialRevision: 4 } },
  } as unknown as Visit
  const outcome = await page(context, visit).then(
    async (response) => {
      const html = await response.text()
      const problem = /data-error-code="([^"]*)"/.exec(html)?.[1]
      const state = /data-state="([^"]*)"/.exec(html)?.[1]
      return { shown: `${response.status} ${response.headers.get('location') ?? problem ?? state}`, html }
    },
    ({ code, status, shown: { retry } }: { code: string; status: number; shown: { retry?: string } }) => ({
      shown: `${status} ${code} ${retry}`,
      html: '',
    }),
  )
  return { ...outcome, did }
}

const hash = expect.stringMatching(/^[\w-]{43}$/)
const stored = { userId: 'alice', credentialRevision: 4, codeHash: hash, most: 20 }

it.each<[string, Page]>([
  ['the page to connect one', connectDevicePage],
  ['the form to connect one', connectDevice],
  ['the page for a code', deviceCodePage],
  ['a new code', newDeviceCode],
  ['a code', checkDeviceCode],
  ['a confirmation', confirmDevice],
])('%s is only for users who may connect devices', async (_what, page) => {
  expect((await send(page, device, { settings: undefined })).shown).toBe('404 not_found /account')
  const settings = { most: 20, remote: true, allows: () => false }
  expect((await send(page, device, { settings })).shown).toBe('403 policy_forbids /account')
  const local = { most: 20, remote: false, allows: () => true }
  const isLocal = page === connectDevicePage || page === connectDevice
  const { shown } = await send(page, { ...device, consent: 'deny' }, { settings: local, query: device })
  expect(shown.startsWith(isLocal ? '200' : '404 not_found')).toBe(true)
})

it.each<[Partial<typeof device>, boolean]>([
  [{}, true],
  [{ state: 's'.repeat(256) }, true],
  [{ redirect_uri: 'http://127.0.0.1:1/callback' }, true],
  [{ jkt: 'k'.repeat(42) }, false],
  [{ jkt: 'k'.repeat(44) }, false],
  [{ jkt: '!'.repeat(43) }, false],
  [{ name: '' }, false],
  [{ name: 'a\nb' }, false],
  [{ state: 's'.repeat(21) }, false],
  [{ state: 's'.repeat(257) }, false],
  [{ state: `${'s'.repeat(22)}!` }, false],
  [{ redirect_uri: 'http://127.0.0.1:99999/callback' }, false],
  [{ redirect_uri: 'http://127.0.0.1:123456/callback' }, false],
  [{ redirect_uri: 'http://127.0.0.1/callback' }, false],
  [{ redirect_uri: 'https://127.0.0.1:4321/callback' }, false],
  [{ redirect_uri: 'http://127.0.0.1:4321/callback2' }, false],
  [{ redirect_uri: 'http://127.0.0.1:4321/callback?a' }, false],
  [{ redirect_uri: 'x http://127.0.0.1:4321/callback' }, false],
  [{ redirect_uri: 'http://localhost:4321/callback' }, false],
])('a program that sends %j can be connected: %s', async (changes, isValid) => {
  const query = { ...device, ...changes }
  const { shown, html } = await send(connectDevicePage, {}, { query })
  if (!isValid) expect(shown).toBe('400 request_invalid /account')
  else {
    expect(shown).toBe('200 connect-device')
    expect(html).toContain('192.0.2.1')
  }
})

const toDevice = (html: string) => ({
  action: /<form[^>]* action="([^"]*)"/.exec(html)?.[1],
  fields: Object.fromEntries(
    [...html.matchAll(/name="([^"]*)" value="([^"]*)"/g)].map(([, name, value]) => [name, value]),
  ),
})

it('a code for the program’s key returns to the program', async () => {
  const { shown, html, did } = await send(connectDevice, { ...device, consent: 'grant' })
  expect(shown).toMatch(/^200 /)
  const fields = { code: 'aadc_code', state: device.state, iss: 'https://auth.example' }
  expect(toDevice(html)).toEqual({ action: device.redirect_uri, fields })
  expect(did).toEqual([{ ...stored, device: { name: 'Laptop', thumbprint: device.jkt }, lifetime: 60 }])
})

it('the program learns that the user denied it', async () => {
  const { html, did } = await send(connectDevice, device)
  const fields = { error: 'access_denied', state: device.state, iss: 'https://auth.example' }
  expect(toDevice(html)).toEqual({ action: device.redirect_uri, fields })
  expect(did).toEqual([])
})

it('a code to type is shown in groups for five minutes', async () => {
  const { shown, html, did } = await send(newDeviceCode)
  expect(shown).toBe('200 device-code-issued')
  expect(html).toMatch(/\b[0-9A-Z]{4}-[0-9A-Z]{4}\b/)
  expect(html).toContain(new Date((now + 300) * 1000).toISOString())
  expect(did).toEqual([{ ...stored, number: expect.stringMatching(/^[1-9]\d$/), lifetime: 300 }])
})

it.each<[string, Page, Record<string, string>, string]>([
  ['changed', connectDevice, { ...device, consent: 'grant' }, '409 sign_in_changed /account'],
  ['too_many', connectDevice, { ...device, consent: 'grant' }, '409 too_many_devices'],
  ['changed', newDeviceCode, {}, '409 sign_in_changed /account'],
  ['too_many', newDeviceCode, {}, '409 too_many_devices'],
])('no code is issued if the storage says %s', async (created, page, form, outcome) => {
  expect((await send(page, form, { created })).shown).toBe(outcome)
})

const found = { number: '42', name: '“Phone”', ip: '198.51.100.1', expiresAt: now + 60, isConfirmed: false }

it.each<[string, object | undefined, string, (string | RegExp)[]]>([
  ['waits', found, '200 device-code-claimed', ['42', 'Phone', '198.51.100.1', 'ABCD-EFGH']],
  ['waits for its device', { ...found, name: null }, '200 device-code-issued', ['ABCD-EFGH']],
  ['is unknown', undefined, '409 code_ended', []],
  ['was confirmed', { ...found, isConfirmed: true }, '409 code_ended', []],
  ['returned to its device', { ...found, number: null }, '409 code_ended', []],
])('a code that %s is shown as it is', async (_how, code, shown, texts) => {
  const seen = await send(checkDeviceCode, { device_code: 'ABCD-EFGH' }, { found: code })
  expect(seen.shown).toBe(shown)
  for (const text of texts) expect(seen.html).toMatch(text)
  if (code === found) expect(seen.html).not.toContain('“Phone”')
})

it('a form without a code finds none', async () => {
  expect((await send(checkDeviceCode)).shown).toBe('409 code_ended')
})

it.each<[object, Scene, string, boolean]>([
  [{ consent: 'grant' }, { found }, `303 /account?notice=device:true:${'4oCcUGhvbmXigJ0'}~${now}~`, true],
  [{ consent: 'deny' }, { found }, `303 /account?notice=device:false:${'4oCcUGhvbmXigJ0'}~${now}~`, false],
  [{ consent: 'grant' }, { found: { ...found, name: null } }, `303 /account?notice=device:true:~${now}~`, true],
  [{ consent: 'grant' }, {}, '409 code_ended', true],
  [{ consent: 'grant' }, { found, recorded: false }, '409 code_ended', true],
])('a device is confirmed with %j', async (form, scene, shown, allow) => {
  const seen = await send(confirmDevice, { device_code: 'ABCD-EFGH', ...form }, scene)
  expect(seen.shown.startsWith(shown), seen.shown).toBe(true)
  expect(seen.did).toEqual([{ userId: 'alice', credentialRevision: 4, codeHash: hash, allow }])
})

it.each([
  [undefined, undefined],
  ['removed', undefined],
  ['device:true:4oCcUGhvbmXigJ0', { device: 'Phone', isAllowed: true }],
  ['device:false:', { device: '', isAllowed: false }],
  ['device', { device: '', isAllowed: false }],
])('after the notice %s, My agents says %j', (what, confirmed) => {
  const context = { secrets: { readNotice: () => what && `${what}~${now}~anonymous` }, now: () => now }
  const visit = { browser: 'b', session: undefined, url: new URL('https://auth.example/account?notice=x') }
  expect(confirmedIn(context as unknown as Context, visit as unknown as Visit)).toEqual(confirmed)
})

it('My agents lists the user’s connected devices', async () => {
  const listed = { id: 'd', name: '“Phone”', connectedAt: 1, lastUsedAt: 2, ip: null, expiresAt: null }
  const searches: unknown[] = []
  const storage = {
    async listDevices(filter: unknown) {
      searches.push(filter)
      return [listed, { ...listed, ip: '192.0.2.1', expiresAt: 9 }]
    },
  }
  const shown = { id: 'd', name: 'Phone', since: 1, lastUsed: 2, ip: undefined, ends: undefined }
  expect(await deviceEntries({ storage } as unknown as Context, 'alice')).toEqual([
    shown,
    { ...shown, ip: '192.0.2.1', ends: 9 },
  ])
  expect(searches).toEqual([{ userId: 'alice', live: true, limit: Number.MAX_SAFE_INTEGER }])
})
