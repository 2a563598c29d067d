import { createServer } from 'node:http'
import { expect, it } from 'vitest'
import { listenWith } from '../../../countersign/test/resource/events-resource.js'
import { checkDocuments } from '../../src/doctor/check-documents.js'

it.each([
  ['an API', 'resource', 404],
  ['an API that refuses unsigned requests', 'resource', 401],
  ['an agent', 'agent', 404],
])('says that the URL is that of %s', async (_what, party, otherStatus) => {
  const server = createServer(({ url }, outgoing) => {
    const isDocument = url === `/.well-known/aauth-${party}`
    outgoing.writeHead(isDocument ? 200 : otherStatus, { 'content-type': 'application/json' })
    outgoing.end(JSON.stringify({ [party]: id, jwks_uri: `${id}/jwks.json` }))
  })
  const id = `http://127.0.0.1:${await listenWith(server)}`
  const { findings } = await checkDocuments(id, {}, () => undefined)
  expect(findings).toEqual([
    expect.objectContaining({
      outcome: 'problem',
      found: expect.stringMatching(/^This is an (?:API|agent), not an auth server/) as string,
      fix: expect.stringContaining(`countersign discover ${id}`) as string,
    }),
  ])
})
