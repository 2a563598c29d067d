import type { LookupEvent } from 'countersign'
import { expect, it } from 'vitest'
import { type DocumentSource, Documents } from '../../src/discovery/documents.js'

const lookup: Parameters<Documents['load']>[1] = {
  source: undefined,
  enter: () => undefined,
  within: (fetching) => fetching,
  recall: ({ failure }) => ({ failure }),
}

it('reports at most 512 characters of why a document is rejected', async () => {
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
    read: () => ({ refusal: 'x'.repeat(1000) }),
    fetch: async () => Response.json({}),
    configured: false,
  }
  expect(await documents.load(source, lookup)).toMatchObject({ failure: { reason: 'refused' } })
  expect(events.map(({ reason }) => reason?.length)).toEqual([512])
})
