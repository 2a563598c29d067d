import { describe, expect, it } from 'vitest'
import { createStateSeal } from '../../../src/resource/mcp/sealed-state.js'

type Seal = ReturnType<typeof createStateSeal>
type McpMessage = Parameters<Seal['seal']>[1]

const agent = 'https://agent.example'
const key = new Uint8Array(32).fill(7)
const call = (params: object, method = 'tools/call') => ({ method, params }) as McpMessage

function open() {
  const clock = { now: 1000.5 }
  return { clock, seal: createStateSeal(key, () => clock.now) }
}

const message = call({ name: 'search', arguments: { b: [1, { c: 2, d: 3 }], a: null } })
const endpoint = 'https://api.example/mcp'
const holder = { agent, endpoint, delegate: undefined, person: 'p', scope: 's' }

describe('a sealed state', () => {
  it('is returned with its user and scopes, for the same call by the same agent', async () => {
    const { seal } = open()
    const sealed = await seal.seal('state', message, holder)
    expect(sealed).toMatch(/^[\w-]+$/)
    expect(await seal.open(sealed, message, holder)).toMatchObject({ state: 'state', person: 'p', scope: 's' })
    expect(await seal.seal('state', message, holder)).not.toBe(sealed)
  })

  it.each([
    ['members in another order', { arguments: { a: null, b: [1, { d: 3, c: 2 }] }, name: 'search' }],
    ['the state itself', { ...message.params, requestState: 'x', inputResponses: {}, _meta: { a: 1 } }],
  ])('is accepted with %s', async (_what, params) => {
    const { seal } = open()
    const sealed = await seal.seal('state', message, holder)
    expect(await seal.open(sealed, call(params), holder)).toBeDefined()
  })

  it.each<[string, McpMessage]>([
    ['another method', call(message.params, 'prompts/get')],
    ['another name', call({ ...message.params, name: 'delete' })],
    ['another argument', call({ ...message.params, arguments: { b: [1, { c: 3, d: 3 }], a: null } })],
    ['another order of items', call({ ...message.params, arguments: { b: [{ c: 2, d: 3 }, 1], a: null } })],
    ['a further argument', call({ ...message.params, arguments: { b: [1, { c: 2, d: 3 }], a: null, d: 1 } })],
    [
      'a list instead of an object',
      call({
        name: 'search',
        arguments: [
          ['a', null],
          [
            'b',
            [
              1,
              [
                ['c', 2],
                ['d', 3],
              ],
            ],
          ],
        ],
      }),
    ],
  ])('is rejected with %s', async (_what, other) => {
    const { seal } = open()
    const sealed = await seal.seal('state', message, holder)
    expect(await seal.open(sealed, other, holder)).toBeUndefined()
  })

  it('is rejected from another agent, at another endpoint, modified, or under another key', async () => {
    const { seal, clock } = open()
    const sealed = await seal.seal('state', message, holder)
    expect(await seal.open(sealed, message, { ...holder, agent: 'https://other.example' })).toBeUndefined()
    const elsewhere = { ...holder, endpoint: 'https://api.example/other' }
    expect(await seal.open(sealed, message, elsewhere)).toBeUndefined()
    const changed = sealed.startsWith('A') ? `B${sealed.slice(1)}` : `A${sealed.slice(1)}`
    for (const wrong of [changed, sealed.slice(0, -4), sealed.slice(0, 16), '', 'a b'])
      expect(await seal.open(wrong, message, holder), wrong).toBeUndefined()
    const other = createStateSeal(undefined, () => clock.now)
    expect(await other.open(sealed, message, holder)).toBeUndefined()
    expect(await other.open(await other.seal('state', message, holder), message, holder)).toBeDefined()
  })

  it('expires after 600 seconds', async () => {
    const { seal, clock } = open()
    const sealed = await seal.seal('state', message, holder)
    clock.now = 1599.9
    expect(await seal.open(sealed, message, holder)).toBeDefined()
    clock.now = 1600
    expect(await seal.open(sealed, message, holder)).toBeUndefined()
  })
})

it.each([new Uint8Array(31), new Uint8Array(33), 'x'.repeat(32)])('rejects the key %s', (wrong) => {
  expect(() => createStateSeal(wrong as Uint8Array, () => 0)).toThrow('sealState: the key must be 32 bytes')
})
