import { createSigner, generatePrivateJwk } from 'countersign'
import { revocationEntry, revocationListLimits } from 'countersign/editions'
import { decodeToken } from 'countersign/tokens'
import { expect, it } from 'vitest'
import { createRevocationListEndpoint } from '../../../src/editions/january/revocation-list.js'

type Context = Parameters<typeof createRevocationListEndpoint>[0]

const issuer = 'https://auth.example'
const signer = await createSigner(await generatePrivateJwk())
const nothing = { isWhole: true, revoked: [], families: [], revokedBefore: [], clientsRevokedBefore: [] }

/** The endpoint of a server whose storage lists these revocations. */
function open() {
  const clock = { now: 1_800_000_000 }
  const listed: object[] = []
  const errors: unknown[] = []
  const found = { list: async (): Promise<object> => nothing }
  const context = {
    issuer,
    now: () => clock.now,
    lifetimes: { authToken: 600 },
    hasFamilies: true,
    unlistedEditions: ['draft-11'],
    keys: { signer: () => signer },
    onError: (error: unknown, id: string) => errors.push([String(error), id]),
    storage: {
      findLongestTokenLifetime: async () => 900,
      listRevocations: async (search: object) => {
        listed.push(search)
        return found.list()
      },
    },
  } as unknown as Context
  const serve = createRevocationListEndpoint(context)
  return { clock, listed, errors, found, serve, read: async () => decodeToken(await (await serve()).text())?.payload }
}

it('lists what is revoked, in an order that says nothing', async () => {
  const { clock, found, serve, listed } = open()
  const at = clock.now
  found.list = async () => ({
    ...nothing,
    revoked: [
      { kind: 'grant', value: 'g1' },
      { kind: 'agent', value: 'https://agent.example' },
    ],
    families: ['f1', 'f2'],
    revokedBefore: [
      { sub: 's1', at: at - 1 },
      { sub: 's2', at: at - 2 },
      { sub: 's3', at: at - 3 },
    ],
    clientsRevokedBefore: [{ sub: 's1', client: 'c1', at: at - 4 }],
    before: at - 5,
  })
  const response = await serve()
  expect(Object.fromEntries(response.headers)).toEqual({
    'content-type': 'application/jwt',
    'cache-control': 'public, max-age=1',
  })
  const entries = await Promise.all([
    revocationEntry('grant', 'g1'),
    revocationEntry('agent', 'https://agent.example'),
    revocationEntry('family', 'f1'),
    revocationEntry('family', 'f2'),
  ])
  const before = await Promise.all([
    ...['s1', 's2', 's3'].map(async (sub, index) => [await revocationEntry('sub', sub), at - 1 - index] as const),
    (async () => [await revocationEntry('client', 's1 c1'), at - 4] as const)(),
  ])
  const { payload } = decodeToken(await response.text()) ?? {}
  expect(payload).toEqual({
    iss: issuer,
    iat: at,
    exp: at + 120,
    jti: payload?.jti,
    revoked: entries.toSorted(),
    revoked_before: Object.fromEntries(before),
    before: at - 5,
  })
  expect(Object.keys(payload?.revoked_before ?? {})).toEqual(before.map(([entry]) => entry).toSorted())
  const { entries: limit } = revocationListLimits
  expect(listed).toEqual([{ since: at - 960, perUser: 20, limit, families: true, without: ['draft-11'] }])
})

it('is made once a second, however many resources poll, and again if it could not be made', async () => {
  const { clock, listed, found, read, serve } = open()
  const [first, second] = await Promise.all([read(), read()])
  expect(first).toEqual(second)
  expect(first).toEqual({ iss: issuer, iat: clock.now, exp: clock.now + 120, jti: first?.jti, revoked: [] })
  expect(listed).toHaveLength(1)
  clock.now += 1
  found.list = () => Promise.reject(new Error('the database is down'))
  await expect(serve()).rejects.toThrow('the database is down')
  found.list = async () => nothing
  expect(await read()).toMatchObject({ iat: clock.now })
  expect(listed).toHaveLength(3)
})

it('tells the operator at most every ten minutes that it is full, whatever the clock does', async () => {
  const { clock, errors, found, read } = open()
  found.list = async () => ({ ...nothing, isWhole: false })
  const told: number[] = []
  for (const step of [0, 599, 1, -599, -1]) {
    clock.now += step
    await read()
    told.push(errors.length)
  }
  expect(told).toEqual([1, 1, 2, 2, 3])
  expect(errors[0]).toEqual([
    'Error: The revocation list is full: it omits revocations by the newest accounts, whose tokens keep working until they expire.',
    '-',
  ])
})
