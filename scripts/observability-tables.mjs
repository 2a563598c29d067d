import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createMetrics } from 'countersign/metrics'
import { auditEvents } from 'countersign-server'
import { serverLogLines } from '../packages/cli/dist/terminal/server-log.js'
import { eventLogLines } from '../packages/countersign/dist/observability/event-log-lines.js'

/**
 * The tables of docs/reference/events-and-metrics.md: the members of events, made from the comments of their interfaces; the
 * metrics, made from those that are registered; and the lines of the log and the events of the audit log, made from their
 * descriptions in the code. With --write they are written; otherwise they must be there as they would be written.
 */
const document = 'docs/reference/events-and-metrics.md'
const sources = ['packages/countersign/src/lib/events.ts', 'packages/countersign/src/lib/refusal.ts']
const code = sources.map((path) => readFileSync(path, 'utf8')).join('\n')
const failures = []

/** Name, type and comment of each member, starting with those of the extended interface. */
function membersOf(name) {
  const [, base, body] =
    new RegExp(`^export interface ${name}(?: extends (\\w+))? \\{\\n([\\s\\S]*?)^\\}`, 'm').exec(code) ?? []
  if (body === undefined) {
    failures.push(`${sources.join(' and ')} do not declare the interface ${name}`)
    return []
  }
  const own = [...body.matchAll(/(?: {2}\/\*\*([\s\S]*?)\*\/\n)? {2}(\w+)(\??): (.*)\n/g)].map(
    ([, comment = '', member, optional, type]) => ({ comment: plain(comment), member, optional, type: type.trim() }),
  )
  return [...(base === undefined ? [] : membersOf(base)), ...own].filter(
    ({ member }) => member !== 'kind' && member !== 'role',
  )
}

function plain(comment) {
  return comment.replaceAll(/\s*\n\s*\* ?|\s+/g, ' ').trim()
}

function cell(text) {
  return text.replaceAll('|', '\\|')
}

function eventTable(kind) {
  const rows = membersOf(`${kind[0].toUpperCase()}${kind.slice(1)}Event`).map(({ comment, member, optional, type }) => {
    const values = type.replace(/ \| undefined$/, '')
    return `| \`${member}${optional}\` | ${cell(`\`${values}\``)} | ${cell(comment)} |`
  })
  return ['| member | type | |', '|---|---|---|', ...rows].join('\n')
}

async function registeredMetrics() {
  const pool = () => ({ idle: 0, used: 0, waiting: 0 })
  const config = () => ({ ok: true, readAt: 0 })
  const all = { logWriteErrors: () => 0, retentionLag: () => 0, pool, config }
  return createMetrics({ ...all, process: false }).registry.getMetricsAsJSON()
}

function metricTable(metrics) {
  const source = readFileSync('packages/countersign/src/observability/create-metrics.ts', 'utf8')
  const rows = metrics.map(({ name, help, type }) => {
    const [, labels = ''] = new RegExp(`name: '${name}',\\s*help: .*\\s*labelNames: \\[(.*)\\]`).exec(source) ?? []
    return `| \`${name}\` | ${type} | ${labels.replaceAll(/'(\w+)'/g, '`$1`')} | ${cell(help)} |`
  })
  return ['| metric | type | labels | |', '|---|---|---|---|', ...rows].join('\n')
}

function logTable() {
  const rows = [eventLogLines, serverLogLines].flatMap((lines) =>
    Object.entries(lines).flatMap(([level, byName]) =>
      Object.entries(byName).map(([name, about]) => `| ${level} | \`${name}\` | ${cell(about)} |`),
    ),
  )
  return ['| level | `event` | when, and its fields |', '|---|---|---|', ...rows].join('\n')
}

function auditTable() {
  const rows = Object.entries(auditEvents).map(([name, about]) => `| \`${name}\` | ${cell(about)} |`)
  return ['| `event` | when, and its data |', '|---|---|', ...rows].join('\n')
}

const text = readFileSync(document, 'utf8')
let written = text
for (const [, kind] of code.matchAll(/^ {2}kind: '(\w+)'/gm)) replaceTable(`### \`${kind}\``, eventTable(kind))
const metrics = await registeredMetrics()
replaceTable('### The metrics', metricTable(metrics))
replaceTable('## Log lines', logTable())
replaceTable('## Audit events', auditTable())

/** Replaces the first table after a heading. */
function replaceTable(heading, table) {
  const at = written.indexOf(`${heading}\n`)
  if (at === -1) {
    failures.push(`${document} has no heading "${heading}"`)
    return
  }
  const rest = written.slice(at).replace(/^\|.*\|\n(?:\|.*\n)+/m, () => `${table}\n`)
  written = written.slice(0, at) + rest
}

if (process.argv.includes('--write')) writeFileSync(document, written)
else if (written !== text)
  failures.push(`the tables of ${document} do not match the code: node scripts/observability-tables.mjs --write`)

// Alert rules name metrics, and those of a histogram by its series.
for (const page of readdirSync('docs', { recursive: true, encoding: 'utf8' }).filter(
  (name) => name.endsWith('.md') && !name.startsWith('reference/api/'),
))
  for (const [name] of readFileSync(`docs/${page}`, 'utf8').matchAll(/\bcountersign_[a-z_]+(?<!_)(?![\w*@./-])/g))
    if (!isKnown(name)) failures.push(`docs/${page} names ${name}, which is not a metric`)

function isKnown(name) {
  const notMetrics = ['countersign_owner', 'countersign_before', 'countersign_restored', 'countersign_tried']
  return (
    notMetrics.includes(name) || metrics.some((metric) => metric.name === name.replace(/_(?:bucket|sum|count)$/, ''))
  )
}

for (const failure of failures) process.stderr.write(`${failure}\n`)
process.exitCode = failures.length === 0 ? 0 : 1
