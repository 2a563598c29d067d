import { deviceOf } from '../config/personal-agents.js'
import type { ServerContext } from '../http/context.js'
import { seeOther } from '../http/html-response.js'
import type { SignedInVisit } from '../http/visit.js'
import { type Duration, dangersOf, denialOf, isIdentityScope, permissionsOf } from '../lib/policy.js'
import { renderExtendPermission } from '../pages/account/extension-page.js'
import { accountPaths } from '../pages/models/account-paths.js'
import type { ExtendablePermission, ListedGrant } from '../storage/api/storage.js'
import { type AccountHandler, accountFrame, accountResponse, pathWithNotice } from './account-handler.js'
import { type AgentState, hasChanged, requireOwnGrant, shownGrants, shownParties, statesOf } from './agent-entries.js'

/** How the user can extend a permission of an agent. */
interface Extension {
  grant: ListedGrant
  /** The permission and, if the agent cannot use it without `openid`, that permission. */
  permissions: readonly [ExtendablePermission, ...ExtendablePermission[]]
  /** From now on, shortest first. */
  durations: readonly [Duration, ...Duration[]]
}

/** A permission is not extended by less than this, in seconds, because pages show no seconds. */
const least = 60

/**
 * Returns what the user can extend among an agent's live grants for the same parties, by the name of the permission. The user can choose
 * what the consent page would offer now if the agent asked for the permission. A permission that deletes, spends or takes full control is
 * never extended: the agent must ask for it, so that the page can warn of it and demand a proof (attacks C24). A client whose document has
 * changed must ask, so that the page can show the change.
 *
 * @param grants if several have a permission, the one is extended in which it expires last, as the page shows
 */
export async function extensionsOf(
  context: ServerContext,
  grants: readonly ListedGrant[],
  states: ReadonlyMap<string, AgentState>,
): Promise<ReadonlyMap<string, Extension>> {
  const { storage, durations, transports, now } = context
  const [newest] = grants
  const isAllowable = newest && transports.offers(newest.edition) && !hasChanged(newest, states)
  const until = isAllowable ? await lastMoment(context, newest) : undefined
  if (!newest || until === undefined) return new Map()
  const last = lastGrants(grants)
  const grantIds = [...new Set(Array.from(last.values(), ({ id }) => id))]
  const found = (await storage.listExtendable({ userId: newest.userId, grantIds })).filter(({ grantId, name }) => {
    const grant = last.get(name)
    return grant?.id === grantId && mayExtend(context, grant, name)
  })
  const isLater = (duration: Duration, { expiresAt }: ExtendablePermission) =>
    duration === 'until-removed'
      ? until === Infinity
      : now() + duration >= expiresAt + least && now() + duration <= until
  const extensions = new Map<string, Extension>()
  for (const permission of found) {
    const grant = last.get(permission.name)
    const openid = grant && needsOpenid(grant, permission.name) ? endOf(grant, 'openid') : undefined
    const withIt = found.filter(({ grantId, name }) => name === 'openid' && grantId === permission.grantId)
    const [shortest, ...longer] = durations.filter((duration) => isLater(duration, permission))
    if (!grant || shortest === undefined || (openid != null && withIt.length === 0)) continue
    const permissions = [permission, ...(openid == null ? [] : withIt)] as const
    extensions.set(permission.name, { grant, permissions, durations: [shortest, ...longer] })
  }
  return extensions
}

/**
 * The last moment until which the user can extend anything of an agent, in Unix seconds; undefined if they cannot. A device's access ends
 * with the device.
 */
async function lastMoment(context: ServerContext, grant: ListedGrant): Promise<number | undefined> {
  const { issuer, personalAgents } = context
  if (grant.agent !== issuer) return Infinity
  const device = await deviceOf(context, grant)
  return device && personalAgents?.isUsable(device) ? (device.expiresAt ?? Infinity) : undefined
}

/** Whether the operator's policy, and the risk of a permission, let a user extend it. */
function mayExtend({ policy, readRisk }: ServerContext, { agent, delegate, resource }: ListedGrant, name: string) {
  const denial = denialOf(policy({ agent, delegate, resource, scope: [name] }))
  return denial === undefined && dangersOf([name], readRisk).length === 0
}

/** Whether a permission is of no use without `openid`. */
function needsOpenid({ display }: ListedGrant, name: string): boolean {
  return name !== 'openid' && (isIdentityScope(name) || display.resource.actsAs === true)
}

/** When a permission of a grant expires: null if never, undefined if it has none. */
function endOf({ permissions }: ListedGrant, wanted: string): number | null | undefined {
  return permissions.find(({ name }) => name === wanted)?.expiresAt
}

/** The grant in which each permission expires last. */
function lastGrants(grants: readonly ListedGrant[]): Map<string, ListedGrant> {
  const last = new Map<string, ListedGrant>()
  for (const grant of grants) {
    for (const { name, expiresAt } of grant.permissions) {
      const known = last.get(name)
      const end = known && endOf(known, name)
      if (!known || (end != null && (expiresAt === null || expiresAt > end))) last.set(name, grant)
    }
  }
  return last
}

/** What the user saw, so that only this is extended. */
function stateOf({ permissions }: Extension): string {
  return permissions.flatMap(({ grantId, name, expiresAt }) => [grantId, name, expiresAt]).join(' ')
}

async function findExtension(context: ServerContext, grant: ListedGrant, name: string): Promise<Extension | undefined> {
  const grants = await shownGrants(context, grant)
  return (await extensionsOf(context, grants, await statesOf(context, grants))).get(name)
}

/** `/account/agents/…/extend`: asks for how long a permission is extended. */
export const extendPermissionPage: AccountHandler = async (context, visit) => {
  const own = await requireOwnGrant(context, visit, visit.id)
  const extension = await findExtension(context, own, visit.url.searchParams.get('permission') ?? '')
  if (!extension) return seeOther(accountPaths.agent(visit.id))
  const { grant, permissions, durations } = extension
  const { bearer } = grant.display.agent
  const names = permissions.map(({ name }) => name)
  const model = {
    ...accountFrame(context, visit),
    agent: { id: visit.id, ...shownParties(grant), bearer },
    able: permissionsOf(names, grant.display.resource, context.readRisk).map((permission, index) => ({
      ...permission,
      until: permissions[index]?.expiresAt,
    })),
    permission: permissions[0].name,
    state: stateOf(extension),
    durations: { choices: durations, preset: durations[0] },
  }
  return accountResponse(renderExtendPermission(model, visit.messages), visit)
}

/** Extends a permission as the page showed it. If it has changed since, the user sees the agent's page, with its current state. */
export async function extendPermission(context: ServerContext, visit: SignedInVisit): Promise<Response> {
  const { form, session } = visit
  const own = await requireOwnGrant(context, visit, form.get('agent') ?? '')
  const path = accountPaths.agent(own.id)
  const extension = await findExtension(context, own, form.get('permission') ?? '')
  const duration = extension?.durations.find((choice) => String(choice) === form.get('duration'))
  if (!extension || duration === undefined || form.get('state') !== stateOf(extension)) return seeOther(path)
  const isExtended = await context.storage.extendPermissions({
    userId: session.user.id,
    credentialRevision: session.user.credentialRevision,
    grantId: extension.grant.id,
    permissions: extension.permissions,
    lifetime: duration === 'until-removed' ? null : duration,
    refreshLifetime: context.lifetimes.refresh,
  })
  if (!isExtended) return seeOther(path)
  return seeOther(pathWithNotice(context, visit, { path, what: 'extended', at: context.now() }))
}
