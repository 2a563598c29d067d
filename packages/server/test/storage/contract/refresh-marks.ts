import { expect, test } from 'vitest'
import { times } from '../fixtures.js'
import { day, inStorage, type MakeStorage, start } from './in-storage.js'

const one = 'https://one.example'
const other = 'https://other.example'

export function refreshMarkContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: refresh marks`, makeStorage, (world) => {
    const refresh = (identifier: string) => world.storage.requestRefresh({ identifier, by: 'operator' })
    const marks = () => world.storage.listRefreshMarks()

    test('there is one for each identifier, with another id each time, and the newest comes first', async () => {
      expect(await marks()).toEqual([])
      await refresh(one)
      world.now = start + 1
      await refresh(other)
      const before = await marks()
      expect(before).toEqual([
        { identifier: other, id: expect.any(String), at: start + 1 },
        { identifier: one, id: expect.any(String), at: start },
      ])
      await refresh(one)
      const after = await marks()
      expect(after.map(({ identifier }) => identifier)).toEqual([one, other])
      expect(after[0]).toMatchObject({ at: start + 1 })
      expect(before.map(({ id }) => id)).not.toContain(after[0]?.id)
    })

    test('each request stands in the audit, whoever asks at once', async () => {
      await Promise.all(times(10, () => refresh(one)))
      expect(await marks()).toHaveLength(1)
      const events = await world.storage.listEvents({ event: 'agent.refreshed' })
      expect(events).toHaveLength(10)
      expect(events[0]).toMatchObject({ agent: one, data: { by: 'operator' } })
    })

    test('it stays for as long as any instance may hold an older document', async () => {
      await refresh(one)
      world.now = start + 3 * day - 1
      await world.storage.sweep()
      expect(await marks()).toHaveLength(1)
      world.now = start + 3 * day
      await world.storage.sweep()
      expect(await marks()).toEqual([])
    })
  })
}
