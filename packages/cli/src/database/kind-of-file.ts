import { closeSync, openSync, readSync } from 'node:fs'

/** Bytes of the header of a SQLite file. */
export const headerLength = 100

/** Whose file it is, by what SQLite, and the custom format of `pg_dump`, write at the beginning of theirs. */
export function kindOfFile(path: string): 'sqlite' | 'dump' | undefined {
  const beginning = beginningOf(path).toString('latin1')
  if (beginning.startsWith('SQLite format 3\0')) return 'sqlite'
  return beginning.startsWith('PGDMP') ? 'dump' : undefined
}

/** As many bytes as the header of SQLite has, with zeros after the end of a shorter file. */
export function beginningOf(path: string): Buffer {
  const beginning = Buffer.alloc(headerLength)
  const file = openSync(path, 'r')
  try {
    readSync(file, beginning)
  } finally {
    closeSync(file)
  }
  return beginning
}
