import type { ServerContext } from '../context.js'
import { htmlResponse, seeOther } from '../http/html-response.js'
import { PageError } from '../http/page-error.js'
import { logoPaths } from '../http/show-logo.js'
import type { SignedInVisit } from '../http/visit.js'
import { renderActivity } from '../pages/account/activity-page.js'
import { renderAgent } from '../pages/account/agent-page.js'
import { renderAgents } from '../pages/account/agents-page.js'
import { renderPassword } from '../pages/account/password-page.js'
import { renderRemoveAgent, renderRemoveAll, renderRemovePasskey } from '../pages/account/removal-pages.js'
import { renderSecurity } from '../pages/account/security-page.js'
import { renderCloseAccount, renderYours } from '../pages/account/yours-page.js'
import type { CloseAccountPage, PasswordPage, SecurityPage } from '../pages/account-models.js'
import { accountPaths } from '../pages/account-paths.js'
import { cleanText } from '../pages/plain-text.js'
import { passwordMinimum } from '../policy/account-policy.js'
import { isFresh } from '../sign-in/session.js'
import type { Passkey } from '../storage/passkeys/passkey-storage.js'
import type { ListedGrant } from '../storage/storage.js'
import { accountDownload } from './account-download.js'
import { accountFrame } from './account-frame.js'
import { activityOf } from './activity-of.js'
import {
  agentEntry,
  agentsOf,
  blockedAmong,
  byParties,
  delegateNames,
  endedGrants,
  liveGrants,
  partiesOf,
} from './agent-entries.js'
import { confirmFirst } from './confirm-person.js'
import { deviceOf } from './device-of.js'
import { endOf } from './end-of.js'
import { readNotice } from './notice.js'

/** A page of the account, for the person whose it is; the visit's `id` is the row's, where the path names one. */
export type AccountPage = (context: ServerContext, visit: SignedInVisit) => Promise<Response>

/** From how many agents on the list can be filtered. */
const filterFrom = 6
const pageSize = 50

/** What the security page tells, once it was done. */
const done = ['password_changed', 'passkey_added', 'passkey_removed', 'session_ended'] as const

/** `/account`: what may act for the person now. */
const agentsPage: AccountPage = async (context, visit) => {
  const grants = await context.storage.listGrants({ userId: visit.session.user.id, live: true, limit: 500 })
  const text = (visit.url.searchParams.get('filter') ?? '').trim().slice(0, 200)
  const wanted = text.toLowerCase()
  const notice = readNotice(context, visit)
  const shown = grants.filter(({ agent, resource, delegate, display }) =>
    [agent, resource, delegate ?? '', display.agent.name ?? ''].some((value) => value.toLowerCase().includes(wanted)),
  )
  const agents = agentsOf(shown)
  const canFilter = byParties(grants).length >= filterFrom || text !== ''
  const logos = await logoPaths(context, agents)
  const blocked = await blockedAmong(context, agents)
  const html = renderAgents(
    {
      ...accountFrame(context, visit),
      agents: byParties(shown).map((own) => agentEntry(context, own, { logos, blocked })),
      filter: canFilter ? { text, total: agentsOf(grants).length } : undefined,
      removed:
        notice?.what === 'removed'
          ? { stoppedAt: notice.at, runsOutBy: notice.at + context.lifetimes.authToken }
          : undefined,
    },
    visit.messages,
  )
  return page(html, visit)
}

const agentPage: AccountPage = async (context, visit) => {
  const grant = await requireOwnGrant(context, visit)
  const [newestLive, ...older] = await liveGrants(context, grant)
  const newest = newestLive ?? (await endedGrants(context, grant))[0]
  const ended = endOf(newest, context.now())
  const events = await context.storage.listEvents({
    userId: visit.session.user.id,
    agent: grant.agent,
    newest: true,
    limit: 50,
  })
  const delegates = await delegateNames(context, visit.session.user.id, events)
  const activity = activityOf(
    events.filter(({ resource }) => resource === undefined || resource === grant.resource),
    delegates,
  )
  const logos = await logoPaths(context, [grant.agent])
  const { jkt } = newest.display.agent
  const model = {
    ...accountFrame(context, visit),
    agent: {
      ...agentEntry(context, [newest, ...older], {
        logos,
        blocked: await blockedAmong(context, [grant.agent]),
      }),
      id: visit.id,
      identifier: grant.agent,
      resource: grant.resource,
      jkt,
    },
    ended,
    activity: activity.slice(0, 10),
  }
  return page(renderAgent(model, visit.messages), visit)
}

const removeAgentPage: AccountPage = async (context, visit) => {
  const grant = await requireOwnGrant(context, visit)
  if ((await liveGrants(context, grant)).length === 0) return seeOther(accountPaths.agent(visit.id))
  const agent = { id: grant.id, ...partiesOf(grant) }
  const model = { ...accountFrame(context, visit), agent, tokenLifetime: context.lifetimes.authToken }
  return page(renderRemoveAgent(model, visit.messages), visit)
}

const removeAllPage: AccountPage = async (context, visit) => {
  const grants = await context.storage.listGrants({ userId: visit.session.user.id, live: true, limit: 500 })
  const agents = byParties(grants).map(([grant]) => partiesOf(grant))
  const model = { ...accountFrame(context, visit), agents, tokenLifetime: context.lifetimes.authToken }
  return page(renderRemoveAll(model, visit.messages), visit)
}

const activityPage: AccountPage = async (context, visit) => {
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
    activity: activityOf(events, await delegateNames(context, visit.session.user.id, events)),
    newer: after && accountPaths.activity,
    older: last ? `${accountPaths.activity}?before=${last.at}~${last.id}` : undefined,
  }
  return page(renderActivity(model, visit.messages), visit)
}

/** `/account/security`: sessions, passkeys, and the way to a new password; it says what was done there, or that a passkey failed. */
export const securityPage = async (
  context: ServerContext,
  visit: SignedInVisit,
  problem?: 'passkey_failed',
): Promise<Response> => {
  const notice = problem ?? securityNotice(readNotice(context, visit)?.what)
  const { user } = visit.session
  const currentIdHash = visit.sessionHash
  const sessions = await context.storage.listSessions({ userId: user.id, currentIdHash })
  const passkeys = context.passkeys ? await context.storage.listPasskeys(user.id) : undefined
  const credential = await context.storage.findCredential(user.username)
  const model: SecurityPage = {
    ...accountFrame(context, visit),
    password: credential !== undefined,
    passkeys: passkeys?.map((passkey) => ({
      id: passkey.credentialId,
      name: passkeyName(passkey),
      added: passkey.createdAt,
      lastUsed: passkey.lastUsedAt ?? undefined,
    })),
    sessions: sessions.map(({ id, createdAt, lastSeenAt, userAgent, current }) => ({
      id,
      device: deviceOf(userAgent),
      since: createdAt,
      lastSeen: lastSeenAt,
      current,
    })),
    notice,
  }
  return htmlResponse(renderSecurity(model, visit.messages), {
    status: problem ? 400 : 200,
    connects: context.passkeys !== undefined,
    cookies: visit.newCookies,
  })
}

function securityNotice(what: string | undefined): SecurityPage['notice'] {
  return done.find((notice) => notice === what)
}

/** What the person called it, else how its id begins. */
function passkeyName({ name, credentialId }: Passkey): string {
  return cleanText(name ?? '', 60) || credentialId.slice(0, 8)
}

const removePasskeyPage: AccountPage = async (context, visit) => {
  const passkeys = await context.storage.listPasskeys(visit.session.user.id)
  const { id } = visit
  const passkey = passkeys.find(({ credentialId }) => credentialId === id)
  if (!passkey) throw new PageError('not_found', { retry: accountPaths.agents })
  const shown = { id, name: passkeyName(passkey) }
  return page(renderRemovePasskey({ ...accountFrame(context, visit), passkey: shown }, visit.messages), visit)
}

/** The page that changes the password, first or again. */
export const passwordPage = async (
  context: ServerContext,
  visit: SignedInVisit,
  problem?: PasswordPage['problem'],
): Promise<Response> => {
  const model = { ...accountFrame(context, visit), passwordMinimum, problem }
  return page(
    renderPassword(model, visit.messages),
    visit,
    problem === undefined ? 200 : problem === 'throttled' ? 429 : 400,
  )
}

const yoursPage: AccountPage = async (context, visit) => {
  const user = await context.storage.findUser(visit.session.user.id)
  if (!user) throw new PageError('not_found', { retry: accountPaths.agents })
  const model = { ...accountFrame(context, visit), email: user.email ?? undefined, since: user.createdAt }
  return page(renderYours(model, visit.messages), visit)
}

/** The page that closes the account, first or again. */
export const closePage = async (
  context: ServerContext,
  visit: SignedInVisit,
  problem?: CloseAccountPage['problem'],
): Promise<Response> => {
  const { user } = visit.session
  const grants = await context.storage.listGrants({ userId: user.id, live: true, limit: 500 })
  const model = {
    ...accountFrame(context, visit),
    agents: agentsOf(grants).length,
    tokenLifetime: context.lifetimes.authToken,
    password: (await context.storage.findCredential(user.username)) !== undefined,
    problem,
  }
  return page(
    renderCloseAccount(model, visit.messages),
    visit,
    problem === undefined ? 200 : problem === 'throttled' ? 429 : 401,
  )
}

const download: AccountPage = async (context, visit) => {
  const exported = await context.storage.exportUser(visit.session.user.id)
  if (!exported) throw new PageError('not_found', { retry: accountPaths.agents })
  return accountDownload(exported)
}

/** The pages of an account by their path; `:id` stands for the id of a row. */
export const accountPages: ReadonlyMap<string, AccountPage> = new Map<string, AccountPage>([
  [accountPaths.agents, agentsPage],
  [accountPaths.removeAll, removeAllPage],
  [accountPaths.agent(':id'), agentPage],
  [accountPaths.removeAgent(':id'), removeAgentPage],
  [accountPaths.activity, activityPage],
  [accountPaths.security, onceConfirmed((context, visit) => securityPage(context, visit))],
  [accountPaths.removePasskey(':id'), onceConfirmed(removePasskeyPage)],
  [accountPaths.password, (context, visit) => passwordPage(context, visit)],
  [accountPaths.yours, yoursPage],
  [accountPaths.download, download],
  [accountPaths.close, onceConfirmed((context, visit) => closePage(context, visit))],
])

/** A page behind which others could be let in, or everything lost: only for who showed just now who they are. */
function onceConfirmed(accountPage: AccountPage): AccountPage {
  return async (context, visit) =>
    isFresh(context, visit.session) ? accountPage(context, visit) : confirmFirst(visit.path)
}

async function requireOwnGrant({ storage }: ServerContext, visit: SignedInVisit): Promise<ListedGrant> {
  const grant = await storage.findGrant(visit.id)
  if (grant?.userId !== visit.session.user.id) throw new PageError('not_found', { retry: accountPaths.agents })
  return grant
}

function page(html: string, visit: SignedInVisit, status = 200): Response {
  return htmlResponse(html, { status, cookies: visit.newCookies })
}
