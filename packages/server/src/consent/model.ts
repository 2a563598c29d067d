import { mayInclude, parseScope } from 'countersign/editions'
import type { CheckName } from '../http/context.js'
import { cleanName, cleanText, cleanUsername, lookAlikeHost } from '../lib/plain-text.js'
import { grantable, hostOf, isIdentityScope, isLoopback, permissionsOf, type ReadPermission } from '../lib/policy.js'
import { displayHost, displayRedirect } from '../pages/components/marks.js'
import type {
  AgentChange,
  ConsentPage,
  FormFields,
  NameCaution,
  PageFrame,
  Permission,
} from '../pages/models/models.js'
import type { RequestBlocks } from '../pages/models/request-blocks.js'
import type { AuthRequest, User } from '../storage/api/storage.js'
import type { Holdings } from './holdings.js'

/** The input of the consent page, in addition to the stored request. */
interface ConsentModelInput {
  frame: PageFrame
  form: FormFields
  request: AuthRequest
  user: User
  displayCode: string | undefined
  firstTime: boolean
  requestedBefore: boolean
  now: number
  readRisk: ReadPermission
  judgeName: CheckName
  /** Seconds. */
  tokenLifetime: number
  /** The path at which this server serves the agent's logo. */
  logo: string | undefined
  holdings: Holdings
  leftOut: readonly string[]
  changes: readonly AgentChange[]
  /** Where the user goes next; null if they stay here. */
  returnUri: string | null
  blocks: RequestBlocks
}

/** The choices that a decision offers, and where the user can find the decision later. */
export type ConsentChoices = Pick<
  ConsentPage,
  | 'durations'
  | 'call'
  | 'accountPath'
  | 'asksAgain'
  | 'extend'
  | 'allowedBefore'
  | 'otherDelegateAllowed'
  | 'dangers'
  | 'askPassword'
  | 'askCode'
  | 'setUpFirst'
  | 'passkey'
  | 'problem'
>

const maxDescription = 200
const maxNotRequested = 50
/** How many of a resource's scopes the page reads, and their maximum total length. */
const maxOffered = { scopes: 150, characters: 4000 }

/** What an agent chose of the name of its delegate. The scheme of an edition's ids, such as `aauth:`, is the same for all agents. */
function chosenPart({ delegate, display }: Pick<AuthRequest, 'delegate' | 'display'>): string {
  return display.agent.id === undefined ? (delegate ?? '') : (delegate ?? '').replace(/^[a-z]+:/, '')
}

/** Builds the model of the consent page from verified facts and the stored request. A pure function. */
export function consentModel(input: ConsentModelInput): Omit<ConsentPage, keyof ConsentChoices> {
  const { frame, form, request, user, readRisk, logo, holdings, changes } = input
  const { agent, resource, display } = request
  const { returnUri } = input
  const agentId = display.agent.id === undefined ? undefined : cleanText(display.agent.id, maxDescription)
  const asked = request.scope.split(' ')
  const agentName = cleanName(display.agent.name ?? '')
  const { judgeName } = input
  const ofDelegate = request.delegate === null ? undefined : judgeName(chosenPart(request), agent)
  const resourceName = cleanName(display.resource.name ?? '')
  // The operator chose the name of a client that the operator registered.
  const ofAgent = display.agent.registeredBy === 'operator' ? undefined : judgeName(agentName, agent)
  const caution = ofAgent ?? imitationOnly(ofDelegate)
  const links = ownLinks(agent, display.agent)
  return {
    form,
    revision: request.revision,
    user: cleanUsername(user.username),
    agent,
    agentHost: (display.agent.bearer ? hostOf(agent) : undefined) ?? displayHost(agent),
    agentName: agentName === '' ? undefined : agentName,
    nameCaution: caution,
    logo,
    agentId,
    delegate:
      request.delegate === null || agentId !== undefined ? undefined : cleanText(request.delegate, maxDescription),
    agentJkt: display.agent.bearer ? undefined : request.agentJkt,
    bearer: display.agent.bearer,
    registeredBy: display.agent.registeredBy,
    resource,
    resourceHost: displayHost(resource),
    // A name that could mislead is left out: the host is shown anyway.
    resourceName: resourceName === '' || judgeName(resourceName, resource) ? undefined : resourceName,
    redirect: returnUri === null ? undefined : redirectOf(returnUri, agent),
    ...links,
    saysNothing: agentName === '' && Object.values(links).every((link) => link === undefined),
    firstTime: input.firstTime,
    requestedBefore: input.requestedBefore,
    changes: changes.length === 0 ? undefined : changes,
    lookAlike: lookAlikeHost(displayHost(agent)),
    ...permissionLists(asked, display.resource, { user, readRisk, holdings }),
    leftOut: input.leftOut.length === 0 ? undefined : permissionsOf(input.leftOut, display.resource, readRisk),
    signsInAlready: holdings.elsewhere.includes(agent),
    elsewhere: holdings.elsewhere.filter((other) => other !== agent).map(displayHost),
    nothingElse: holdings.nothingElse,
    tokenLifetime: input.tokenLifetime,
    code: input.displayCode,
    requestedAt: request.createdAt,
    now: input.now,
    expiresAt: request.expiresAt,
    ...cleanBlocks(input.blocks),
    ...frame,
  }
}

/** Maximum number of characters of what an agent and a resource say. */
const maxSaid = 2000
const maxDevice = 64

/** Makes the blocks safe to show: they consist of what strangers wrote. */
function cleanBlocks({ agentSays, resourceSays, ownDevice, ...blocks }: RequestBlocks): RequestBlocks {
  return {
    ...blocks,
    ownDevice: ownDevice && { ...ownDevice, name: cleanName(ownDevice.name) },
    agentSays: agentSays && {
      reason: cleanLines(agentSays.reason),
      platform: agentSays.platform,
      device: cleanName(agentSays.device?.slice(0, maxDevice) ?? '') || undefined,
    },
    resourceSays: resourceSays && { ...resourceSays, description: cleanLines(resourceSays.description) },
  }
}

/** Cleans each line; undefined if nothing visible is left. */
function cleanLines(text: string | undefined): string | undefined {
  const lines =
    text
      ?.slice(0, maxSaid)
      .split(/\r\n?|\n/)
      .map((line) => cleanText(line, maxSaid)) ?? []
  return lines.filter((line) => line !== '').join('\n') || undefined
}

function redirectOf(uri: string, agent: string): ConsentPage['redirect'] {
  const { host } = new URL(uri)
  return { uri, display: displayRedirect(uri), elsewhere: host !== hostOf(agent), loopback: isLoopback(uri) }
}

/**
 * Delegate names are often addresses or product names, so cautions about those are dropped. Words that could be this server's own are still
 * reported.
 */
function imitationOnly(caution: NameCaution | undefined): NameCaution | undefined {
  return caution?.what === 'imitation' ? caution : undefined
}

function permissionLists(
  asked: readonly string[],
  { supportedScopes = [], ...words }: AuthRequest['display']['resource'],
  { user, readRisk, holdings }: Pick<ConsentModelInput, 'user' | 'readRisk' | 'holdings'>,
): Pick<ConsentPage, 'able' | 'kept' | 'notRequested'> {
  const describe = (names: readonly string[]) => permissionsOf(names, words, readRisk)
  const { same, here, revokedButUsable } = holdings
  const isNew = (name: string | undefined) => same.length > 0 && name !== undefined && !same.includes(name)
  const kept = here.filter((name) => !asked.includes(name))
  const usable = [...new Set([...asked, ...here, ...revokedButUsable])]
  const access = usable.filter((name) => !isIdentityScope(name)).map((name) => readRisk(name))
  // An identity scope may reveal the same as other data. Where the agent acts as the user, the resource decides what else it can do.
  const actsAsUser = words.actsAs && usable.includes('openid')
  const isOutOfReach = (name: string) => {
    if (actsAsUser) return false
    if (usable.includes(name) || isIdentityScope(name)) return false
    const part = readRisk(name)
    return !access.some((whole) => mayInclude(whole, part))
  }
  return {
    able: describe(asked).map((permission, index) => ({
      isNew: isNew(asked[index]),
      ...permission,
      ...learnt(permission, user, asked),
    })),
    kept: kept.length === 0 ? undefined : describe(kept),
    notRequested: describe(firstScopes(supportedScopes).filter(isOutOfReach).slice(0, maxNotRequested)),
  }
}

/** The scopes that a resource offers, up to the maximum number and length that the page reads. */
function firstScopes(names: readonly string[]): string[] {
  let room = maxOffered.characters
  return names.slice(0, maxOffered.scopes).filter((name) => {
    room -= name.length
    return room >= 0 && parseScope(name)?.[0] === name
  })
}

/** What the agent learns about the user through a permission. As with the claims, it learns nothing without `openid`. */
function learnt(
  { identity }: Permission,
  user: User,
  asked: readonly string[],
): Pick<Permission, 'value' | 'withheld'> {
  if (identity === undefined || identity === 'openid') return {}
  if (!grantable(asked).includes(identity)) return { withheld: true }
  const known = identity === 'email' ? [user.email] : [user.displayName, user.username]
  const values = known.flatMap((value) => value ?? [])
  return { value: values.length === 0 ? null : cleanText(values.join(', '), maxDescription) }
}

// An agent's link is shown only if it leads to the agent's own host over https (attacks C14).
function ownLinks(
  agent: string,
  links: AuthRequest['display']['agent'],
): Pick<ConsentPage, 'homepage' | 'policyUri' | 'tosUri'> {
  const own = (link = '') => {
    const url = URL.canParse(link) ? new URL(link) : undefined
    return url?.protocol === 'https:' && url.host === hostOf(agent) ? link : undefined
  }
  return { homepage: own(links.homepage), policyUri: own(links.policyUri), tosUri: own(links.tosUri) }
}
