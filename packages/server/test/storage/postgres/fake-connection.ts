import type { Submittable } from 'pg'

/** What a query sends to a connection, in order. */
export type Message = [kind: 'parse' | 'bind' | 'describe' | 'execute' | 'sync', content?: unknown]

/** A connection that records what a query sends, and keeps the names of prepared statements as `pg` does. */
export function fakeConnection() {
  const messages: Message[] = []
  const record = (kind: Message[0]) => (content?: unknown) => void messages.push([kind, content])
  return {
    messages,
    parsedStatements: {} as Record<string, string>,
    parse: record('parse'),
    bind: ({ values, valueMapper, ...bound }: Bound) => messages.push(['bind', [bound, ...values.map(valueMapper)]]),
    describe: record('describe'),
    execute: record('execute'),
    sync: record('sync'),
  }
}

interface Bound {
  statement: string
  values: unknown[]
  valueMapper: (value: unknown) => unknown
}

type FakeConnection = ReturnType<typeof fakeConnection>

/** A query that `pg` calls with what the database sends. */
export interface SubmittedQuery extends Submittable {
  readonly name: string
  readonly text: string
  handleRowDescription(message: object): void
  handleDataRow(message: object): void
  handleCommandComplete(message: object): void
  handleReadyForQuery(): void
  handleError(error: unknown, connection: FakeConnection): void
}

/** Sends a query's response. Columns that end in `_at` have the type `int8`, others `text`; without columns, there is no description. */
export function respond(
  query: SubmittedQuery,
  connection: FakeConnection,
  { complete = 'SELECT 0', columns = [] as string[], rows = [] as (string | null)[][] },
): void {
  connection.parsedStatements[query.name] = query.text
  const fields = columns.map((column) => ({ name: column, dataTypeID: column.endsWith('_at') ? 20 : 25 }))
  if (columns.length > 0) query.handleRowDescription({ fields })
  for (const row of rows) query.handleDataRow({ fields: row })
  query.handleCommandComplete({ text: complete })
  query.handleReadyForQuery()
}
