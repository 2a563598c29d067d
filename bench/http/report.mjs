import { servers } from './servers.mjs'

/** CPU time for one request, and the share of its floor that each server reaches, at most 80 columns wide. */
export function formatHttpReport(measured, { streams, added }) {
  const lines = [
    'CPU time of the tested process for one authorized GET, in microseconds.',
    'A share is that of the row it is compared with, in the same round: median.',
    '',
    row('', 'µs', 'share', 'goal', ''),
  ]
  for (const { name, micros, share, goal } of rows(measured)) {
    const mark = goal === undefined ? '' : share >= goal ? 'PASS' : 'behind'
    lines.push(row(name, micros.toFixed(0), share?.toFixed(2) ?? '', goal ? `≥ ${goal.toFixed(2)}` : '', mark))
  }
  lines.push('', `${streams} slow streamed answers at once add ${(added / 2 ** 20).toFixed(0)} MB at the peak.`)
  return `${lines.join('\n')}\n`
}

/** The same for programs: names, microseconds and shares. */
export function formatHttpJson(measured, memory) {
  const results = rows(measured).map(({ name, micros, share }) => ({ name, micros, share }))
  return `${JSON.stringify({ results, memory })}\n`
}

function rows(measured) {
  const byName = new Map(measured.map((server) => [server.name, server]))
  return servers.flatMap(({ name, of, goal }) => {
    const server = byName.get(name)
    if (!server) return []
    const compared = byName.get(of)
    const share = compared && median(server.micros.map((micros, round) => compared.micros[round] / micros))
    return [{ name, micros: median(server.micros), share, goal }]
  })
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

function row(name, micros, share, goal, mark) {
  return `${name.padEnd(50)}${micros.padStart(6)}${share.padStart(7)}${goal.padStart(8)}  ${mark}`.trimEnd()
}
