import type { ServerContext } from '../http/context.js'
import { PageError } from '../http/page-error.js'
import type { SignedInVisit } from '../http/visit.js'
import { renderActivity } from '../pages/account/activity-page.js'
import { renderCloseAccount, renderYours } from '../pages/account/your-account-page.js'
import { accountPaths } from '../pages/models/account-paths.js'
import type { CloseAccountPage, YoursPage } from '../pages/models/yours-models.js'
import { hashSecret } from '../secrets/server-keys.js'
import type { UserExport } from '../storage/api/account-storage.js'
import { longestTokenLifetime } from '../storage/api/storage.js'
import { secondsUntil } from '../storage/api/throttle-storage.js'
import { type AccountHandler, accountFrame, accountResponse, readNotice } from './account-handler.js'
import { activityOf } from './activity-of.js'
import { agentsOf, delegatesOf } from './agent-entries.js'
import { agentPage, agentsPage, removeAgentPage, removeAllPage } from './agent-pages.js'
import { changeEmailPage } from './confirm-email.js'
import { requireFreshSignIn, requireProof, requireSecondProof } from './confirm-person.js'
import { connectDevicePage, deviceCodePage } from './device-pages.js'
import { extendPermissionPage } from './extensions.js'
import { linkedProviders, removeProviderPage } from './linked-providers.js'
import { removeFactorPage, setUpPage } from './second-factor-pages.js'
import { passwordPage, removePasskeyPage, securityPage } from './security-pages.js'

const pageSize = 50

const activityPage: AccountHandler = async (context, visit) => {
  const [at, id] = (visit.url.searchParams.get('before') ?? '').split('~')
  const after = at !== undefined && id !== undefined && /^\d{1,12}$/.test(at) ? { at: Number(at), id } : undefined
  const events = await context.storage.listEvents({
    userId: visit.session.user.id,
    newest: true,
    limit: pageSize,
    after,
  })
  const last = events.length === pageSize ? events.at(-1) : undefined
  const model = {
    ...accountFrame(context, visit),
    activity: activityOf(events, await delegatesOf(context, visit.session.user.id, events)),
    newer: after && accountPaths.activity,
    older: last ? `${accountPaths.activity}?before=${last.at}~${last.id}` : undefined,
  }
  return accountResponse(renderActivity(model, visit.messages), visit)
}

const yoursPage: AccountHandler = async (context, visit) => {
  const user = await context.storage.findUser(visit.session.user.id)
  if (!user) throw new PageError('not_found', { retry: accountPaths.agents })
  const what = readNotice(context, visit)?.what
  const model: YoursPage = {
    ...accountFrame(context, visit),
    name: user.displayName ?? '',
    email: user.email ?? undefined,
    emailState: context.sendEmail && (user.emailConfirmedAt === null ? 'unconfirmed' : 'confirmed'),
    agentEmails: context.sendEmail && user.emailConfirmedAt !== null ? user.agentEmails : undefined,
    emailRequested: what === 'email_requested',
    providers: await linkedProviders(context, user.id),
    providerNotice: what === 'provider_removed' || what === 'provider_only_way' ? what : undefined,
    since: user.createdAt,
  }
  return accountResponse(renderYours(model, visit.messages), visit)
}

/** Renders the page that closes the account, initially or after a failed attempt. */
export const closePage = async (
  context: ServerContext,
  visit: SignedInVisit,
  { problem, retryAfter }: Pick<CloseAccountPage, 'problem'> & { retryAfter?: number } = {},
): Promise<Response> => {
  const { user } = visit.session
  const grants = await context.storage.listGrants({ userId: user.id, live: true, limit: 500 })
  const model = {
    ...accountFrame(context, visit),
    agents: agentsOf(grants).length,
    tokenLifetime: await longestTokenLifetime(context.storage, context.longestToken()),
    password: (await context.storage.findCredential(user.username)) !== undefined,
    problem,
  }
  const status = problem === undefined ? 200 : problem === 'throttled' ? 429 : 401
  return accountResponse(renderCloseAccount(model, visit.messages), visit, { status, retryAfter })
}

/** Maximum number of times that a user can download their data in a window, in seconds: there may be much of it. */
const downloads = { window: 3600, most: 10 } as const

const download: AccountHandler = async (context, visit) => {
  const key = hashSecret(`downloads of ${visit.session.user.id}`)
  const reached = await context.storage.countWithinLimits([{ key, ...downloads }])
  if (reached) throw new PageError('too_many_requests', { retryAfter: secondsUntil(reached.resetAt, context.now()) })
  const exported = await context.storage.exportUser(visit.session.user.id)
  if (!exported) throw new PageError('not_found', { retry: accountPaths.agents })
  return accountDownload(exported)
}

/** The account pages by path; `:id` stands for a row id. */
export const accountPages: ReadonlyMap<string, AccountHandler> = new Map<string, AccountHandler>([
  [accountPaths.agents, agentsPage],
  [accountPaths.removeAll, removeAllPage],
  [accountPaths.agent(':id'), agentPage],
  [accountPaths.removeAgent(':id'), removeAgentPage],
  [accountPaths.extend(':id'), extendPermissionPage],
  [accountPaths.activity, activityPage],
  [accountPaths.security, requireFreshSignIn((context, visit) => securityPage(context, visit))],
  [accountPaths.removePasskey(':id'), requireProof(removePasskeyPage)],
  [accountPaths.secondFactor, requireProof(setUpPage)],
  [accountPaths.removeFactor, requireProof(removeFactorPage)],
  [accountPaths.password, requireSecondProof((context, visit) => passwordPage(context, visit), accountPaths.password)],
  [accountPaths.connectDevice, requireFreshSignIn(connectDevicePage)],
  [accountPaths.deviceCode, requireProof(deviceCodePage)],
  [accountPaths.yours, yoursPage],
  [accountPaths.removeProvider(':id'), requireProof(removeProviderPage)],
  [accountPaths.changeEmail, requireProof((context, visit) => changeEmailPage(context, visit))],
  [accountPaths.download, download],
  [accountPaths.close, requireProof((context, visit) => closePage(context, visit))],
])

/** Exports the user's account data as a file with the date in its name and human-readable timestamps. */
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

/** A JSON replacer that formats timestamps as ISO 8601, and omits null members and the time of a sign-in that proved nothing, 0. */
function readable(member: string, value: unknown): unknown {
  if (value === null || (member === 'authTime' && value === 0)) return undefined
  return typeof value === 'number' && times.test(member) ? timeOf(value) : value
}

function timeOf(unixSeconds: number): string {
  return new Date(unixSeconds * 1000).toISOString()
}
