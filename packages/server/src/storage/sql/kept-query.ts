import {
  type Compilable,
  type CompiledQuery,
  type InsertQueryBuilder,
  type InsertResult,
  type RawBuilder,
  sql,
} from 'kysely'
import type { Form, Parts, Statement } from './engine.js'
import { type NewRow, type Tables, tables } from './tables.js'

/** What a query is written with in place of values. */
export type Placeholders<P> = { readonly [name in keyof P]: RawBuilder<P[name]> }

/**
 * A query that is written once for each form and kept, since to write it takes longer than the database takes to answer.
 * What it says may depend on nothing else.
 */
export function keptQuery<P extends object, O>(
  write: (parts: Parts, parameters: Placeholders<P>) => Compilable<O>,
): (statement: Statement, parameters: P) => Promise<O[]> {
  const query = new KeptQuery<P, O>((parts) =>
    write(
      parts,
      placeholders((parameters: P) => parameters),
    ),
  )
  return (statement, parameters) => query.execute(statement, parameters)
}

/** The most rows for which a query is kept, where nothing else is said. */
export const mostRows = 16

/** The same for a query with some rows of parameters: one for each number of rows. */
export function keptQueryOfRows<P extends object, O>(
  write: (parts: Parts, rows: readonly Placeholders<P>[]) => Compilable<O>,
  most = mostRows,
): (statement: Statement, rows: readonly P[]) => Promise<O[]> {
  const queries = new Map<number, KeptQuery<readonly P[], O>>()
  function queryOf(length: number): KeptQuery<readonly P[], O> {
    const known = queries.get(length)
    if (known) return known
    const rows = Array.from({ length }, (_, index) => placeholders((all: readonly P[]) => all[index] as P))
    const query = new KeptQuery<readonly P[], O>((parts) => write(parts, rows))
    if (length <= most) queries.set(length, query)
    return query
  }
  return (statement, rows) => queryOf(rows.length).execute(statement, rows)
}

/**
 * An insertion of rows with all columns of a table but the id that the database gives, kept as {@link keptQueryOfRows} is.
 *
 * @param complete adds what happens on a conflict, and what is returned
 */
export function keptInsertion<T extends keyof Tables, O = InsertResult>(
  name: T,
  complete: (insertion: InsertQueryBuilder<Tables, T, InsertResult>) => Compilable<O> = (insertion) =>
    insertion as Compilable<O>,
  most = mostRows,
): (statement: Statement, rows: readonly NewRow<T>[]) => Promise<O[]> {
  const columns = Object.entries(tables[name]).flatMap(([column, { isGenerated }]) => (isGenerated ? [] : [column]))
  return keptQueryOfRows<NewRow<T>, O>(({ db }, rows) => {
    const values = rows.map((row) => columns.map((column) => row[column as keyof NewRow<T>]))
    const list = values.map((each) => sql`(${sql.join(each)})`)
    return complete(
      db
        .insertInto(name)
        .columns(columns as (keyof Tables[T] & string)[])
        .expression(sql`values ${sql.join(list)}`),
    )
  }, most)
}

class KeptQuery<V, O> {
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
