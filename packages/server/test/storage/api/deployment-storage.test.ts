import { expect, it } from 'vitest'
import {
  requireClockInSync,
  requireOwnDatabase,
  validTokensIssuedSince,
} from '../../../src/storage/api/deployment-storage.js'

it.each<[number, string | undefined]>([
  [100, undefined],
  [105.9, undefined],
  [106, 'This machine’s clock is 6 seconds ahead of the database’s clock: synchronize both with NTP.'],
  [95, undefined],
  [94.9, 'This machine’s clock is 6 seconds behind the database’s clock: synchronize both with NTP.'],
])('at %d seconds, a database at 100 seconds is: %s', async (own, message) => {
  const storage = { readClock: async () => 100 } as Parameters<typeof requireClockInSync>[0]
  const outcome = await requireClockInSync(storage, () => own).catch((error: Error) => error)
  expect(outcome).toEqual(message === undefined ? undefined : expect.objectContaining({ code: 'clock_skew', message }))
})

it.each([
  [undefined, 600],
  [300, 600],
  [900, 900],
])(
  'counts tokens of servers with a lifetime of %s seconds, and resources whose clock is a minute slow',
  async (longest, seconds) => {
    const storage = { findLongestTokenLifetime: async () => longest }
    expect(await validTokensIssuedSince(storage, { at: 10_000, lifetime: 600 })).toBe(10_000 - 60 - seconds)
  },
)

it('requires a database that belongs to the issuer', async () => {
  const owner = 'https://auth.example'
  const storage = { claimIssuer: async () => owner } as unknown as Parameters<typeof requireOwnDatabase>[0]
  await requireOwnDatabase(storage, owner)
  await expect(requireOwnDatabase(storage, 'https://other.example')).rejects.toMatchObject({
    code: 'other_issuer',
    message: expect.stringContaining('belongs to the issuer https://auth.example, not to https://other.example'),
  })
})
