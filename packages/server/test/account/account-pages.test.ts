import { expect, it } from 'vitest'
import { accountDownload } from '../../src/account/account-pages.js'

type Exported = Parameters<typeof accountDownload>[0]

it('is a JSON file named after the user and the day, which no cache stores', async () => {
  const user = { username: 'Anna K/öster' } as Exported['user']
  const response = accountDownload({ exportedAt: 1_800_000_000, user } as Exported)
  expect(Object.fromEntries(response.headers)).toEqual({
    'content-type': 'application/json',
    'content-disposition': 'attachment; filename="countersign-Anna-K-ster-2027-01-15.json"',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  expect(await response.json()).toMatchObject({ exportedAt: '2027-01-15T08:00:00.000Z' })
})
