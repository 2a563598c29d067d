import { january } from 'countersign/editions'
import { expect, it } from 'vitest'
import { describeScopes } from '../../src/editions/describe-scopes.js'

type Outcome = { found: object } | { failure: Error }

/** The descriptions of scopes, and the resources whose documents were fetched. */
async function describeFor(scope: string | undefined, outcome: () => Promise<Outcome>) {
  const asked: string[] = []
  const discovery = {
    findMetadata: (_document: unknown, id: string) => {
      asked.push(id)
      return outcome()
    },
  } as unknown as Parameters<typeof describeScopes>[0]
  const described = await describeScopes(discovery, january.documents.resource, {
    resource: 'https://api.example',
    scope,
  })
  return { asked, described: described.map((each) => [each.scope, each.description]) }
}

const long = 'x'.repeat(201)
const texts = { read: 'Read notes', openid: 'Everything', empty: '', long, lines: 'One\nline' }
const published = async () => ({ found: { scope_descriptions: texts } })

it.each<[string | undefined, unknown[]]>([
  ['read', [['read', 'Read notes']]],
  [
    'read write',
    [
      ['read', 'Read notes'],
      ['write', undefined],
    ],
  ],
  [
    'openid read',
    [
      ['openid', undefined],
      ['read', 'Read notes'],
    ],
  ],
  [
    'empty toString',
    [
      ['empty', undefined],
      ['toString', undefined],
    ],
  ],
])('describes %j in the resource’s words', async (scope, described) => {
  expect(await describeFor(scope, published)).toEqual({ asked: ['https://api.example'], described })
})

it('shortens descriptions to one line of 200 characters', async () => {
  const { described } = await describeFor('long lines', published)
  const [[, first = ''] = [], [, second = ''] = []] = described
  expect(first).toHaveLength(200)
  expect(second).not.toContain('\n')
})

it.each<[string | undefined, unknown[]]>([
  [
    'openid profile email',
    [
      ['openid', undefined],
      ['profile', undefined],
      ['email', undefined],
    ],
  ],
  ['', []],
  [undefined, []],
])('fetches no document for %j', async (scope, described) => {
  expect(await describeFor(scope, published)).toEqual({ asked: [], described })
})

it.each<[string, () => Promise<Outcome>]>([
  ['was not found', async () => ({ failure: new Error('404') })],
  ['cannot be fetched', () => Promise.reject(new Error('lost'))],
  ['describes nothing', async () => ({ found: {} })],
])('describes no scope if the document %s', async (_why, outcome) => {
  expect((await describeFor('read', outcome)).described).toEqual([['read', undefined]])
})
