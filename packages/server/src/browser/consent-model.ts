import { isLoopbackIdentifier } from 'countersign'
import type { ConsentPage, FormFields, PageFrame, Permission } from '../pages/models.js'
import { cleanText, lookAlikeHost } from '../pages/plain-text.js'
import { type RiskPatterns, riskOf } from '../risk.js'
import type { AuthRequest, User } from '../storage/storage.js'

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
}: ConsentModelInput): ConsentPage {
  const { agent, resource, display, redirectUri } = request
  const asked = request.scope.split(' ')
  const permission = (name: string): Permission => {
    const descriptions = display.resource.scopeDescriptions ?? {}
    const description = cleanText(Object.hasOwn(descriptions, name) ? (descriptions[name] ?? '') : '', maxDescription)
    return {
      name: cleanText(name, maxDescription),
      risk: riskOf(name, risks),
      ...(description === '' ? {} : { description }),
    }
  }
  const agentName = cleanText(display.agent.name ?? '', maxName)
  const redirect = new URL(redirectUri)
  return {
    ...frame,
    form,
    revision: request.revision,
    user: user.username,
    agent,
    agentHost: displayHost(agent),
    ...(agentName === '' ? {} : { agentName }),
    ...(request.delegate === null ? {} : { delegate: cleanText(request.delegate, maxDescription) }),
    agentJkt: request.agentJkt,
    resource,
    resourceHost: displayHost(resource),
    redirectUri,
    redirectDisplay: redirect.host + (redirect.pathname === '/' ? '' : redirect.pathname),
    redirectElsewhere: redirect.hostname !== new URL(agent).hostname,
    loopback: isLoopbackIdentifier(redirect.origin),
    ...ownLinks(agent, display.agent),
    firstTime,
    lookAlike: lookAlikeHost(displayHost(agent)),
    able: asked.map(permission),
    notAsked: (display.resource.supportedScopes ?? [])
      .filter((name) => !asked.includes(name))
      .slice(0, maxNotAsked)
      .map(permission),
    tokenLifetime,
    expiresAt: request.expiresAt,
  }
}

/** Host, and path where an identifier has one: `https://host/~evil` must not read as `host` (W10). */
export function displayHost(identifier: string): string {
  return identifier.replace(/^https?:\/\//, '')
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
