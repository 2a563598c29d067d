import { median } from '../median.mjs'
import { servers } from './servers.mjs'

/** CPU time per request, and the share of its floor that each server reaches, at most 80 columns wide. */
export function formatHttpReport(measured, { streams, added }) {
  const all = rows(measured)
  const lines = [
    'CPU time of the tested processes per authorized GET, in microseconds.',
    'A share is relative to the baseline row in the same round: median.',
    '',
    row('', 'µs', 'share', 'goal', ''),
  ]
  for (const { name, micros, share, goal } of all) {
    const mark = goal === undefined ? '' : share >= goal ? 'PASS' : 'behind'
    lines.push(row(name, micros.toFixed(0), share?.toFixed(2) ?? '', goal ? `≥ ${goal.toFixed(2)}` : '', mark))
  }
  const timed = all.filter(({ half }) => half)
  if (timed.length > 0)
    lines.push(
      '',
      'Milliseconds at half of peak load, and MB that 1000 open event streams add.',
      '',
      row('', 'p50', 'p99', 'streams', ''),
    )
  for (const { name, half, events } of timed) {
    const size = events ? megabytes(events.added) : ''
    lines.push(row(name, half.p50.toFixed(1), half.p99.toFixed(1), size, ''))
  }
  lines.push('', `${streams} concurrent slow streaming responses add ${megabytes(added)} MB at the peak.`)
  return `${lines.join('\n')}\n`
}

/** The same results in machine-readable form: microseconds, milliseconds, requests per second and bytes. */
export function formatHttpJson(measured, memory) {
  return `${JSON.stringify({ results: rows(measured), memory })}\n`
}

function rows(measured) {
  const byName = new Map(measured.map((server) => [server.name, server]))
  return servers.flatMap(({ name, of, goal }) => {
    const server = byName.get(name)
    if (!server) return []
    const compared = byName.get(of)
    const share = compared && median(server.micros.map((micros, round) => compared.micros[round] / micros))
    return [{ name, micros: median(server.micros), share, goal, half: halfOf(server), events: server.events }]
  })
}

function halfOf({ rates, times }) {
  if (times.length === 0) return undefined
  const sorted = [...times].sort((a, b) => a - b)
  return { rate: median(rates) / 2, p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) }
}

function percentile(sorted, part) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]
}

function megabytes(bytes) {
  return (bytes / 2 ** 20).toFixed(0)
}

function row(name, first, second, third, mark) {
  return `${name.padEnd(50)}${first.padStart(6)}${second.padStart(7)}${third.padStart(8)}  ${mark}`.trimEnd()
}
