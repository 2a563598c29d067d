import { median } from '../median.mjs'

const names = {
  flow: 'consent flow, 4 requests',
  refresh: 'refresh',
  bearerRefresh: 'OAuth refresh',
  signIn: 'sign-in, 2 requests',
  page: 'consent page',
  document: 'document',
}

const goals = {
  ratio: {
    sqlite: { flow: 0.11, refresh: 0.4, bearerRefresh: 0.67, document: 0.9 },
    postgres: { refresh: 0.25, bearerRefresh: 0.67, document: 0.9 },
  },
  syncs: { flow: 3 },
  statements: { flow: 25 },
  /** Milliseconds. */
  delay: 20,
}

/** The cost of each operation next to its floor, at most 80 columns wide. */
export function formatServerReport(measured, counted) {
  const rows = rowsOf(measured, counted)
  const { engine } = measured
  const ofTheDatabase = engine === 'postgres' ? ['', ...ofDatabase(rows)] : []
  const parts = [
    ...costs(rows, goals.ratio[engine]),
    ...ofTheDatabase,
    '',
    ...times(rows),
    '',
    ...counts(rows, measured),
  ]
  return `${parts.join('\n')}\n`
}

/** The same results in machine-readable form. */
export function formatServerJson(measured, counted) {
  return `${JSON.stringify({ results: rowsOf(measured, counted), bytesPerFlow: measured.bytes })}\n`
}

function rowsOf({ results }, counted) {
  return results.map(({ operation, floor, own, limit, half, storageShare }) => {
    const micros = median(own.map((each) => each.micros))
    return {
      operation,
      rate: median(own.map((each) => each.rate)),
      micros,
      storageMicros: micros * storageShare,
      databaseMicros: median(own.map((each) => each.databaseMicros)),
      floorMicros: median(limit.map((each) => each.micros)),
      ratio: median(own.map((each, round) => costOf(limit[round], floor) / costOf(each, floor))),
      half,
      ...counted[operation],
    }
  })
}

/** CPU time per operation. The database counts if both operations use it. */
function costOf({ micros, databaseMicros }, floor) {
  return floor === 'server' && !Number.isNaN(databaseMicros) ? micros + databaseMicros : micros
}

function costs(rows, ratios) {
  return [
    'CPU time of the tested processes per operation, in microseconds; operations per',
    'second with 16 clients. The floor is a bare node:http server with the same',
    'cryptography (for documents, a route of hono; for an OAuth refresh, the refresh',
    'of an agent, with the CPU time of the database), measured in the same rounds.',
    '',
    line('', ['per s', 'CPU', 'storage', 'floor', 'ratio', 'goal']),
    ...rows.map(({ operation, rate, micros, storageMicros, floorMicros, ratio }) => {
      const goal = ratios[operation]
      const cells = [rate, micros, storageMicros, floorMicros].map((value) => value.toFixed(0))
      return line(
        names[operation],
        [...cells, ratio.toFixed(2), goal?.toFixed(2) ?? ''],
        verdict(goal, () => ratio >= goal),
      )
    }),
  ]
}

function ofDatabase(rows) {
  return [
    'CPU time of the PostgreSQL processes per operation, in microseconds.',
    '',
    ...rows.map(({ operation, databaseMicros }) =>
      line(names[operation], [Number.isNaN(databaseMicros) ? 'remote' : databaseMicros.toFixed(0)]),
    ),
  ]
}

function times(rows) {
  const shown = rows.filter(({ half }) => half)
  return [
    'Latency at half of the peak, in milliseconds: p50 and p99; delay of the event',
    'loop: p99. The floor runs the same number of operations per second.',
    'Medians of three runs.',
    '',
    line('', ['p50', 'p99', 'late', 'floor', 'p99', 'late']),
    ...shown.map(({ operation, half: { own, limit } }) => {
      const cells = [own.p50, own.p99, own.delay, limit.p50, limit.p99, limit.delay].map((value) => value.toFixed(1))
      const isQuick = own.p99 <= Math.max(5 * own.p50, 2 * limit.p99) && own.delay - limit.delay <= goals.delay
      return line(names[operation], cells, isQuick ? 'PASS' : 'behind')
    }),
  ]
}

function counts(rows, { bytes }) {
  const shown = rows.filter(({ statements }) => statements !== undefined)
  return [
    'One client: statements except those that begin and end transactions, and writes',
    'that wait for the disk; later: PostgreSQL writes that no client waits for.',
    '',
    line('', ['statements', '', 'syncs', '', 'later']),
    ...shown.map(({ operation, statements, syncs, laterSyncs }) => {
      const most = [goals.statements[operation], goals.syncs[operation]]
      const written = [syncs?.toFixed(2) ?? 'no strace', atMost(most[1]), laterSyncs?.toFixed(2) ?? '']
      const cells = [statements.toFixed(1), atMost(most[0]), ...written]
      const isWithin = () => statements <= most[0] && syncs <= most[1]
      return line(names[operation], cells, verdict(most[0], isWithin))
    }),
    '',
    `A flow adds ${bytes.toFixed(0)} bytes on disk.`,
  ]
}

function atMost(goal) {
  return goal === undefined ? '' : `≤ ${goal}`
}

function verdict(goal, isReached) {
  return goal === undefined ? '' : isReached() ? 'PASS' : 'behind'
}

function line(name, cells, mark = '') {
  return `${name.padEnd(24)}${cells.map((cell) => ` ${cell.padStart(7)}`).join('')}  ${mark}`.trimEnd()
}
