import { resourceKey } from '../lib/resource-id.js'
import type { AuthRequest, RecordedEvent, Storage } from '../storage/api/storage.js'

/** What an agent asks a user for. */
export type ConsentRequest = Pick<AuthRequest, 'agent' | 'resource' | 'scope'> & {
  /** The agent itself, if `agent` vouches for many. @default `agent`, whatever its delegate */
  id: string | undefined
}

/** Seconds: the wait after a denial, which doubles with each further one up to `most`. Denials are forgotten after `memory`. */
const wait = { first: 600, most: 86_400, memory: 7 * 86_400 }

/** Returns the time (Unix seconds) from which on denials count. */
export function denialsCountSince(now: number): number {
  return now - wait.memory
}

/**
 * Returns how long an agent must wait, in seconds, because the user denied it the same or a part of it; undefined if it may prompt the user.
 * It may ask for less than what was denied. What the user allowed since counts as never denied.
 */
export async function waitAfterDenials(
  { storage, now }: { storage: Pick<Storage, 'listSinceDenial'>; now: () => number },
  userId: string,
  { agent, id, resource, scope }: ConsentRequest,
): Promise<number | undefined> {
  const at = now()
  const events = await storage.listSinceDenial({ userId, agent, since: denialsCountSince(at) })
  const place = resourceKey(resource)
  const scopes = scope.split(' ')
  let denials: RecordedEvent[] = []
  for (const event of events) {
    const { data, resource: decidedAt = '' } = event
    const isOther = id !== undefined && data?.delegate !== id
    if (isOther || data?.boundToOther || resourceKey(decidedAt) !== place) continue
    if (event.event === 'request.allowed') denials = denials.filter((denied) => !isWithin(denied, scopeOf(event)))
    else if (isWithin(event, scopes)) denials.push(event)
  }
  const last = denials.at(-1)
  if (!last) return undefined
  const left = last.at + Math.min(wait.most, wait.first * 2 ** (denials.length - 1)) - at
  return left > 0 ? left : undefined
}

function scopeOf({ data }: RecordedEvent): string[] {
  return String(data?.scope).split(' ')
}

function isWithin(event: RecordedEvent, scope: readonly string[]): boolean {
  return scopeOf(event).every((name) => scope.includes(name))
}
