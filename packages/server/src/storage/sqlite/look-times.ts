/** What somebody saw of the log who copied of it what was there. */
export interface CopiedLog {
  /** Pages in the log, and those of them that are in the file now. */
  log: number
  checkpointed: number
  /** How often the log was begun anew, as its head says. */
  round: number
}

/** How large the log grows before it is copied into the file, in pages: 32 MB, and some eighty consent flows. */
const goal = 8000

/** Commits until the log is looked at for the first time, and between two looks at least and at most. */
const commits = { first: 500, least: 100, most: 10_000 }

/** How much longer it is waited from one look to the next at most: a quiet moment says little of the next one. */
const growth = 4

/** Says after how many commits the log is looked at. */
export interface LookTimes {
  readonly commits: number
  /** The thread looked, so many commits after it did so before, and copied what it saw. */
  looked(seen: CopiedLog): void
  /** All of the log was copied: what comes next begins it anew. */
  emptied(): void
}

/** @param most pages of the log at which SQLite copies all of it in a commit, and begins it anew */
export function createLookTimes(most: number): LookTimes {
  let until = commits.first
  let before: { log: number; round: number } | undefined
  let isEmpty = false
  return {
    get commits() {
      return until
    },
    looked({ log, round }) {
      const written = Math.max(pagesSince({ log, round }), 1)
      const fitting = Math.round((goal * until) / written)
      until = Math.min(Math.max(fitting, commits.least), until * growth, commits.most)
      before = { log, round }
      isEmpty = false
    },
    emptied() {
      isEmpty = true
    },
  }

  /** Pages that were written since the last look. Where the log was begun anew unasked, it had come to the most before. */
  function pagesSince({ log, round }: { log: number; round: number }): number {
    if (!before) return log
    const unasked = round - before.round - (isEmpty ? 1 : 0)
    if (unasked > 0) return unasked * most + log
    return round === before.round ? log - before.log : log
  }
}
