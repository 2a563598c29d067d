import type { ServerContext } from '../http/context.js'
import { PageError } from '../http/page-error.js'
import type { SignedInVisit } from '../http/visit.js'
import { cleanName, cleanText } from '../lib/plain-text.js'
import { hostOf, permissionsOf } from '../lib/policy.js'
import { resourceKey } from '../lib/resource-id.js'
import { displayHost } from '../pages/components/marks.js'
import type { AgentPage, AllowedAgent } from '../pages/models/account-models.js'
import { accountPaths } from '../pages/models/account-paths.js'
import type { ListedGrant, RecordedEvent } from '../storage/api/storage.js'
import { longestCall, shownEvents } from './activity-of.js'

/** All of one user's grants to one agent at one resource, however it is spelled, for one account there, newest first. */
export type Grants = readonly [ListedGrant, ...ListedGrant[]]

/** Finds a grant of the user who visits. @throws PageError `not_found` */
export async function requireOwnGrant(
  { storage }: ServerContext,
  { session }: SignedInVisit,
  id: string,
): Promise<ListedGrant> {
  const grant = await storage.findGrant(id)
  if (grant?.userId !== session.user.id) throw new PageError('not_found', { retry: accountPaths.agents })
  return grant
}

/** Groups grants by agent, delegate, resource and account, ordered by the newest grant of each group. */
export function byParties(grants: readonly ListedGrant[]): Grants[] {
  const groups = new Map<string, [ListedGrant, ...ListedGrant[]]>()
  for (const grant of grants) {
    const key = JSON.stringify([grant.agent, partiesOf(grant)])
    const group = groups.get(key)
    if (group) group.push(grant)
    else groups.set(key, [grant])
  }
  return [...groups.values()]
}

/** The parties of a grant besides its agent, and the only call that it allows, so that they can be compared. */
function partiesOf({ delegate, resource, account, call }: ListedGrant): string {
  return JSON.stringify([delegate, resourceKey(resource), account, call])
}

/** Whether grants of one agent are for the same delegate, resource and account as the given one. */
function hasPartiesOf(grant: ListedGrant) {
  const key = partiesOf(grant)
  return (other: ListedGrant) => partiesOf(other) === key
}

const pageSize = 500

/** The maximum number of pages of grants that are read to be shown. */
const shownPages = 4

/** Returns all live grants with the same user, agent, delegate, resource and account, newest first. */
export function liveGrants(context: ServerContext, grant: ListedGrant): Promise<ListedGrant[]> {
  return grantsLike(context, grant, { live: true, maxPages: Number.POSITIVE_INFINITY })
}

/** Like {@link liveGrants}, but only as many as a page can show. */
export function shownGrants(context: ServerContext, grant: ListedGrant): Promise<ListedGrant[]> {
  return grantsLike(context, grant, { live: true, maxPages: shownPages })
}

/** Returns the newest ended grants with the same user, agent, delegate, resource and account, newest first, followed by the given grant. */
export async function endedGrants(context: ServerContext, grant: ListedGrant): Promise<Grants> {
  const [newest = grant, ...older] = await grantsLike(context, grant, { live: false, maxPages: shownPages })
  return [newest, ...older, grant]
}

async function grantsLike(
  { storage }: ServerContext,
  grant: ListedGrant,
  { live, maxPages }: { live: boolean; maxPages: number },
): Promise<ListedGrant[]> {
  const { userId, agent } = grant
  const found: ListedGrant[] = []
  let after: string | undefined
  for (let pages = 0; pages < maxPages; pages++) {
    const page = await storage.listGrants({ userId, agent, live, limit: pageSize, after })
    found.push(...page.filter(hasPartiesOf(grant)))
    if (page.length < pageSize) break
    after = page.at(-1)?.id
  }
  return found
}

/** The maximum number of spellings of a resource whose events are listed. */
const maxSpellings = 10

/** Returns what the user and an agent have done at the resource of a grant, however it is spelled, newest first. */
export async function eventsOf(
  { storage }: ServerContext,
  grant: ListedGrant,
  limit: number,
): Promise<RecordedEvent[]> {
  const { userId, agent } = grant
  const grants = await storage.listGrants({ userId, agent, limit: pageSize })
  const spellings = new Set([grant.resource, ...grants.filter(hasPartiesOf(grant)).map(({ resource }) => resource)])
  const filter = { userId, agent, event: shownEvents, newest: true, limit }
  const lists = [...spellings].slice(0, maxSpellings).map((resource) => storage.listEvents({ ...filter, resource }))
  return (await Promise.all(lists))
    .flat()
    .sort((one, other) => other.at - one.at)
    .slice(0, limit)
}

/** Whether a filter's text occurs in what a grant names; a resource may be spelled in another way. */
export function isFound({ agent, resource, delegate, account, display }: ListedGrant, text: string): boolean {
  const has = (value: string, wanted: string) => value.toLowerCase().includes(wanted.toLowerCase())
  return (
    [agent, resource, delegate ?? '', account ?? '', display.agent.name ?? ''].some((value) => has(value, text)) ||
    has(resourceKey(resource), resourceKey(text))
  )
}

/** The agent, delegate, resource and account, as pages display them. */
export function shownParties({
  agent,
  delegate,
  resource,
  account,
  display,
}: ListedGrant): Pick<AllowedAgent, 'agentHost' | 'delegate' | 'resourceHost' | 'account'> {
  const resourceHost = displayHost(resource)
  const clientHost = display.agent.bearer ? hostOf(agent) : undefined
  return {
    // If both were equal, the page would say that the agent signs the user in to its own site.
    agentHost: clientHost === undefined || clientHost === resourceHost ? displayHost(agent) : clientHost,
    delegate: delegate === null ? undefined : cleanText(delegate, 200),
    resourceHost,
    account: account === null ? undefined : cleanText(account, 200),
  }
}

/** Returns the delegates of a user's grants by grant id, because revocation events do not name a delegate. */
export async function delegatesOf(
  { storage }: ServerContext,
  userId: string,
  events: readonly RecordedEvent[],
): Promise<ReadonlyMap<string, string | null>> {
  if (events.every(({ grantId }) => grantId === undefined)) return new Map()
  const grants = await storage.listGrants({ userId, limit: pageSize })
  return new Map(grants.map(({ id, delegate }) => [id, delegate]))
}

/** Returns the distinct agents of the grants. */
export function agentsOf(grants: readonly ListedGrant[]): string[] {
  return [...new Set(grants.map(({ agent }) => agent))]
}

/** What is currently known about an agent, regardless of any grant. */
export interface AgentState {
  /** What the operator blocks, so that the agent can't get new tokens. */
  blocked: AllowedAgent['blocked']
  /** The fingerprint of its document, if it is an OAuth client. */
  fingerprint: string | undefined
}

/** Returns the states of the agents of the grants. */
export async function statesOf(
  { storage }: Pick<ServerContext, 'storage'>,
  grants: readonly ListedGrant[],
): Promise<ReadonlyMap<string, AgentState>> {
  const agents = agentsOf(grants)
  const clients = new Set(grants.filter(({ display }) => display.agent.bearer).map(({ agent }) => agent))
  const found = await storage.listAgents({ agents, limit: agents.length })
  return new Map(
    found.map(({ agent, blockedAt, hostBlockedAt, keyThumbprints: [fingerprint] }) => [
      agent,
      {
        blocked: hostBlockedAt === null ? (blockedAt === null ? undefined : 'agent') : 'host',
        fingerprint: clients.has(agent) ? fingerprint : undefined,
      },
    ]),
  )
}

/** Whether the document of the agent, an OAuth client, has changed since the user allowed it. */
export function hasChanged({ agent, display }: ListedGrant, states: ReadonlyMap<string, AgentState>): boolean {
  const fingerprint = states.get(agent)?.fingerprint
  return fingerprint !== undefined && fingerprint !== display.agent.fingerprint
}

/** The maximum number of permissions in an entry: spellings of a resource may add up to more than the storage allows for each. */
const maxPermissions = 256

/** How long an agent must not have used its access, in seconds, for pages to suggest its removal. */
const unusedFor = 90 * 86_400

/** Builds the page's entry for a group of grants; `logos` maps agents to logo paths. */
export function agentEntry(
  context: ServerContext,
  grants: Grants,
  { logos, states }: { logos: ReadonlyMap<string, string>; states: ReadonlyMap<string, AgentState> },
): AllowedAgent {
  const [{ id, agent, display, call }] = grants
  const { blocked } = states.get(agent) ?? {}
  const logo = logos.get(agent)
  const name = cleanName(display.agent.name ?? '')
  const names = [...new Set(grants.flatMap(({ scope }) => scope.split(' ')))]
  const shown = names.slice(0, maxPermissions)
  const used = grants.flatMap(({ lastUsedAt }) => lastUsedAt ?? [])
  const lastEnd = (some: readonly { expiresAt: number | null }[]) =>
    Math.max(...some.map(({ expiresAt }) => expiresAt ?? Number.POSITIVE_INFINITY))
  const ends = endsOf(grants)
  const end = lastEnd(grants)
  const able = permissionsOf(shown, display.resource, context.readRisk).map((permission, index) => {
    const until = ends.get(shown[index] ?? '') ?? end
    return until < end ? { ...permission, until } : permission
  })
  return {
    id,
    ...shownParties(grants[0]),
    agentName: name === '' ? undefined : name,
    logo,
    blocked,
    bearer: display.agent.bearer,
    hasChanged: hasChanged(grants[0], states),
    able,
    call: call ? cleanText(`${call.method} ${call.target}`, longestCall) : undefined,
    more: names.length - shown.length,
    since: Math.min(...grants.map(({ createdAt }) => createdAt)),
    lastUsed: used.length === 0 ? undefined : Math.max(...used),
    isUnused: Math.max(...used, ...grants.map(({ createdAt }) => createdAt)) <= context.now() - unusedFor,
    ends: Number.isFinite(end) ? end : undefined,
  }
}

/** The latest expiry of each permission of these grants, by name; infinite if one never expires. */
function endsOf(grants: Grants): Map<string, number> {
  const ends = new Map<string, number>()
  for (const { permissions } of grants) {
    for (const { name, expiresAt } of permissions)
      ends.set(name, Math.max(ends.get(name) ?? 0, expiresAt ?? Number.POSITIVE_INFINITY))
  }
  return ends
}

/** When a grant ended and what ended it; undefined if it is still valid. */
export function endOf({ userId, revokedAt, revokedBy, expiresAt }: ListedGrant, now: number): AgentPage['ended'] {
  if (revokedAt !== null) return { at: revokedAt, by: revokedBy === userId ? 'person' : 'server' }
  return expiresAt !== null && expiresAt <= now ? { at: expiresAt, by: 'time' } : undefined
}
