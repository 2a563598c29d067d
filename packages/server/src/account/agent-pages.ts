import { logoPaths } from '../http/assets.js'
import type { ServerContext } from '../http/context.js'
import { seeOther } from '../http/html-response.js'
import type { SignedInVisit } from '../http/visit.js'
import { permissionsOf, removedWith } from '../lib/policy.js'
import { renderAgent } from '../pages/account/agent-page.js'
import { renderAgents } from '../pages/account/agents-page.js'
import { renderRemoveAgent, renderRemoveAll, renderRemovePermission } from '../pages/account/removal-pages.js'
import type { AgentsPage } from '../pages/models/account-models.js'
import { accountPaths } from '../pages/models/account-paths.js'
import type { RemovePermissionPage } from '../pages/models/permission-models.js'
import { type ListedGrant, longestTokenLifetime } from '../storage/api/storage.js'
import { type AccountHandler, accountFrame, accountResponse, readNotice } from './account-handler.js'
import { activityOf } from './activity-of.js'
import {
  agentEntry,
  agentsOf,
  byParties,
  delegatesOf,
  endedGrants,
  endOf,
  eventsOf,
  type Grants,
  isFound,
  requireOwnGrant,
  shownGrants,
  shownParties,
  statesOf,
} from './agent-entries.js'
import { confirmedIn, deviceEntries } from './device-pages.js'
import { deliveriesFor, endedAgents, endingsOf, toldOf } from './ended-agents.js'
import { extensionsOf } from './extensions.js'

/** The minimum number of agents for which the list has a filter. */
const filterFrom = 6

/** The maximum number of grants that are read for a list, and of entries and their permissions on a page. */
const most = { grants: 500, entries: 50, permissions: 500 }

/** Seconds between an action and its rows in a database that has its own clock. */
const sameAct = 60

/** Returns the path of another page of the list. */
function pathOfPage(text: string, place: Record<string, string | undefined>): string {
  const query = new URLSearchParams(text === '' ? {} : { filter: text })
  for (const [name, value] of Object.entries(place)) if (value !== undefined) query.set(name, value)
  return query.size === 0 ? accountPaths.agents : `${accountPaths.agents}?${query.toString()}`
}

/** `/account`: the agents that can currently act for the user. */
export const agentsPage: AccountHandler = async (context, visit) => {
  const { searchParams } = visit.url
  const after = searchParams.get('after') ?? undefined
  const page = Math.max(1, Math.trunc(Number(searchParams.get('page'))) || 1)
  const userId = visit.session.user.id
  const grants = await context.storage.listGrants({ userId, live: true, limit: most.grants, after })
  const text = (searchParams.get('filter') ?? '').trim().slice(0, 200)
  const notice = await removedIn(context, visit)
  const pages = pagesOf(byParties(grants.filter((grant) => isFound(grant, text))))
  const entries = pages[page - 1] ?? []
  const isLast = page >= pages.length
  const olderGrants = grants.length === most.grants ? grants.at(-1)?.id : undefined
  const canFilter = byParties(grants).length >= filterFrom || text !== '' || after !== undefined
  const shown = entries.flat()
  const logos = await logoPaths(context, agentsOf(shown))
  const states = await statesOf(context, shown)
  // Without all live grants, it is not known which agents have none.
  const isWhole = page === 1 && after === undefined && text === '' && olderGrants === undefined
  const endings = isWhole ? await endingsOf(context, userId) : undefined
  const ended = endings ? await endedAgents(context, userId, grants, endings) : []
  const html = renderAgents(
    {
      ...accountFrame(context, visit),
      agents: entries.map((own) => agentEntry(context, own, { logos, states })),
      newer: page > 1 || after !== undefined ? pathOfPage(text, {}) : undefined,
      older: isLast
        ? olderGrants && pathOfPage(text, { after: olderGrants })
        : pathOfPage(text, { after, page: String(page + 1) }),
      filter: canFilter ? { text, total: agentsOf(grants).length } : undefined,
      ended,
      ...(await ofDevices(context, visit)),
      confirmed: confirmedIn(context, visit),
      removed: notice && {
        ...notice,
        isTold:
          ended.length > 0 &&
          endings?.deliveries.some(({ revokedAt }) => Math.abs(revokedAt - notice.stoppedAt) <= sameAct),
      },
    },
    visit.messages,
  )
  return accountResponse(html, visit)
}

/** Splits entries into pages. An entry with more permissions than a page may have is alone on its page. */
function pagesOf(entries: readonly Grants[]): Grants[][] {
  const pages: Grants[][] = []
  let page: Grants[] = []
  let left = 0
  for (const own of entries) {
    const permissions = own.reduce((count, grant) => count + grant.permissions.length, 0)
    if (pages.length === 0 || permissions > left || page.length === most.entries) {
      page = []
      pages.push(page)
      left = most.permissions
    }
    page.push(own)
    left -= permissions
  }
  return pages
}

/** The user's devices, and the link to connect one with a code. */
async function ofDevices(
  context: ServerContext,
  visit: SignedInVisit,
): Promise<Pick<AgentsPage, 'devices' | 'deviceCodeHref'>> {
  const { personalAgents } = context
  if (!personalAgents) return {}
  const { user } = visit.session
  const deviceCodeHref = personalAgents.remote && personalAgents.allows(user) ? accountPaths.deviceCode : undefined
  return { devices: await deviceEntries(context, user.id), deviceCodeHref }
}

export const agentPage: AccountHandler = async (context, visit) => {
  const grant = await requireOwnGrant(context, visit, visit.id)
  const live = await shownGrants(context, grant)
  const [newestLive, ...older] = live
  const newest = newestLive ?? (await endedGrants(context, grant))[0]
  const ended = endOf(newest, context.now())
  const events = await eventsOf(context, grant, 50)
  const delegates = await delegatesOf(context, visit.session.user.id, events)
  const activity = activityOf(events, delegates)
  const logos = await logoPaths(context, [grant.agent])
  const states = await statesOf(context, [newest])
  const { jkt } = newest.display.agent
  const model = {
    ...accountFrame(context, visit),
    agent: {
      ...agentEntry(context, [newest, ...older], { logos, states }),
      id: visit.id,
      identifier: grant.agent,
      resource: grant.resource,
      jkt,
    },
    ended,
    told: toldOf(await deliveriesFor(context, grant.userId), grant),
    isBound: await isBoundTo(context, grant),
    removed: await removedIn(context, visit),
    extendable: [...(await extensionsOf(context, live, states)).keys()],
    isExtended: readNotice(context, visit)?.what === 'extended',
    activity: activity.slice(0, 10),
  }
  return accountResponse(renderAgent(model, visit.messages), visit)
}

export const removeAgentPage: AccountHandler = async (context, visit) => {
  const grant = await requireOwnGrant(context, visit, visit.id)
  const name = visit.url.searchParams.get('permission')
  if (name !== null) return removePermissionPage(context, visit, { grant, name })
  const isEnded = (await shownGrants(context, grant)).length === 0
  const isBound = await isBoundTo(context, grant)
  if (isEnded && !isBound) return seeOther(accountPaths.agent(visit.id))
  const agent = { id: grant.id, ...shownParties(grant) }
  const model = {
    ...accountFrame(context, visit),
    agent,
    isBound,
    isEnded,
    tokenLifetime: await tokenLifetime(context),
  }
  return accountResponse(renderRemoveAgent(model, visit.messages), visit)
}

/** The confirmation for a permission of an agent that has others. */
async function removePermissionPage(
  context: ServerContext,
  visit: SignedInVisit,
  { grant, name }: { grant: ListedGrant; name: string },
): Promise<Response> {
  const [newest, ...older] = await shownGrants(context, grant)
  if (!newest) return seeOther(accountPaths.agent(visit.id))
  const held = new Set([newest, ...older].flatMap(({ scope }) => scope.split(' ')))
  const [first, ...others] = removedWith(name).filter((each) => held.has(each))
  if (first !== name) return seeOther(accountPaths.agent(visit.id))
  if (held.size === others.length + 1) return seeOther(accountPaths.removeAgent(visit.id))
  const describe = (names: readonly string[]) => permissionsOf(names, newest.display.resource, context.readRisk)
  const [permission, ...more] = describe([first, ...others])
  if (!permission) throw new TypeError('a permission has no description')
  const model: RemovePermissionPage = {
    ...accountFrame(context, visit),
    agent: { id: visit.id, ...shownParties(grant) },
    able: [permission, ...more],
    tokenLifetime: await tokenLifetime(context),
  }
  return accountResponse(renderRemovePermission(model, visit.messages), visit)
}

export const removeAllPage: AccountHandler = async (context, visit) => {
  const userId = visit.session.user.id
  const grants = await context.storage.listGrants({ userId, live: true, limit: most.grants })
  const agents = byParties(grants).map(([grant]) => shownParties(grant))
  const hasMore = grants.length === most.grants
  const model = { ...accountFrame(context, visit), agents, hasMore, tokenLifetime: await tokenLifetime(context) }
  return accountResponse(renderRemoveAll(model, visit.messages), visit)
}

/** What was just removed, if the page says so. */
async function removedIn(context: ServerContext, visit: SignedInVisit): Promise<AgentsPage['removed']> {
  const notice = readNotice(context, visit)
  if (notice?.what !== 'removed') return undefined
  return { stoppedAt: notice.at, expiresBy: minuteAfter(notice.at + (await tokenLifetime(context))) }
}

/** Whether the agent of a grant acts for the user of the grant, and for no one else. */
async function isBoundTo(
  { storage }: ServerContext,
  { edition, agent, delegate, userId }: ListedGrant,
): Promise<boolean> {
  return (await storage.findBinding({ edition, agent, delegate }))?.userId === userId
}

/** The number of seconds for which tokens issued before a revocation may still work. */
function tokenLifetime({ storage, longestToken }: ServerContext): Promise<number> {
  return longestTokenLifetime(storage, longestToken())
}

/** Rounds up to the minute: pages show no seconds, and the time they show must not be too early. */
function minuteAfter(unixSeconds: number): number {
  return Math.ceil(unixSeconds / 60) * 60
}
