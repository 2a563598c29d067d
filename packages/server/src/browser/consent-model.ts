import type { AgentChange, ConsentPage, FormFields, PageFrame } from '../pages/models.js'
import { cleanText, lookAlikeHost } from '../pages/plain-text.js'
import type { RiskPatterns } from '../risk.js'
import type { AuthRequest, User } from '../storage/storage.js'
import { permissionsOf } from './permissions.js'

/** What the consent page needs besides the stored request. */
export interface ConsentModelInput {
  frame: PageFrame
  form: FormFields
  request: AuthRequest & { redirectUri: string }
  user: User
  firstTime: boolean
  risks: RiskPatterns
  /** Seconds. */
  tokenLifetime: number
  /** Where this server has the agent's logo. */
  logo: string | undefined
  /** What the person allows the same agent and delegate at the same resource now. */
  held: readonly string[]
  changes: readonly AgentChange[]
}

const maxName = 60
const maxDescription = 200
const maxNotAsked = 50

/** Makes the consent page's model from verified facts and the stored request; a pure function. */
export function consentModel({
  frame,
  form,
  request,
  user,
  firstTime,
  risks,
  tokenLifetime,
  logo,
  held,
  changes,
}: ConsentModelInput): ConsentPage {
  const { agent, resource, display, redirectUri } = request
  const asked = request.scope.split(' ')
  const describe = (names: readonly string[]) => permissionsOf(names, display.resource.scopeDescriptions ?? {}, risks)
  const isNew = (name: string | undefined) => held.length > 0 && name !== undefined && !held.includes(name)
  const kept = held.filter((name) => !asked.includes(name))
  const agentName = cleanText(display.agent.name ?? '', maxName)
  const links = ownLinks(agent, display.agent)
  const redirect = new URL(redirectUri)
  return {
    ...frame,
    form,
    revision: request.revision,
    user: cleanText(user.username, maxName),
    agent,
    agentHost: displayHost(agent),
    ...(agentName === '' ? {} : { agentName }),
    ...(logo === undefined ? {} : { logo }),
    ...(request.delegate === null ? {} : { delegate: cleanText(request.delegate, maxDescription) }),
    agentJkt: request.agentJkt,
    resource,
    resourceHost: displayHost(resource),
    redirectUri,
    redirectDisplay: displayRedirect(redirectUri),
    redirectElsewhere: redirect.host !== new URL(agent).host,
    loopback: redirect.protocol === 'http:',
    ...links,
    ...(agentName === '' && Object.keys(links).length === 0 ? { saysNothing: true } : {}),
    firstTime,
    ...(changes.length === 0 ? {} : { changes }),
    lookAlike: lookAlikeHost(displayHost(agent)),
    able: describe(asked).map((permission, index) => ({
      ...permission,
      ...(isNew(asked[index]) ? { isNew: true } : {}),
    })),
    ...(kept.length === 0 ? {} : { kept: describe(kept) }),
    notAsked: describe(
      (display.resource.supportedScopes ?? [])
        .filter((name) => !asked.includes(name) && !held.includes(name))
        .slice(0, maxNotAsked),
    ),
    tokenLifetime,
    expiresAt: request.expiresAt,
  }
}

/** Host, and path where an identifier has one: `https://host/~evil` must not read as `host` (W10). */
export function displayHost(identifier: string): string {
  return identifier.replace(/^https?:\/\//, '')
}

/** Host and path of a redirect URI. */
export function displayRedirect(redirectUri: string): string {
  const { protocol, host, pathname } = new URL(redirectUri)
  return (host === '' ? protocol : host) + (pathname === '/' ? '' : pathname)
}

// A link of the agent's is shown only where it leads to the agent itself, over https (attacks C14).
function ownLinks(
  agent: string,
  links: AuthRequest['display']['agent'],
): Pick<ConsentPage, 'homepage' | 'policyUri' | 'tosUri'> {
  const own = (link: string | undefined): link is string =>
    link !== undefined &&
    URL.canParse(link) &&
    new URL(link).protocol === 'https:' &&
    new URL(link).host === new URL(agent).host
  return {
    ...(own(links.homepage) ? { homepage: links.homepage } : {}),
    ...(own(links.policyUri) ? { policyUri: links.policyUri } : {}),
    ...(own(links.tosUri) ? { tosUri: links.tosUri } : {}),
  }
}
