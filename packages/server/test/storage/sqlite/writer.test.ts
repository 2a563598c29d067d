import Database from 'better-sqlite3'
import { expect, it, onTestFinished, vi } from 'vitest'
import { createWriter } from '../../../src/storage/sqlite/writer.js'
import { temporaryFile } from '../temporary-file.js'

/** A file with one table, a writer to it, and the rows that another connection sees there. */
function open() {
  const path = temporaryFile()
  const executed: string[] = []
  const writing = new Database(path, { verbose: (sql) => executed.push(String(sql)) })
  const reading = new Database(path)
  writing.pragma('journal_mode = WAL')
  writing.exec('create table kept (value text primary key)')
  onTestFinished(() => {
    writing.close()
    reading.close()
  })
  const writer = createWriter(writing, { isShared: true })
  return {
    writer,
    writing,
    executed,
    keep: (value: string) => async () => {
      await writer.connection.executeQuery({ sql: 'insert into kept values (?)', parameters: [value] })
      return value
    },
    seen: () => reading.prepare('select value from kept order by value').pluck().all(),
  }
}

it('commits concurrent writes together, and resolves none of them before the commit', async () => {
  const { writer, executed, keep, seen } = open()
  const seenWhenAnswered = await Promise.all(
    ['a', 'b', 'c'].map(async (value) => {
      await writer.write(false, keep(value))
      return seen()
    }),
  )
  expect(seenWhenAnswered).toEqual([1, 2, 3].map(() => ['a', 'b', 'c']))
  expect(executed.filter((sql) => sql === 'commit')).toHaveLength(1)
})

it('commits at most 16 writes together', async () => {
  const { writer, executed, keep, seen } = open()
  await Promise.all(Array.from({ length: 40 }, (_, index) => writer.write(false, keep(`value ${index}`))))
  const writes = executed
    .join(';')
    .split('commit')
    .map((sql) => sql.split('insert into kept values').length - 1)
  expect(writes).toEqual([16, 16, 8, 0])
  expect(seen()).toHaveLength(40)
})

it('keeps at most 400 statements prepared', () => {
  const { writer, writing } = open()
  const prepare = vi.spyOn(writing, 'prepare')
  const use = (number: number) => writer.connection.execute({ sql: `select ${number}`, parameters: [] })
  for (let number = 0; number < 400; number += 1) use(number)
  use(0)
  expect(prepare).toHaveBeenCalledTimes(400)
  use(400)
  expect(use(0).rows).toEqual([{ 0: 0 }])
  expect(prepare).toHaveBeenCalledTimes(402)
})

it('rolls back a failed write, but nothing that was written with it', async () => {
  const { writer, executed, keep, seen } = open()
  const failing = (value: string) => async () => {
    await keep(value)()
    throw new Error(`${value} is refused`)
  }
  const works = [failing('a'), keep('b'), failing('c'), keep('d')]
  const outcomes = await Promise.allSettled(works.map((work) => writer.write(false, work)))
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected', 'fulfilled'])
  expect(outcomes[2]).toMatchObject({ reason: new Error('c is refused') })
  expect(seen()).toEqual(['b', 'd'])
  expect(executed.filter((sql) => sql === 'commit')).toHaveLength(1)
})

it('resolves nothing that is lost when SQLite rolls everything back', async () => {
  const { writer, writing, keep, seen } = open()
  const lost = async () => {
    writing.exec('rollback') // as after an I/O error
    throw new Error('lost')
  }
  const works = [keep('a'), keep('b'), lost, keep('d')]
  const outcomes = await Promise.allSettled(works.map((work) => writer.write(false, work)))
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected', 'fulfilled'])
  expect(outcomes[0]).toMatchObject({ reason: new Error('lost') })
  expect(seen()).toEqual(['d'])
})

it('resolves nothing that could not be committed, and writes what follows', async () => {
  const { writer, writing, keep, seen } = open()
  writing.pragma('foreign_keys = on')
  writing.exec(
    'create table part (whole text references kept (value) deferrable initially deferred); insert into kept values (0)',
  )
  const orphan = async () => void writing.exec("insert into part values ('nothing')")
  const outcomes = await Promise.allSettled([keep('a'), orphan].map((work) => writer.write(true, work)))
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  await writer.write(true, keep('b'))
  expect(seen()).toEqual(['0', 'b'])
})

/** Makes the first executions of some statements fail, as with an I/O error. */
function failOnce(writing: Database.Database, failing: Readonly<Record<string, { after?: string }>>): void {
  const prepare = writing.prepare.bind(writing)
  const left = new Map(Object.entries(failing))
  vi.spyOn(writing, 'prepare').mockImplementation((sql: string) => {
    const statement = prepare(sql)
    const run = statement.run.bind(statement)
    statement.run = (...values) => {
      const failure = left.get(sql)
      if (!failure) return run(...values)
      left.delete(sql)
      if (failure.after) writing.exec(failure.after)
      throw new Database.SqliteError(`${sql} failed`, 'SQLITE_IOERR')
    }
    return statement
  })
}

it.each([
  ['ended', { after: 'rollback' }],
  ['left open', {}],
])('resolves nothing if the rollback after a failed commit fails, with the transaction %s', async (_how, failure) => {
  const { writer, writing, keep, seen } = open()
  failOnce(writing, { commit: {}, rollback: failure })
  const outcomes = await Promise.allSettled(['a', 'b'].map((value) => writer.write(true, keep(value))))
  const reason = new Database.SqliteError('commit failed', 'SQLITE_IOERR')
  expect(outcomes).toEqual([1, 2].map(() => ({ status: 'rejected', reason })))
  expect(await writer.write(true, keep('c'))).toBe('c')
  expect(seen()).toEqual(['c'])
})

it.each(['savepoint work', 'rollback to work'])('loses no part of a write if %s fails', async (statement) => {
  const { writer, writing, keep, seen } = open()
  failOnce(writing, { [statement]: {} })
  const refused = async () => {
    await keep('b')()
    throw new Error('refused')
  }
  const outcomes = await Promise.allSettled([keep('a'), refused].map((work) => writer.write(true, work)))
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  await writer.write(true, keep('c'))
  expect(seen()).toEqual(['c'])
})

it('never batches durable writes with others', async () => {
  const { writer, executed, keep } = open()
  const levels = (works: [boolean, string][]) =>
    Promise.all(works.map(([isDurable, value]) => writer.write(isDurable, keep(value)))).then(() =>
      executed.splice(0).filter((sql) => /^(?:pragma|commit)/.test(sql)),
    )
  const quick = 'pragma synchronous = NORMAL'
  const durable = 'pragma synchronous = FULL'
  expect(
    await levels([
      [true, 'a'],
      [false, 'b'],
    ]),
  ).toEqual(['commit'])
  expect(
    await levels([
      [false, 'c'],
      [true, 'd'],
    ]),
  ).toEqual([quick, 'commit', durable, 'commit'])
})

it('closes once the writes that have started are written', async () => {
  const { writer, keep, seen } = open()
  const [first, second] = [writer.write(true, keep('a')), writer.write(true, keep('b'))]
  await first
  await writer.close()
  expect(await second).toBe('b')
  expect(seen()).toEqual(['a', 'b'])
  await expect(writer.write(true, keep('c'))).rejects.toMatchObject({ code: 'unavailable' })
})
