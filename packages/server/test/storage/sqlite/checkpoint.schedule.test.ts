import { expect, it } from 'vitest'
import { createCheckpointSchedule } from '../../../src/storage/sqlite/checkpoint.js'

const most = 16_000

/** A log to which each commit adds so many pages. */
function openLog() {
  const times = createCheckpointSchedule(most)
  let log = 0
  let round = 1
  return {
    times,
    /** Commits until the WAL is checked, with the given pages per commit; returns the pages that SQLite checkpointed in commits in the meantime. */
    write: (pages: number) => {
      let copiedInCommits = 0
      for (let count = 0; count < times.commits; count += 1) {
        log += pages
        if (log < most) continue
        copiedInCommits += log
        log = 0
        round += 1
      }
      times.looked({ log, checkpointed: log, round })
      return copiedInCommits
    },
    empty: () => {
      times.emptied()
      log = 0
      round += 1
    },
  }
}

it('looks when about 32 MB were written, whatever a commit writes', () => {
  for (const pages of [3, 7, 40]) {
    const { times, write, empty } = openLog()
    for (let looks = 0; looks < 3; looks += 1) {
      write(pages)
      empty()
    }
    expect(times.commits * pages).toBeGreaterThan(7000)
    expect(times.commits * pages).toBeLessThan(9000)
  }
})

it('comes back to it where SQLite copied the log in commits, because these began to write more', () => {
  const { times, write, empty } = openLog()
  for (let looks = 0; looks < 3; looks += 1) {
    write(3)
    empty()
  }
  expect(write(50)).toBeGreaterThan(0)
  expect(write(50)).toBe(0)
  empty()
  expect(write(50)).toBe(0)
  expect(times.commits * 50).toBeLessThan(9000)
})

it('does not mistake the rest of a restarted WAL for everything that was written', () => {
  const { times } = openLog()
  times.looked({ log: 3000, checkpointed: 3000, round: 1 })
  times.emptied()
  const before = times.commits
  times.looked({ log: 340, checkpointed: 340, round: 3 })
  expect(times.commits).toBeLessThan(before)
})

it('waits four times as long as before at most, and from 100 commits to 10,000', () => {
  const { times } = openLog()
  const seen: number[] = []
  for (let round = 1; round < 6; round += 1) {
    times.looked({ log: 1, checkpointed: 1, round })
    times.emptied()
    seen.push(times.commits)
  }
  expect(seen).toEqual([2000, 8000, 10_000, 10_000, 10_000])
  times.looked({ log: 1, checkpointed: 1, round: 1000 })
  expect(times.commits).toBe(100)
})
