import { displayHost } from '../browser/consent-model.js'
import { permissionsOf } from '../browser/permissions.js'
import type { ServerContext } from '../context.js'
import type { Activity, AllowedAgent } from '../pages/account-models.js'
import { cleanText } from '../pages/plain-text.js'
import type { ListedGrant, RecordedEvent } from '../storage/storage.js'

/** What was allowed to one agent at one resource, from the newest on, as often as it was. */
type Grants = readonly [ListedGrant, ...ListedGrant[]]

/** Takes a list of grants apart by agent, delegate and resource, in the order of the newest of each. */
export function byParties(grants: readonly ListedGrant[]): Grants[] {
  const groups = new Map<string, [ListedGrant, ...ListedGrant[]]>()
  for (const grant of grants) {
    const key = JSON.stringify([grant.agent, grant.delegate, grant.resource])
    const group = groups.get(key)
    if (group) group.push(grant)
    else groups.set(key, [grant])
  }
  return [...groups.values()]
}

/** The live grants of the same person for the same agent, delegate and resource. */
export async function sameParties(
  { storage }: ServerContext,
  { userId, agent, delegate, resource }: ListedGrant,
): Promise<ListedGrant[]> {
  const grants = await storage.listGrants({ userId, agent, resource, live: true, limit: 500 })
  return grants.filter((grant) => grant.delegate === delegate)
}

/** Grants in the words of the person who gave them. */
export function agentEntry(context: ServerContext, grants: Grants): AllowedAgent {
  const [{ id, agent, resource, delegate, display }] = grants
  const name = cleanText(display.agent.name ?? '', 60)
  const scope = new Set(grants.flatMap((grant) => grant.scope.split(' ')))
  const used = grants.flatMap(({ lastUsedAt }) => lastUsedAt ?? [])
  const ends = grants.map(({ expiresAt }) => expiresAt ?? Number.POSITIVE_INFINITY)
  const end = Math.max(...ends)
  return {
    id,
    agentHost: displayHost(agent),
    resourceHost: displayHost(resource),
    ...(name === '' ? {} : { agentName: name }),
    ...(delegate === null ? {} : { delegate: cleanText(delegate, 200) }),
    able: permissionsOf([...scope], display.resource.scopeDescriptions ?? {}, context.risks),
    since: Math.min(...grants.map(({ createdAt }) => createdAt)),
    ...(used.length === 0 ? {} : { lastUsed: Math.max(...used) }),
    ...(Number.isFinite(end) ? { ends: end } : {}),
  }
}

type Entry = (event: RecordedEvent) => Omit<Activity, 'at'>

const ofAccount =
  (what: Activity['what']): Entry =>
  () =>
    ({ what }) as Omit<Activity, 'at'>

const ofAgent =
  (what: Activity['what']): Entry =>
  ({ agent = '', resource = '' }) =>
    ({ what, agentHost: displayHost(agent), resourceHost: displayHost(resource) }) as Omit<Activity, 'at'>

/** Which recorded events a person is shown, and as what. */
const shownEvents: Readonly<Record<string, Entry>> = {
  'user.created': ofAccount('signed_up'),
  'session.created': ofAccount('signed_in'),
  'signin.failed': ofAccount('sign_in_failed'),
  'session.ended': ofAccount('signed_out'),
  'sessions.ended': ofAccount('signed_out_everywhere'),
  'password.changed': ofAccount('password_changed'),
  'passkey.added': ofAccount('passkey_added'),
  'passkey.removed': ofAccount('passkey_removed'),
  'account.exported': ofAccount('downloaded'),
  'request.allowed': ofAgent('allowed'),
  'request.denied': ofAgent('denied'),
  'request.remembered': ofAgent('used'),
  'code.redeemed': ofAgent('used'),
  'grant.revoked': ofAgent('removed'),
}

/** The events that a person can read, in the order given. */
export function activityOf(events: readonly RecordedEvent[]): Activity[] {
  return events.filter(isOfPerson).flatMap((event) => {
    const entry = Object.hasOwn(shownEvents, event.event) ? shownEvents[event.event] : undefined
    return entry ? [{ at: event.at, ...entry(event) } as Activity] : []
  })
}

/** A permission that took the place of another was allowed, not removed. */
function isOfPerson({ event, data }: RecordedEvent): boolean {
  return event !== 'grant.revoked' || data?.by !== 'replaced'
}
