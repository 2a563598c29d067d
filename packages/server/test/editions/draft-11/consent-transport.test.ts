import { expect, it } from 'vitest'
import { createDraft11Transport } from '../../../src/editions/draft-11/consent-transport.js'

const secrets = {
  codeOf: (id: string) => `code of ${id}`,
  seal: (purpose: string, text: string) => JSON.stringify([purpose, text]),
  unseal: (purpose: string, value: string) => {
    const [of, text] = value.startsWith('[') ? JSON.parse(value) : []
    return of === purpose ? text : undefined
  },
} as Parameters<typeof createDraft11Transport>[1]
const transport = createDraft11Transport('https://auth.example', secrets)
type Request = Parameters<typeof transport.addressOf>[0]

const code = '0123456789AB'
const callback = 'https://agent.example/done'
const details = {
  callback,
  loopback: false,
  account: 'work',
  loginHint: 'alice',
  agentSays: { reason: 'why' },
  resourceSays: { needs: 'identity' },
  device: { name: 'laptop' },
}
const request = { id: 'r1', state: callback, status: 'open', requiredUserId: null, details } as unknown as Request
const withDetails = (changes: object) => ({ ...request, details: { ...details, ...changes } })
const read = (parameters: Record<string, string>) => new Map(Object.entries(parameters))

it('reads a code, and a callback of up to 2,048 characters', async () => {
  const long = `${callback}?${'x'.repeat(2048 - callback.length - 1)}`
  const link = transport.readCode?.(read({ code: '0123-4567-89ab', callback: long }))
  expect(link).toMatchObject({ edition: 'draft-11', state: long, handle: '0123', path: expect.any(String) })
  expect(transport.readCode?.(read({ code, callback: `${long}x` }))).toMatchObject({ state: undefined })
  expect(transport.readCode?.(read({ code }))).toMatchObject({ state: undefined })
  expect(transport.readCode?.(read({}))).toBeUndefined()
  // The code is sealed in the link, which leads to the same request.
  const opened = await transport.readLink(read(link?.fields ?? {}))
  expect(link).toMatchObject(opened as object)
  expect(await transport.readLink(read({ request: 'x' }))).toBe('request_unknown')
  expect(await transport.readLink(read({}))).toBeUndefined()
})

it('counts a text that is no code as a guess at no request', () => {
  const [one, other] = ['x', 'y'].map((typed) => transport.readCode?.(read({ code: typed })))
  expect(one).toMatchObject({ edition: 'draft-11', fields: {}, handle: '', path: '/person/interact' })
  expect(one?.tokenHash).not.toBe(other?.tokenHash)
})

it('keeps a page open for five minutes at a time, and a decision for five minutes', () => {
  expect(transport.openFor).toEqual({ seconds: 300, most: 1800 })
  expect(transport.handleLifetimeOf?.(request)).toBe(300)
  expect(transport.remembersGrants?.(request)).toBe(true)
})

it.each([
  [null, true],
  ['none', true],
  ['login', false],
  ['consent', false],
  ['select_account', false],
  ['consent login', false],
])('with the prompt %s, a grant answers: %s', (prompt, expected) => {
  expect(transport.acceptsGrant?.({ ...request, prompt })).toBe(expected)
})

it('shows what the request says, and the code of the link', () => {
  const link = transport.readCode?.(read({ code })) ?? expect.fail('no link')
  const shown = {
    enrols: true,
    ownDevice: details.device,
    agentSays: details.agentSays,
    resourceSays: { needs: 'identity', account: 'work' },
    largeCode: '0123-4567-89AB',
  }
  expect(transport.blocksOf?.(request, link)).toEqual(shown)
  const other = { ...withDetails({ account: null }), requiredUserId: 'u1' }
  expect(transport.blocksOf?.(other, { ...link, fields: {} })).toEqual({
    ...shown,
    enrols: false,
    resourceSays: { needs: 'identity' },
    largeCode: undefined,
  })
  expect(transport.accountOf?.(request)).toBe('work')
  expect(transport.usernameOf?.(request)).toBe('alice')
  expect(transport.usernameOf?.(withDetails({ loginHint: null }))).toBeUndefined()
})

it('takes the user back to the callback that the provider publishes', () => {
  const [allowed, denied] = [{ allowed: true }, { allowed: false, why: '' }] as Parameters<
    typeof transport.addressOf
  >[1][]
  if (!allowed || !denied) throw new TypeError('expected two decisions')
  const addressesOf = (of: Request) => [
    transport.returnUriOf?.(of),
    transport.addressOf(of, allowed),
    transport.addressOf(of, denied),
    transport.endedAddressOf?.(of),
    transport.endedAddressOf?.({ ...of, status: 'expired' }),
  ]
  expect(addressesOf(request)).toEqual([
    callback,
    callback,
    `${callback}?error=access_denied`,
    `${callback}?error=server_error`,
    `${callback}?error=interaction_expired`,
  ])
  const nowhere = [null, undefined, undefined, undefined, undefined]
  expect(addressesOf({ ...request, state: null })).toEqual(nowhere)
  expect(addressesOf(withDetails({ callback: null }))).toEqual(nowhere)
  const loopback = 'http://127.0.0.1:5000/done'
  expect(transport.returnUriOf?.({ ...withDetails({ loopback: true }), state: loopback })).toBe(loopback)
  expect(transport.returnUriOf?.({ ...request, state: loopback })).toBeNull()
})
