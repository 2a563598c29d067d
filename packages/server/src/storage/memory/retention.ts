import { maxStrangersLogos, retention } from '../retention-periods.js'
import { deleteWhere } from './delete-where.js'
import type { MemoryUnit } from './tables.js'

const maxEvents = 10_000

/** Deletes what is past its retention, and the oldest events beyond ten thousand. */
export function sweep({ tables, now }: MemoryUnit): number {
  const {
    nonces,
    sessions,
    attempts,
    devices,
    codes,
    requests,
    refreshTokens,
    usage,
    grants,
    agents,
    logos,
    refreshMarks,
  } = tables
  const before = (seconds: number, time: number | null) => time !== null && time <= now - seconds
  const allowed = new Set([...grants.values()].map(({ agent }) => agent))
  const surplus = [...logos.values()]
    .filter(({ agent }) => !allowed.has(agent))
    .sort((a, b) => b.claimedAt - a.claimedAt)
    .at(maxStrangersLogos)?.claimedAt
  const deleted =
    deleteWhere(nonces, (expiresAt) => before(0, expiresAt)) +
    deleteWhere(sessions, (session) => before(0, session.idleExpiresAt)) +
    deleteWhere(attempts, (attempt) => before(0, attempt.resetAt)) +
    deleteWhere(devices, (device) => before(retention.device, device.lastSeenAt)) +
    deleteWhere(refreshMarks, (mark) => before(retention.refreshMark, mark.at)) +
    deleteWhere(codes, (code) => before(retention.code, code.expiresAt)) +
    deleteWhere(
      requests,
      ({ expiresAt, codeHash }) => before(retention.request, expiresAt) && (codeHash === null || !codes.has(codeHash)),
    ) +
    keepIssues(tables, now) +
    deleteWhere(
      refreshTokens,
      (token) => before(retention.refreshToken, token.revokedAt) || before(retention.refreshToken, token.idleExpiresAt),
    ) +
    deleteWhere(usage, ({ day }) => before(retention.usage, day)) +
    deleteWhere(
      grants,
      (grant) => before(retention.grant, grant.revokedAt) || before(retention.grant, grant.expiresAt),
    ) +
    deleteWhere(
      logos,
      ({ agent, claimedAt }) =>
        !allowed.has(agent) &&
        (before(retention.logo, claimedAt) || claimedAt <= (surplus ?? Number.NEGATIVE_INFINITY)),
    ) +
    deleteWhere(agents, (agent) => {
      const { blockedAt, lastSeenAt } = agent
      return blockedAt === null && before(retention.agent, lastSeenAt) && !allowed.has(agent.agent)
    }) +
    keepEvents(tables, now)
  deleteWhere(refreshTokens, ({ grantId }) => !grants.has(grantId))
  deleteWhere(usage, ({ grantId }) => !grants.has(grantId))
  deleteWhere(logos, ({ agent }) => !agents.has(agent))
  return deleted
}

function keepIssues(tables: MemoryUnit['tables'], now: number): number {
  const { issues } = tables
  tables.issues = issues.filter((issue) => issue.expiresAt > now - retention.issue)
  return issues.length - tables.issues.length
}

function keepEvents(tables: MemoryUnit['tables'], now: number): number {
  const { events } = tables
  tables.events = events.filter(({ at }) => at > now - retention.event).slice(-maxEvents)
  return events.length - tables.events.length
}
