import type { UserExport } from '../storage/api/account-storage.js'

/** What somebody takes along of their account: a file with the day in its name, and times that people can read in it. */
export function accountDownload(exported: UserExport): Response {
  const day = timeOf(exported.exportedAt).slice(0, 10)
  const name = exported.user.username.replaceAll(/[^A-Za-z0-9._-]+/g, '-').slice(0, 60)
  return new Response(JSON.stringify(exported, readable, 2), {
    headers: {
      'content-type': 'application/json',
      'content-disposition': `attachment; filename="countersign-${name}-${day}.json"`,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    },
  })
}

const times = /^(?:at|day|authTime|[a-zA-Z]+At)$/

/** Times in the form of ISO 8601, and nothing where there is nothing. */
function readable(member: string, value: unknown): unknown {
  if (value === null) return undefined
  return typeof value === 'number' && times.test(member) ? timeOf(value) : value
}

function timeOf(unixSeconds: number): string {
  return new Date(unixSeconds * 1000).toISOString()
}
