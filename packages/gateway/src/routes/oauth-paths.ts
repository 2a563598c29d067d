import { createClosedPaths, isPatternClosed } from './closed-paths.js'
import { type Accept, acceptsOAuth, type Route } from './route.js'

/** The settings that concern OAuth. Other settings may be invalid. */
export interface OAuthSettings {
  accept?: Accept
  routes: Iterable<readonly [at: number, route: Partial<Route>]>
  mcp?:
    | readonly { path: string; accept?: Accept; name?: string | undefined; initialScope?: string | undefined }[]
    | undefined
  otherwise?: 'refuse' | 'pass' | undefined
}

/** The paths of the metadata of the OAuth resources: of the API, and of its MCP servers (RFC 9728 §3.1). */
export function metadataPaths({ accept, mcp = [] }: Pick<OAuthSettings, 'accept' | 'mcp'>): string[] {
  const servers = mcp.filter((server) => acceptsOAuth(server.accept)).map(({ path }) => path)
  return [...(acceptsOAuth(accept) ? [''] : []), ...servers].map((path) => metadataPath + path)
}

const metadataPath = '/.well-known/oauth-protected-resource'

/** Whether a path may be that of the metadata of an OAuth resource. */
export function isMetadataPath(path: string): boolean {
  return path === metadataPath || path.startsWith(`${metadataPath}/`)
}

/** Finds settings with which OAuth clients could not connect, or that have no effect. */
export function oauthProblems(settings: OAuthSettings): { setting: string; problem: string }[] {
  const { accept, mcp = [], otherwise } = settings
  const routes = [...settings.routes]
  const problems: { setting: string; problem: string }[] = []
  if (acceptsOAuth(accept) && routes.length === 0)
    problems.push({
      setting: 'accept',
      problem: 'applies to routes, and there are none: set accept in the entries of mcp',
    })
  if (acceptsOAuth(accept) && otherwise === 'pass')
    problems.push({
      setting: 'otherwise',
      problem:
        'cannot be pass if accept includes oauth: OAuth clients request a token only after a 401, and Authorization is not forwarded. Use refuse',
    })
  for (const [at, server] of mcp.entries())
    for (const member of ['name', 'initialScope'] as const)
      if (server[member] !== undefined && !acceptsOAuth(server.accept))
        problems.push({
          setting: `mcp[${at}].${member}`,
          problem: 'is only used by OAuth clients: set accept to ["aauth", "oauth"], or remove this setting',
        })
  for (const [at, route] of routes)
    if (acceptsOAuth(route.accept) && !acceptsOAuth(accept))
      problems.push({
        setting: `routes[${at}].accept`,
        problem: 'includes oauth, but accept of the gateway does not: set it there, too, or remove this setting',
      })
  const isMetadata = createClosedPaths(metadataPaths(settings).map((path) => ({ path, below: false })))
  for (const [at, { path }] of routes)
    if (path !== undefined && isPatternClosed(path, isMetadata))
      problems.push({
        setting: `routes[${at}].path`,
        problem: `is ${path}, at which the gateway publishes the metadata of an OAuth resource: remove this route`,
      })
  return problems
}
