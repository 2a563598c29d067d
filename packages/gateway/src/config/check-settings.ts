import { isIdentifier } from 'countersign/discovery'
import type { ConfigurationProblem } from 'countersign/node'
import { defaultLimits } from '../gateway-options.js'
import { mcpPathProblems } from '../routes/closed-paths.js'
import { metadataPaths, oauthProblems } from '../routes/oauth-paths.js'
import { acceptsOAuth, encodedWithoutRaw, type Route, routeProblems, withAccept } from '../routes/route.js'
import { passAroundMcp, routeCollisions } from '../routes/route-collisions.js'
import { editionProblems, editionsOf, receivesRevocations } from './check-editions.js'
import { type GatewaySettings, gatewayShape, routeShape } from './gateway-schema.js'

/** The settings that are valid on their own, even if other settings are not. Routes are keyed by index. */
type ReadableSettings = Partial<Omit<GatewaySettings, 'routes'>> & {
  routes: ReadonlyMap<number, Partial<Route>>
  /** The names of all settings that are present. */
  names: ReadonlySet<string>
}

/** Parses each setting on its own. */
export function readableSettings(given: object): ReadableSettings {
  const values = new Map(Object.entries(given))
  const read = readMembers(gatewayShape, (name) => values.get(name))
  const routes: unknown = values.get('routes')
  const listed = (Array.isArray(routes) ? routes : []).entries()
  const readRoutes = new Map([...listed].map(([at, route]: [number, unknown]) => [at, readRoute(route)]))
  return { ...read, routes: readRoutes, names: new Set(values.keys()) }
}

function readRoute(given: unknown): Partial<Route> {
  const values = new Map(Object.entries(Object(given) as object))
  return readMembers(routeShape, (name) => values.get(name))
}

interface Readable {
  safeParse(value: unknown): { success: boolean; data?: unknown }
}

function readMembers(shape: Readonly<Record<string, Readable>>, givenFor: (name: string) => unknown): object {
  const members = Object.entries(shape).map(([name, schema]) => [name, schema.safeParse(givenFor(name))] as const)
  return Object.fromEntries(members.filter(([, { success }]) => success).map(([name, { data }]) => [name, data]))
}

const loopback = /^http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost)(?=[:/]|$)/

/** Problems with settings that each have a valid type, and contradictions between them. */
export function contradictionsIn(settings: ReadableSettings): ConfigurationProblem[] {
  const { allowInsecureLoopback = false, accept, scopes, routes, mcp = [], otherwise, upstream, verifyOnly } = settings
  const authServers = editionsOf(settings).flatMap(({ authServer, authServers: given, prefix }) => [
    [`${prefix}authServer`, authServer] as const,
    ...(Array.isArray(given) ? given : []).map((url, at) => [`${prefix}authServers[${at}]`, url] as const),
  ])
  const urls = [['id', settings.id] as const, ...authServers]
  const named = urls.flatMap(([setting, text]) => {
    if (text === undefined || isIdentifier(text, { allowInsecureLoopback })) return []
    const hint = loopback.test(text)
      ? '; for http on this machine during development, set allowInsecureLoopback to true'
      : ''
    return [
      {
        setting,
        problem: `must be https:// and a lower-case domain name, without a path, trailing slash or default port${hint}`,
      },
    ]
  })
  const needed = [
    ...[...routes].map(([at, { scope }]) => [`routes[${at}].scope`, scope] as const),
    ...mcp.flatMap(({ connect, initialScope, tools, resources, prompts, methods }, at) =>
      scopesOf({ connect, initialScope, tools, resources, prompts, methods }, `mcp[${at}]`),
    ),
  ]
  const unknown = needed.flatMap(([setting, scope]) =>
    (scope?.match(/[^ ]+/g) ?? [])
      .filter((value) => scopes && !Object.hasOwn(scopes, value))
      .map((value) => ({ setting, problem: `contains ${value}, which is not described in scopes` })),
  )
  const encoded = encodedWithoutRaw(routes, upstream ?? {})
  const wrong = [...routes].flatMap(([at, route]) =>
    routeProblems(route).map(({ member, problem }) => ({ setting: `routes[${at}].${member}`, problem })),
  )
  return [
    ...named,
    ...wrong,
    ...encoded,
    ...mcpPathProblems(mcp, routes, metadataPaths({ accept, mcp })),
    ...(verifyOnly ? [] : oauthProblems({ accept, routes, mcp, otherwise })),
    ...unknown,
    ...withoutRoutes(settings),
    ...missingFor(settings),
    ...editionProblems(settings),
    ...notShared(settings),
  ]
}

/** Finds routes that contradict each other, or that servers could confuse. */
export function collisionsIn({ routes, mcp = [], otherwise, accept }: ReadableSettings): ConfigurationProblem[] {
  const whole = [...routes].filter((entry): entry is [number, Route] => isRoute(entry[1]))
  const collisions = routeCollisions(
    whole.map(([at, route]) => [at, withAccept(route, accept)] as const),
    mcp.map(({ path }) => path),
  )
  const passed = passAroundMcp(routes.values(), { otherwise, mcp })
  return [...collisions.map(({ at, problem }) => ({ setting: `routes[${at}]`, problem })), ...passed]
}

/** Whether a route is valid on its own. */
function isRoute(route: Partial<Route>): route is Route {
  return routeProblems(route).length === 0
}

/** Only a gateway with MCP servers may omit routes. */
function withoutRoutes({ names }: ReadableSettings): ConfigurationProblem[] {
  if (names.has('routes') || names.has('mcp')) return []
  return [{ setting: 'routes', problem: 'is missing; it must be a list. Only a gateway with mcp can omit it' }]
}

/** Without shared memory, each of several gateways would accept the same signed request once (G12). */
function notShared({ instances = 1, redis }: ReadableSettings): ConfigurationProblem[] {
  if (instances === 1 || redis !== undefined) return []
  const problem = `is ${instances}, so each instance would accept the same signed request once: set redis as their shared memory`
  return [{ setting: 'instances', problem }]
}

/** The scopes of an MCP table, by setting name. */
function scopesOf(table: object, name: string): (readonly [setting: string, scope: string])[] {
  return Object.entries(table).flatMap(([member, given]: [string, unknown]) =>
    typeof given === 'string' ? [[`${name}.${member}`, given] as const] : scopesOf(given ?? {}, `${name}.${member}`),
  )
}

function missingFor({
  verifyOnly,
  upstream,
  trustProxy = [],
  assertion,
  accept,
  mcp = [],
}: ReadableSettings): ConfigurationProblem[] {
  if (verifyOnly === false && upstream === undefined)
    return [
      {
        setting: 'upstream',
        problem:
          'is missing; it must be the address of the API: http://127.0.0.1:3000. Only --verify-only, for nginx or Caddy, works without it',
      },
    ]
  if (!verifyOnly) return []
  const problems: ConfigurationProblem[] = []
  if (assertion && upstream === undefined)
    problems.push({
      setting: 'upstream',
      problem: 'is missing; it must be the address of the API, which is the audience of assertions',
    })
  if (trustProxy.length === 0)
    problems.push({ setting: 'trustProxy', problem: 'must contain the proxy’s address: all other callers get 404' })
  if (acceptsOAuth(accept))
    problems.push({
      setting: 'accept',
      problem:
        'cannot include oauth with verifyOnly: the proxy forwards access tokens to the API, and the API’s own challenges to clients. Run the gateway as a reverse proxy for OAuth clients',
    })
  if (mcp.length > 0)
    problems.push({
      setting: 'mcp',
      problem:
        'cannot be protected with verifyOnly: an MCP call is in the body, which the proxy does not pass on. Run the gateway as a reverse proxy for MCP servers',
    })
  return problems
}

/** Settings that are valid but probably not intended. @param given as written, without defaults */
export function warningsOf(settings: GatewaySettings, given: unknown): string[] {
  return [
    ...withoutEffect(settings, given),
    ...refusedUnseen(settings),
    ...knownToOne(settings),
    ...withheldTokens(settings),
    ...forgottenRevocations(settings),
  ]
}

function forgottenRevocations(settings: GatewaySettings): string[] {
  const { redis, stateFolder } = settings
  if (!receivesRevocations(settings) || redis !== undefined || stateFolder !== undefined) return []
  return [
    'Revoked tokens are accepted again after a restart, until they expire: set stateFolder to a folder, or redis.',
  ]
}

/** The limits on forwarded requests and responses. */
const limitsOfPassage = Object.keys(defaultLimits).filter((name) => name !== 'connections')

/** Settings that have no effect on a gateway that only responds to subrequests. */
function withoutEffect({ verifyOnly, cors, routes, upstream }: GatewaySettings, given: unknown): string[] {
  if (!verifyOnly) return []
  const { limits = {} } = given as { limits?: object }
  const names = limitsOfPassage.filter((name) => Object.hasOwn(limits, name)).map((name) => `limits.${name}`)
  for (const [at, { maxBody }] of routes.entries()) if (maxBody !== undefined) names.push(`routes[${at}].maxBody`)
  const warnings = names.map((name) => `${name} has no effect with verifyOnly: set this limit in the proxy.`)
  if (cors)
    warnings.push('cors has no effect with verifyOnly: configure the proxy or the API to respond to preflights.')
  if (upstream?.preserveHost)
    warnings.push('upstream.preserveHost has no effect with verifyOnly: set the Host header in the proxy.')
  return warnings
}

/** Warns about sessions that several gateways do not share. */
function knownToOne({ instances, mcp }: GatewaySettings): string[] {
  if (instances === 1 || mcp.length === 0) return []
  return [
    'mcp: in versions of MCP before 2026-07-28, each session is known to only one gateway: route each client to the same gateway.',
  ]
}

/** Warns if the API's own authentication may depend on tokens that it does not receive. */
function withheldTokens({ otherwise, mcp }: GatewaySettings): string[] {
  const at = mcp.findIndex(({ accept }) => acceptsOAuth(accept))
  if (otherwise !== 'pass' || at === -1) return []
  return [
    `mcp[${at}].accept includes oauth, so the gateway does not forward bearer tokens on any path. If the API has its own bearer tokens, give the MCP server a separate gateway.`,
  ]
}

/** Routes that refuse most methods, because proxies do not pass on the body. */
function refusedUnseen({ verifyOnly, routes }: GatewaySettings): string[] {
  const refused = routes.filter(({ method, body }) => body !== 'unseen' && method !== 'GET' && method !== 'HEAD')
  if (!verifyOnly || refused.length === 0) return []
  const names = refused.map(({ method, path }) => `${method} ${path}`).join(', ')
  return [
    `verifyOnly: proxies do not pass on the body, so these routes refuse all requests other than GET and HEAD: ${names}. To allow them on a route that neither deletes nor spends, set "body": "unseen" there.`,
  ]
}
