import { AAuthError } from 'countersign'
import {
  checkRequest,
  createConfiguredGateway,
  type GatewayRules,
  type GatewaySettings,
  loadGatewayConfig,
  type RequestHead,
  type Route,
  readGatewaySettings,
  requireNothingUnseen,
  type Verdict,
  withAccept,
} from 'countersign-gateway'
import { exitStatus, usageError } from '../command/errors.js'
import type { Run, Terminal } from '../terminal/terminal.js'
import { counted, wrapText } from '../terminal/text.js'
import { overridingFlags, rulesOf } from './effective-settings.js'
import { loadRedis } from './open-shared-memory.js'

/** `countersign gateway check`: checks a configuration, or shows the route, level and scope that match a request. */
export const gatewayCheck: Run = async (flags, terminal, subject) => {
  const { config: path, json } = flags
  const [given = '', rawTarget] = subject.split(' ')
  if (typeof path !== 'string')
    throw usageError(`gateway check requires --config ${/[./]/.test(given) ? given : '<file>'}.`)
  if (given === '') return checkConfiguration(path, flags, terminal)
  if (rawTarget === undefined)
    throw usageError('gateway check also needs a path, such as: gateway check GET /events/7.')
  if (!rawTarget.startsWith('/')) throw usageError(`A path must start with a slash: /${rawTarget}.`)
  const method = given.toUpperCase()
  const { settings } = await readGatewaySettings(path, terminal.env, overridingFlags(flags))
  const report = reportOf(method, rawTarget, settings)
  terminal.write(json ? `${JSON.stringify(report)}\n` : `${textOf(report)}\n`)
  return 'refused' in report ? exitStatus.refused : exitStatus.done
}

/** Loads a configuration as `gateway start` does, and creates the gateway without starting it. */
async function checkConfiguration(
  path: string,
  flags: Readonly<Record<string, unknown>>,
  terminal: Terminal,
): Promise<number> {
  const config = await loadGatewayConfig(path, terminal.env, overridingFlags(flags))
  const { file, settings, warnings } = config
  if (settings.redis !== undefined) await loadRedis()
  try {
    // The folder is created by the account that runs the gateway.
    createConfiguredGateway({ ...config, settings: { ...settings, stateFolder: undefined } }).close()
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause
    throw usageError(`${file} is invalid:\n  ${cause.message}`, cause)
  }
  const { id, routes, scopes = {}, mcp, accept, verifyOnly, proxy, upstream } = settings
  const counts = { routes: routes.length, permissions: Object.keys(scopes).length, mcpServers: mcp.length }
  const endpoints = [{ path: '', accept }, ...mcp]
  const oauth = endpoints.filter((each) => each.accept?.includes('oauth')).map(({ path }) => id + path)
  const isSigned = (route: Route) => route.require !== 'none' && !withAccept(route, accept).accept?.includes('oauth')
  const signedOnly = accept.includes('oauth')
    ? routes.filter(isSigned).map(({ method, path }) => `${method} ${path}`)
    : []
  if (flags.json) {
    terminal.write(`${JSON.stringify({ file, id, ...counts, oauth, signedOnly, warnings })}\n`)
    return exitStatus.done
  }
  for (const warning of warnings) terminal.notify(wrapText('Warning: ', warning))
  const listed = [
    ...(routes.length > 0 ? [counted(routes.length, 'route')] : []),
    counted(counts.permissions, 'permission'),
    ...(mcp.length > 0 ? [counted(mcp.length, 'MCP server')] : []),
  ]
  const behind = verifyOnly ? `subrequests from ${proxy}` : `upstream ${upstream?.url}`
  terminal.write(`${file} is valid: ${id}, ${behind}, ${listed.join(', ')}.\n`)
  if (oauth.length > 0) terminal.write(`OAuth clients connect to ${oauth.join(', ')}.\n`)
  if (signedOnly.length > 0)
    terminal.write(`These routes accept only signed requests, and no OAuth clients: ${signedOnly.join(', ')}.\n`)
  return exitStatus.done
}

type Report =
  | {
      routes: string[]
      require: string
      scope?: string | undefined
      oauth?: boolean | undefined
      unsigned: 'refused' | 'passed'
    }
  | { mcp: string; unsigned: 'refused' }
  | { refused: string; status: number; unsigned: 'refused' | 'passed' }

function reportOf(method: string, rawTarget: string, settings: GatewaySettings): Report {
  const { mcp, accept, verifyOnly } = settings
  const head = { method, rawTarget, rawHeaders: ['Signature', ''] }
  const [path] = rawTarget.split('?', 1)
  const server = mcp.find((each) => each.path === path)
  if (server) return { mcp: server.path, unsigned: 'refused' }
  const rules = { ...rulesOf(settings), verifyOnly }
  const unsigned = passesUnsigned(head, rules) ? 'passed' : 'refused'
  try {
    const { need } = judge(head, rules)
    if (!need) throw new AAuthError('not_found', 'No route matches the request.')
    const { level, scope } = need
    const oauth = accept.includes('oauth') && level !== 'none' ? need.acceptsOAuth : undefined
    const shown = need.routes.map((route) => `${route.method} ${route.path}`)
    return { routes: shown, require: level, scope, oauth, unsigned }
  } catch (error) {
    if (!(error instanceof AAuthError)) throw error
    return { refused: error.message, status: error.status, unsigned }
  }
}

interface CheckedRules extends GatewayRules {
  verifyOnly: boolean
}

function judge(head: RequestHead, rules: CheckedRules): Verdict {
  const judged = checkRequest(head, rules)
  const { verify, need } = judged
  if (rules.verifyOnly && need && (verify || need.level === 'none'))
    requireNothingUnseen({ ...head, hasBody: false, mayHaveTrailers: false }, need)
  return judged
}

function passesUnsigned(head: RequestHead, rules: CheckedRules): boolean {
  try {
    return !judge({ ...head, rawHeaders: [] }, rules).verify
  } catch (error) {
    if (error instanceof AAuthError) return false
    throw error
  }
}

function textOf(report: Report): string {
  const unsigned = report.unsigned === 'passed' ? 'A request without a signature is forwarded anonymously.' : ''
  if ('mcp' in report) return `The requirements of a message depend on the rules for the MCP server at ${report.mcp}.`
  if ('refused' in report)
    return [`Refused with ${report.status}: ${report.refused}`, unsigned].filter(Boolean).join('\n')
  const { routes, require, scope, oauth } = report
  const several =
    routes.length > 1
      ? ['No route is more specific than the others: the request must meet the requirements of all of them.']
      : []
  return [
    ...routes.map((route) => `Route    ${route}`),
    `Level    ${require}`,
    ...(scope === undefined ? [] : [`Scope    ${scope}`]),
    ...(oauth === undefined
      ? []
      : [`Proof    ${oauth ? 'a signature, or an OAuth access token' : 'only a signature'}`]),
    ...several,
    unsigned,
  ]
    .filter(Boolean)
    .join('\n')
}
