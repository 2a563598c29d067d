import {
  type ApiProbe,
  type GatewaySettings,
  probeApi,
  type RouteProbe,
  readProbedSettings,
  type SpellingKind,
  spellingKinds,
} from 'countersign-gateway'
import { CommandError, errorReason, exitStatus, usageError } from '../command/errors.js'
import { withProgress } from '../terminal/progress.js'
import type { Run } from '../terminal/terminal.js'
import { wrapText } from '../terminal/text.js'
import { rulesOf } from './effective-settings.js'

/** `countersign gateway probe`: finds out which spellings of the routes' paths an API handles. */
export const gatewayProbe: Run = async (flags, terminal) => {
  const { config: path, json } = flags
  if (typeof path !== 'string') throw usageError('gateway probe requires --config <file>.')
  const { settings, collisions } = await readProbedSettings(path, terminal.env)
  const upstream = probedUpstream(flags, settings)
  const send = () =>
    probeApi({
      upstream,
      routes: settings.routes,
      rules: collisions.length > 0 ? undefined : rulesOf(settings),
      values: new Map(pairsIn(flags.param, '=', '--param')),
      headers: Object.fromEntries(pairsIn(flags.header, ':', '--header')),
    }).catch((cause: unknown) => {
      throw new CommandError(`${upstream} cannot be probed: ${errorReason(cause)}`, {
        cause,
        exitCode: exitStatus.network,
      })
    })
  const probe = await withProgress(terminal, `Probing ${upstream}`, send)
  const problems = [
    ...problemsIn(probe, settings),
    ...collisions.map(({ setting, problem }) => `${setting} ${problem}.`),
  ]
  if (json) terminal.write(`${JSON.stringify({ ...probe, compared: [...probe.compared], problems })}\n`)
  else terminal.write(`${textOf(probe, upstream, problems)}\n`)
  return problems.length > 0 ? exitStatus.refused : exitStatus.done
}

function probedUpstream(
  { upstream, configuredUpstream }: Readonly<Record<string, unknown>>,
  settings: GatewaySettings,
): string {
  if (typeof upstream === 'string') {
    if (/^https?:\/\/[^/?#]+$/.test(upstream)) return upstream
    throw usageError(
      '--upstream must be an http or https URL without a path or trailing slash, such as http://127.0.0.1:3001.',
    )
  }
  const configured = settings.upstream?.url
  if (configuredUpstream === true && configured !== undefined) return configured
  throw usageError(
    'gateway probe requires --upstream <url>, a test copy of the API. To probe the configured upstream instead, use --configured-upstream.',
  )
}

function pairsIn(given: unknown, separator: string, flag: string): [name: string, value: string][] {
  const texts = Array.isArray(given) ? (given as string[]) : []
  return texts.map((text) => {
    const at = text.indexOf(separator)
    if (at < 1) throw usageError(`${flag} must be a name and a value, separated by ${separator}: ${text}`)
    return [text.slice(0, at).trim(), text.slice(at + 1).trim()]
  })
}

/**
 * Returns the differences between the API and what the configuration declares, and the requests that would get through with fewer
 * permissions than their route requires.
 */
function problemsIn({ routes }: ApiProbe, settings: GatewaySettings): string[] {
  const problems: string[] = []
  for (const { method, path, runs } of routes) {
    const declared = settings.routes.find((route) => route.method === method && route.path === path)
    const runsKind = (...kinds: SpellingKind[]) => runs.find(({ kind }) => kinds.includes(kind))
    const caseRun = declared?.case && runsKind('case')
    if (caseRun) problems.push(`${method} ${path} declares case: "kept", but the API also handles ${caseRun.target}.`)
    const endingRun = declared?.endings && runsKind('ending', 'index')
    if (endingRun)
      problems.push(`${method} ${path} declares endings: "kept", but the API also handles ${endingRun.target}.`)
    for (const { target, gateway } of runs)
      if (gateway === 'less')
        problems.push(`${target} gets through with fewer permissions than ${method} ${path} requires.`)
  }
  const runOf = (...kinds: SpellingKind[]) =>
    routes.flatMap(({ runs }) => runs).find(({ kind }) => kinds.includes(kind))
  const decoded = runOf('encoded', 'doubly')
  if (settings.upstream?.matches === 'raw' && decoded)
    problems.push(`upstream.matches is "raw", but the API also handles ${decoded.target}.`)
  const query = runOf('frontController')
  if (query && !settings.frontController) problems.push(`Set frontController to true: the API handles ${query.target}.`)
  return problems
}

const columns = 80

function textOf(probe: ApiProbe, upstream: string, problems: readonly string[]): string {
  const ran = new Set(probe.routes.flatMap(({ runs }) => runs.map(({ kind }) => kind)))
  const kinds = Object.entries(spellingKinds) as [SpellingKind, string][]
  const lines = kinds
    .filter(([kind]) => probe.compared.has(kind))
    .map(([kind, about]) => `  ${ran.has(kind) ? 'yes' : 'no '}  ${about}`)
  return [
    wrapText('', `${probe.requests} requests to ${upstream}.`),
    ...(probe.isComplete ? [] : ['The remaining requests were skipped, because a probe sends at most 5000 requests.']),
    '',
    ...probe.routes.flatMap(linesOf),
    '',
    ...(lines.length > 0 ? ['The API', ...lines] : ['No path could be compared.']),
    '',
    ...(problems.length > 0 ? problems.map((each) => wrapText('- ', each)) : ['The configuration matches the API.']),
  ].join('\n')
}

function linesOf({ method, path, example, isComparable, status, runs }: RouteProbe): string[] {
  const head = wrapText('', `${method} ${path}, as ${example}: ${status}`)
  if (!isComparable)
    return [
      head,
      wrapText(
        '  ',
        'not compared, because a nonexistent path gets the same response; use --param to set an id that exists',
      ),
    ]
  return [head, ...runs.map(({ target, gateway }) => row(target, gateway))]
}

function row(target: string, gateway: string | undefined): string {
  const verdict = gateway === undefined ? '' : gateway === 'refused' ? 'refused by the gateway' : `requires ${gateway}`
  const room = columns - 30
  const shown = target.length > room ? `${target.slice(0, room - 1)}…` : target
  return `  runs ${shown.padEnd(room)} ${verdict}`.trimEnd()
}
