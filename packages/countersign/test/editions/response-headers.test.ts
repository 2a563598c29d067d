import { AAuthError, type ErrorCode, errorCases } from 'countersign'
import { january, type ResourceEdition } from 'countersign/editions'
import { draft11Resource } from 'countersign/editions/draft-11'
import { createResource, serveEditions } from 'countersign/resource'
import { describe, expect, it } from 'vitest'
import { openStage, signers } from './draft-11/resource-stage.js'
import { ids } from './draft-11/wire.js'

/** Headers that belong to HTTP itself. */
const ofHttp = new Set(['content-type', 'cache-control', 'retry-after'])

/** The names of all headers with which an edition can refuse a request. */
function namesIn(
  edition: ResourceEdition,
  challenges: readonly Parameters<ResourceEdition['writeRefusal']>[1][],
): Set<string> {
  const codes = Object.keys(errorCases) as ErrorCode[]
  const errors = codes.map(
    (code) => new AAuthError(code, 'why', { requiredInput: ['@method'], algorithms: ['ed25519'], retryAfter: 1 }),
  )
  const headers = errors.flatMap((error) =>
    challenges.flatMap((challenge) => Object.keys(edition.writeRefusal(error, challenge).headers)),
  )
  return new Set(headers.map((name) => name.toLowerCase()).filter((name) => !ofHttp.has(name)))
}

describe('the response headers of an edition include every header of its refusals', () => {
  it.each<[string, ResourceEdition, Parameters<typeof namesIn>[1]]>([
    ['January', january, [undefined, { level: 'identity' }]],
    [
      'draft -11',
      draft11Resource,
      [undefined, { level: 'person-token' }, { level: 'auth-token', resourceToken: 'a.b.c' }],
    ],
  ])('%s', (_name, edition, challenges) => {
    const names = namesIn(edition, challenges)
    expect(names.size).toBeGreaterThan(1)
    expect(edition.responseHeaders.map((name) => name.toLowerCase())).toEqual(expect.arrayContaining([...names]))
  })
})

it('an API in both editions has the headers of both', () => {
  const own = createResource({ id: ids.resource, signer: signers.provider, authServer: 'https://auth.example' })
  const { resource } = openStage()
  expect(own.responseHeaders).toEqual(['Agent-Auth', 'Signature-Error'])
  expect(serveEditions(own, resource).responseHeaders).toEqual([
    ...new Set([...own.responseHeaders, ...resource.responseHeaders]),
  ])
})
