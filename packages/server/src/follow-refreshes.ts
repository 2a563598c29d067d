import type { Discovery } from 'countersign'
import type { Storage } from './storage/storage.js'

/**
 * Creates what an instance does before it looks a key up: it forgets the documents of those whom an administrator asked
 * to be fetched anew, on whichever instance (attacks K22). It looks at most once a second; nothing is looked up while
 * the database does not answer.
 *
 * @throws StorageError, from what is returned
 */
export function createRefreshFollower({
  storage,
  discovery,
  now,
}: {
  storage: Pick<Storage, 'listRefreshMarks'>
  discovery: Pick<Discovery, 'forget'>
  now: () => number
}): () => Promise<void> {
  let followed: ReadonlyMap<string, string> = new Map()
  let lookedAt: number | undefined
  let looking: Promise<void> | undefined

  async function look(): Promise<void> {
    const at = now()
    const marks = await storage.listRefreshMarks()
    for (const { identifier, id } of marks) if (followed.get(identifier) !== id) discovery.forget(identifier)
    followed = new Map(marks.map(({ identifier, id }) => [identifier, id]))
    lookedAt = at
  }

  return async function followRefreshes() {
    if (lookedAt === now()) return
    looking ??= look().finally(() => {
      looking = undefined
    })
    await looking
  }
}
