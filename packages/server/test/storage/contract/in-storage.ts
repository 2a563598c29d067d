import type { Storage, StorageOptions } from 'countersign-server'
import { afterEach, beforeEach, describe } from 'vitest'

export const start = 1_600_000_000
export const day = 86_400

/** An empty storage for each test, and the clock it uses. */
export interface World {
  readonly storage: Storage
  now: number
}

export type MakeStorage = (options: StorageOptions) => Storage | Promise<Storage>

export function inStorage(name: string, makeStorage: MakeStorage, define: (world: World) => void): void {
  describe(name, () => {
    let storage: Storage | undefined
    const world = {
      now: start,
      get storage() {
        if (!storage) throw new Error('storage is only available inside a test')
        return storage
      },
    }
    beforeEach(async () => {
      world.now = start
      storage = await makeStorage({ now: () => world.now, sweepInterval: 0, usageDelay: 0 })
    })
    afterEach(() => storage?.close())
    define(world)
  })
}
