import type { MemoryUnit } from './tables.js'

const day = 24 * 60 * 60
const maxEvents = 10_000

/** Deletes what is past its retention, and the oldest events beyond ten thousand. */
export function sweep({ tables, now }: MemoryUnit): number {
  const { nonces, sessions, codes, requests, issues, events } = tables
  const keptIssues = issues.filter((issue) => issue.expiresAt > now - 30 * day)
  const excess = Math.max(0, events.length - maxEvents)
  tables.issues = keptIssues
  tables.events = events.slice(excess)
  return (
    deleteWhere(nonces, (expiresAt) => expiresAt <= now) +
    deleteWhere(sessions, (session) => session.idleExpiresAt <= now) +
    deleteWhere(codes, (code) => code.expiresAt <= now - day) +
    deleteWhere(
      requests,
      ({ expiresAt, codeHash }) => expiresAt <= now - day && (codeHash === null || !codes.has(codeHash)),
    ) +
    (issues.length - keptIssues.length) +
    excess
  )
}

function deleteWhere<T>(map: Map<string, T>, isOver: (value: T) => boolean): number {
  const before = map.size
  for (const [key, value] of map) if (isOver(value)) map.delete(key)
  return before - map.size
}
