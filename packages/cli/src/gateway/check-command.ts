import { AAuthError } from 'countersign'
import { createRouteTable, judgeRequest, loadGatewayConfig } from 'countersign-gateway'
import { usageError } from '../command/command-error.js'
import { exitStatus } from '../command/exit-status.js'
import type { Run } from '../command/run.js'

/** `countersign gateway check`: which route, level and scope a request would meet. */
export const gatewayCheck: Run = async ({ config: path, json }, terminal, subject) => {
  if (typeof path !== 'string') throw usageError('gateway check needs --config <file>.')
  const [method = '', rawTarget = ''] = subject.split(' ')
  const { settings } = await loadGatewayConfig(path, terminal.env)
  const report = reportOf(method, rawTarget, settings)
  terminal.write(json ? `${JSON.stringify(report)}\n` : `${textOf(report)}\n`)
  return 'refused' in report ? exitStatus.refused : exitStatus.done
}

type Report =
  | { routes: string[]; require: string; scope?: string | undefined; unsigned: 'refused' | 'passed' }
  | { refused: string; status: number; unsigned: 'refused' | 'passed' }

function reportOf(
  method: string,
  rawTarget: string,
  { routes, otherwise }: Awaited<ReturnType<typeof loadGatewayConfig>>['settings'],
): Report {
  const head = { method, rawTarget, rawHeaders: ['Signature', ''] }
  const unsigned = otherwise === 'pass' ? 'passed' : 'refused'
  try {
    const { need } = judgeRequest(head, { table: createRouteTable(routes), otherwise })
    if (!need) throw new AAuthError('not_found', 'No route lists it.')
    const { level, scope } = need
    const shown = need.routes.map((route) => `${route.method} ${route.path}`)
    return { routes: shown, require: level, scope, unsigned: level === 'none' ? 'passed' : unsigned }
  } catch (error) {
    if (!(error instanceof AAuthError)) throw error
    const isPassed = unsigned === 'passed' && [404, 405].includes(error.status)
    return { refused: error.message, status: error.status, unsigned: isPassed ? 'passed' : 'refused' }
  }
}

function textOf(report: Report): string {
  const unsigned = report.unsigned === 'passed' ? 'A request without a signature passes as nobody.' : ''
  if ('refused' in report)
    return [`Refused with ${report.status}: ${report.refused}`, unsigned].filter(Boolean).join('\n')
  const { routes, require, scope } = report
  const several = routes.length > 1 ? ['The API may read the path in several ways: it needs what all routes need.'] : []
  return [
    ...routes.map((route) => `Route    ${route}`),
    `Level    ${require}`,
    ...(scope === undefined ? [] : [`Scope    ${scope}`]),
    ...several,
    unsigned,
  ]
    .filter(Boolean)
    .join('\n')
}
