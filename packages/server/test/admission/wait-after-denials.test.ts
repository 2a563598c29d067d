import { expect, it } from 'vitest'
import { type ConsentRequest, waitAfterDenials } from '../../src/admission/wait-after-denials.js'

const now = 1_800_000_000
const day = 86_400
const agent = 'https://agent.example'
const resource = 'https://calendar.example'
const request: ConsentRequest = { agent, id: undefined, resource, scope: 'cal.read cal.write' }

/** A decision of a number of seconds ago. */
function decided(ago: number, changes: { event?: string; resource?: string; data?: object } = {}) {
  return {
    event: 'request.denied',
    at: now - ago,
    resource,
    ...changes,
    data: { scope: 'cal.read cal.write', ...changes.data },
  }
}
const allowed = (ago: number, scope: string) => decided(ago, { event: 'request.allowed', data: { scope } })

const more = { data: { scope: 'cal.read cal.write cal.share' } }
/** A denial of a part of the request, together with something else. */
const variant = (other: string) => decided(0, { data: { scope: `cal.write ${other}` } })

async function waitAfter(events: readonly object[], of: Partial<ConsentRequest> = {}) {
  const searches: unknown[] = []
  const listSinceDenial = async (search: unknown) => {
    searches.push(search)
    return events
  }
  type Context = Parameters<typeof waitAfterDenials>[0]
  const context = { storage: { listSinceDenial }, now: () => now } as unknown as Context
  const wait = await waitAfterDenials(context, 'alice', { ...request, ...of })
  expect(searches).toEqual([{ userId: 'alice', agent, since: now - 7 * day }])
  return wait
}

it.each<[string, object[], Partial<ConsentRequest>, number | undefined]>([
  ['no denial', [], {}, undefined],
  ['a denial of this second', [decided(0)], {}, 600],
  ['a denial 599 seconds ago', [decided(599)], {}, 1],
  ['a denial 600 seconds ago', [decided(600)], {}, undefined],
  ['two denials', [decided(700), decided(100)], {}, 1100],
  ['three denials', [decided(900), decided(800), decided(0)], {}, 2400],
  ['eight denials', Array.from({ length: 8 }, () => decided(0)), {}, 76_800],
  ['nine denials', Array.from({ length: 9 }, () => decided(0)), {}, day],
  ['a denial of a part of it', [decided(0, { data: { scope: 'cal.write' } })], {}, 600],
  ['a denial of more', [decided(0, { data: { scope: 'cal.read cal.write cal.share' } })], {}, undefined],
  ['a denial at the same resource in another spelling', [decided(0, { resource: `${resource}/` })], {}, 600],
  ['a denial at another resource', [decided(0, { resource: 'https://other.example' })], {}, undefined],
  ['a denial of which only the time is known', [{ event: 'request.denied', at: now }], {}, undefined],
  ['a denial of which only the resource is known', [{ event: 'request.denied', at: now, resource }], {}, undefined],
  [
    'a denial of unknown permissions',
    [{ event: 'request.denied', at: now, resource }],
    { scope: 'undefined' },
    undefined,
  ],
  ['a denial because the agent belongs to another user', [decided(0, { data: { boundToOther: true } })], {}, undefined],
  ['a denial of another agent of its server', [decided(0, { data: { delegate: 'other' } })], { id: 'bot' }, undefined],
  ['a denial of this agent of its server', [decided(0, { data: { delegate: 'bot' } })], { id: 'bot' }, 600],
  ['a denial, for any agent of the server', [decided(0, { data: { delegate: 'bot' } })], {}, 600],
  [
    'a denial and then permission for all of it',
    [decided(9), allowed(5, 'cal.read cal.write cal.share')],
    {},
    undefined,
  ],
  ['a denial and then permission for a part', [decided(9), allowed(5, 'cal.read')], {}, 591],
  ['two denials of a part of it with something else', [variant('a'), variant('b')], {}, undefined],
  ['three denials of a part of it, each time with something else', ['a', 'b', 'c'].map(variant), {}, 600],
  ['four denials of a part of it, each time with something else', ['a', 'b', 'c', 'd'].map(variant), {}, 1200],
  ['three denials of more', [decided(0, more), decided(0, more), decided(0, more)], {}, 600],
  [
    'such denials and then permission for that part',
    [...['a', 'b', 'c'].map(variant), allowed(0, 'cal.write')],
    {},
    undefined,
  ],
  ['such denials and then permission for something else', [...['a', 'b', 'c'].map(variant), allowed(0, 'a')], {}, 600],
  [
    'three denials of other permissions',
    ['a', 'b', 'c'].map((name) => decided(0, { data: { scope: name } })),
    {},
    undefined,
  ],
  ['permission and then a denial', [allowed(9, 'cal.read cal.write'), decided(5)], {}, 595],
])('after %s, an agent waits for as long as it should', async (_what, events, of, wait) => {
  expect(await waitAfter(events, of)).toBe(wait)
})
