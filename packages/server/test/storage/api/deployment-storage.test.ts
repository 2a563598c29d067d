import { expect, it } from 'vitest'
import { requireClockInSync } from '../../../src/storage/api/deployment-storage.js'

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
