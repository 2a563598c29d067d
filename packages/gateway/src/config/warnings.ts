import type { GatewaySettings } from './gateway-schema.js'

/** What is odd in settings, but no reason not to start. @param given as it was written, without defaults */
export function warningsOf(settings: GatewaySettings, given: unknown): string[] {
  return [...withoutEffect(settings, given), ...refusedUnseen(settings), ...knownToOne(settings)]
}

/** Limits of what goes through the gateway. */
const limitsOfPassage = [
  'maxBody',
  'uploads',
  'memory',
  'bodyTime',
  'stallTime',
  'connectTime',
  'answerTime',
  'silence',
]

/** What was set and has no effect where only subrequests are answered. */
function withoutEffect({ verifyOnly, cors, routes }: GatewaySettings, given: unknown): string[] {
  if (!verifyOnly) return []
  const { limits = {} } = given as { limits?: object }
  const names = limitsOfPassage.filter((name) => Object.hasOwn(limits, name)).map((name) => `limits.${name}`)
  for (const [at, { maxBody }] of routes.entries()) if (maxBody !== undefined) names.push(`routes[${at}].maxBody`)
  const warnings = names.map((name) => `${name} has no effect with verifyOnly: set such a limit in the proxy.`)
  if (cors) warnings.push('cors has no effect with verifyOnly: have the proxy or the API answer preflights.')
  return warnings
}

/** What several gateways do not remember together. */
function knownToOne({ instances, mcp }: GatewaySettings): string[] {
  if (instances === 1 || mcp.length === 0) return []
  return [
    'mcp: a session, as servers before 2026-07-28 have them, is known to one gateway only: lead its client there again.',
  ]
}

/** Routes of which a proxy could let only a part pass. */
function refusedUnseen({ verifyOnly, routes }: GatewaySettings): string[] {
  const refused = routes.filter(({ method, body }) => body !== 'unseen' && method !== 'GET' && method !== 'HEAD')
  if (!verifyOnly || refused.length === 0) return []
  const names = refused.map(({ method, path }) => `${method} ${path}`).join(', ')
  return [
    `verifyOnly: since no proxy shows a body, all but GET and HEAD is refused on ${names}; "body": "unseen" on a route lets it pass.`,
  ]
}
