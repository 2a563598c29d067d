import { randomFillSync } from 'node:crypto'
import {
  type Compilable,
  type CompiledQuery,
  type Expression,
  type InsertQueryBuilder,
  type InsertResult,
  type RawBuilder,
  type SqlBool,
  sql,
} from 'kysely'
import type { Form, Parts, Statement } from './engine.js'
import { type NewRow, type Tables, tables } from './tables.js'

/** The placeholders that a query contains instead of values. */
export type Placeholders<P> = { readonly [name in keyof P]: RawBuilder<P[name]> }

/**
 * Creates a query that is compiled once per form and cached, because compiling it takes longer than the database takes to respond. The
 * query's text must not depend on anything else.
 */
export function cachedQuery<P extends object, O>(
  write: (parts: Parts, parameters: Placeholders<P>) => Compilable<O>,
): (statement: Statement, parameters: P) => Promise<O[]> {
  const query = new CachedQuery<P, O>((parts) =>
    write(
      parts,
      placeholders((parameters: P) => parameters),
    ),
  )
  return (statement, parameters) => query.execute(statement, parameters)
}

/** The maximum number of rows for which a query is cached by default. */
export const maxRows = 16

/** Like {@link cachedQuery}, but for a query with several rows of parameters. One query is cached for each number of rows. */
export function cachedQueryOfRows<P extends object, O>(
  write: (parts: Parts, rows: readonly Placeholders<P>[]) => Compilable<O>,
  most = maxRows,
): (statement: Statement, rows: readonly P[]) => Promise<O[]> {
  const queries = new Map<number, CachedQuery<readonly P[], O>>()
  function queryOf(length: number): CachedQuery<readonly P[], O> {
    const known = queries.get(length)
    if (known) return known
    const rows = Array.from({ length }, (_, index) => placeholders((all: readonly P[]) => all[index] as P))
    const query = new CachedQuery<readonly P[], O>((parts) => write(parts, rows))
    if (length <= most) queries.set(length, query)
    return query
  }
  return (statement, rows) => queryOf(rows.length).execute(statement, rows)
}

/**
 * Repeats the last value of a list for `in`, up to a power of two, so that lists of similar lengths share a query and what the database
 * keeps for it.
 */
export function padded<T>(values: readonly T[]): T[] {
  const length = 2 ** Math.ceil(Math.log2(values.length))
  return Array.from({ length }, (_, index) => values[Math.min(index, values.length - 1)] as T)
}

/**
 * Creates an insertion of rows with all columns of a table except a generated id, cached like {@link cachedQueryOfRows}.
 *
 * @param complete adds the conflict handling and the returned columns
 */
export function cachedInsertion<T extends keyof Tables, O = InsertResult>(
  name: T,
  complete: (insertion: InsertQueryBuilder<Tables, T, InsertResult>) => Compilable<O> = (insertion) =>
    insertion as Compilable<O>,
  most = maxRows,
): (statement: Statement, rows: readonly NewRow<T>[]) => Promise<O[]> {
  const columns = Object.entries(tables[name]).flatMap(([column, { isGenerated }]) => (isGenerated ? [] : [column]))
  const insertion = cachedQueryOfRows<NewRow<T>, O>(({ db }, rows) => {
    const values = rows.map((row) => columns.map((column) => row[column as keyof NewRow<T>]))
    const list = values.map((each) => sql`(${sql.join(each)})`)
    return complete(
      db
        .insertInto(name)
        .columns(columns as (keyof Tables[T] & string)[])
        .expression(sql`values ${sql.join(list)}`),
    )
  }, most)
  const rowsAtOnce = Math.floor(maxParameters / columns.length)
  return async (statement, rows) => {
    if (rows.length <= rowsAtOnce) return insertion(statement, rows)
    const inserted: O[] = []
    for (let at = 0; at < rows.length; at += rowsAtOnce)
      inserted.push(...(await insertion(statement, rows.slice(at, at + rowsAtOnce))))
    return inserted
  }
}

/** The maximum number of parameters of an insertion. SQLite accepts 32,766. */
const maxParameters = 10_000

class CachedQuery<V, O> {
  readonly #write: (parts: Parts) => Compilable<O>
  readonly #written = new WeakMap<Form, CompiledQuery<O>>()

  constructor(write: (parts: Parts) => Compilable<O>) {
    this.#write = write
  }

  execute(statement: Statement, values: V): Promise<O[]> {
    const query = this.#queryFor(statement.form)
    const parameters = query.parameters.map((parameter) => {
      if (!(parameter instanceof Placeholder)) return parameter
      return parameter === time ? statement.at : parameter.valueIn(values)
    })
    return statement.ask({ ...query, parameters })
  }

  #queryFor(form: Form): CompiledQuery<O> {
    const known = this.#written.get(form)
    if (known) return known
    const query = this.#write({ ...form.parts, clock: form.clock(sql`${time}`) }).compile()
    this.#written.set(form, query)
    return query
  }
}

function placeholders<V, P extends object>(of: (values: V) => P): Placeholders<P> {
  return new Proxy({} as Placeholders<P>, {
    get: (_, name) => sql`${new Placeholder((values) => of(values as V)[name as keyof P])}`,
  })
}

class Placeholder {
  readonly valueIn: (values: unknown) => unknown

  constructor(valueIn: (values: unknown) => unknown) {
    this.valueIn = valueIn
  }
}

const time = new Placeholder(() => undefined)

/** Returns the row of a statement that always returns one. */
export function onlyOf<T>([row]: readonly T[]): T {
  if (row === undefined) throw new TypeError('the database returned no row')
  return row
}

// Ids and hashes are strings in code and bytes in the tables. Any other string becomes empty bytes, which match no row.

const none = Buffer.alloc(0)
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Returns the 16 bytes of a UUID. */
export function idBytes(id: string): Buffer {
  return uuid.test(id) ? Buffer.from(id.replaceAll('-', ''), 'hex') : none
}

export function idText(bytes: Uint8Array): string {
  const hex = bufferOf(bytes).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** Returns the 32 bytes of a SHA-256 hash in base64url. */
export function hashBytes(hash: string): Buffer {
  const bytes = Buffer.from(hash, 'base64url')
  return bytes.length === 32 && hashText(bytes) === hash ? bytes : none
}

export function hashText(bytes: Uint8Array): string {
  return bufferOf(bytes).toString('base64url')
}

/** Both drivers return a Buffer, which needs no copy. */
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes)
}

/** Whether a string contains a substring, given in lowercase. `%` and `_` in the substring are literal characters. */
export function contains(text: Expression<string | null>, part: string): RawBuilder<SqlBool> {
  const pattern = `%${part.replaceAll(/[\\%_]/g, '\\$&')}%`
  return sql<SqlBool>`lower(${text}) like ${pattern} escape '\\'`
}

let lastTime = 0
let counter = 0

/** Generates the bytes of a version 7 UUID (RFC 9562 §5.7). The ids of one process sort in the order in which they were generated. */
export function generateId(): Buffer {
  const bytes = randomPart()
  const [time, sequence] = nextTick(Date.now())
  bytes.writeUIntBE(time, 0, 6)
  bytes.writeUInt16BE(0x7000 | sequence, 6)
  bytes.writeUInt8(0x80 | (bytes.readUInt8(8) & 0x3f), 8)
  return bytes
}

function nextTick(now: number): [time: number, sequence: number] {
  if (now > lastTime) {
    lastTime = now
    counter = 0
  } else {
    counter += 1
    if (counter > 0xfff) {
      lastTime += 1
      counter = 0
    }
  }
  return [lastTime, counter]
}

/** The length of one part, in bytes. */
const length = 16

const drawn = Buffer.alloc(256 * length)
let at = drawn.length

/**
 * Returns 16 random bytes for an identifier that is not a secret. They are generated in bulk, because generating many bytes at once costs
 * no more than generating a few.
 */
export function randomPart(): Buffer {
  if (at === drawn.length) {
    randomFillSync(drawn)
    at = 0
  }
  at += length
  return Buffer.from(drawn.subarray(at - length, at))
}
