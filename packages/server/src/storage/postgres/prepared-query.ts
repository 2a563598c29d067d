import pg from 'pg'

/** The result of one statement. */
export interface Answer {
  command: string
  /** Null for a statement that does not count rows. */
  rowCount: number | null
  rows: unknown[]
}

/** A statement to prepare once per connection, under the same name on each, and its values. */
interface NamedStatement {
  name: string
  text: string
  values: readonly Value[]
}

type Value = string | number | bigint | boolean | Uint8Array | null

const plain: ReadonlySet<string> = new Set(['string', 'number', 'bigint', 'boolean'])

/** Whether these are all values of types that {@link executePrepared} accepts. */
export function areValues(values: readonly unknown[]): values is readonly Value[] {
  return values.every((value) => value === null || plain.has(typeof value) || value instanceof Uint8Array)
}

/**
 * Executes a prepared statement. Unlike a query of `pg`, it asks for a description of the result columns only once per connection, because
 * reading the description takes longer than reading a row.
 *
 * @throws the error that the database or `pg` reports
 */
export function executePrepared(client: pg.ClientBase, statement: NamedStatement): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const settle: Settle = (error, answer) => (answer ? resolve(answer) : reject(error))
    client.query(new PreparedQuery(statement, client as TypedClient, settle))
  })
}

type Settle = (error: unknown, answer?: Answer) => void

interface Column {
  name: string
  parse: (text: string) => unknown
}

/** The statements that were sent to each connection, by name, with their result columns once they are described. */
const prepared = new WeakMap<pg.Connection, Map<string, readonly Column[] | undefined>>()

/** A query whose messages `pg` sends and receives in turn with those of other queries. */
class PreparedQuery implements pg.Submittable {
  readonly name: string
  readonly text: string
  /** Replaced by `pg`, to limit how long the query may take. */
  callback: Settle
  readonly #values: readonly Value[]
  readonly #client: TypedClient
  #statements = new Map<string, readonly Column[] | undefined>()
  readonly #answer: Answer = { command: '', rowCount: null, rows: [] }
  #columns: readonly Column[] | undefined
  #failure: unknown

  constructor({ name, text, values }: NamedStatement, client: TypedClient, settle: Settle) {
    this.name = name
    this.text = text
    this.callback = settle
    this.#values = values
    this.#client = client
  }

  submit(connection: pg.Connection): null {
    const wire = connection as unknown as Wire
    const { name, text } = this
    this.#statements = prepared.get(connection) ?? this.#statements
    prepared.set(connection, this.#statements)
    if (!this.#statements.has(name)) {
      wire.parse({ name, text, types: [] })
      this.#statements.set(name, undefined)
    }
    wire.bind({ statement: name, values: this.#values, valueMapper: toWire })
    this.#columns = this.#statements.get(name)
    if (!this.#columns) wire.describe({ type: 'P' })
    wire.execute()
    wire.sync()
    return null
  }

  handleRowDescription({ fields }: { fields: readonly { name: string; dataTypeID: number }[] }): void {
    this.#columns = fields.map(({ name, dataTypeID }) => ({ name, parse: this.#client.getTypeParser(dataTypeID) }))
  }

  handleDataRow({ fields }: { fields: readonly (string | null)[] }): void {
    const row: Record<string, unknown> = {}
    const columns = this.#columns ?? []
    try {
      if (fields.length !== columns.length) throw new TypeError('a row does not match the description of its columns')
      columns.forEach(({ name, parse }, index) => {
        const text = fields[index] ?? null
        row[name] = text === null ? null : parse(text)
      })
      this.#answer.rows.push(row)
    } catch (error) {
      this.#failure = error
    }
  }

  handleCommandComplete({ text }: { text: string }): void {
    const [command = '', ...counts] = text.split(' ')
    this.#answer.command = command
    this.#answer.rowCount = counts.length > 0 ? Number(counts.at(-1)) : null
    // A statement without result columns has no description.
    this.#statements.set(this.name, this.#columns ?? [])
  }

  handleReadyForQuery(): void {
    if (this.#failure === undefined) this.callback(undefined, this.#answer)
    else this.callback(this.#failure)
  }

  handleError(error: unknown, { parsedStatements }: Wire): void {
    if (parsedStatements[this.name] === undefined) this.#statements.delete(this.name)
    this.callback(error)
  }
}

// `pg` permits a pipeline only for its own queries, because others may need several round trips.
Object.setPrototypeOf(PreparedQuery.prototype, pg.Query.prototype)

/** Members of a connection that `pg`'s types omit or declare differently. */
interface Wire {
  /** The texts of the statements that the database has prepared, by name. */
  readonly parsedStatements: Readonly<Record<string, string>>
  parse(statement: { name: string; text: string; types: readonly number[] }): void
  bind(values: {
    statement: string
    values: readonly Value[]
    valueMapper: (value: Value) => string | Buffer | null
  }): void
  describe(what: { type: 'P' }): void
  execute(): void
  sync(): void
}

type TypedClient = pg.ClientBase & { getTypeParser(oid: number): (text: string) => unknown }

function toWire(value: Value): string | Buffer | null {
  if (value === null || typeof value === 'string') return value
  return typeof value === 'object' ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : String(value)
}
