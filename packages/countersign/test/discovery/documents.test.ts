import { setTimeout as pause } from 'node:timers/promises'
import type { LookupEvent } from 'countersign'
import { expect, it } from 'vitest'
import { type DocumentSource, Documents } from '../../src/discovery/documents.js'

const lookup: Parameters<Documents['load']>[1] = {
  source: undefined,
  enter: () => undefined,
  within: (fetching) => fetching,
  recall: ({ failure }) => ({ failure }),
}

/** The events of one lookup. */
async function eventsOf(given: Pick<DocumentSource<never>, 'read' | 'fetch'>) {
  const events: Omit<LookupEvent, 'role'>[] = []
  const documents = new Documents({
    now: () => 0,
    budget: { begin: () => ({ end: () => undefined }) },
    failureAge: 5,
    onLookup: (event) => events.push(event),
  })
  const source: DocumentSource<never> = {
    key: 'a',
    what: 'keys',
    url: 'https://agent.example/jwks.json',
    maxBytes: 100,
    configured: false,
    ...given,
  }
  expect(await documents.load(source, lookup)).toMatchObject({ failure: { reason: 'refused' } })
  return events
}

it('reports at most 512 characters of why a document is rejected', async () => {
  const events = await eventsOf({
    read: () => ({ refusal: 'x'.repeat(1000) }),
    fetch: async () => Response.json({}),
  })
  expect(events.map(({ reason }) => reason?.length)).toEqual([512])
})

it('reports how many seconds a lookup took', async () => {
  const start = performance.now()
  const events = await eventsOf({
    read: () => ({ refusal: 'it is empty' }),
    fetch: () => pause(50, Response.json({})),
  })
  const longest = (performance.now() - start) / 1000
  // Timers may fire up to a millisecond early.
  expect(events.map(({ duration }) => duration >= 0.049 && duration <= longest)).toEqual([true])
})
