import { version1 } from './version-1.js'
import { version2 } from './version-2.js'

/**
 * The schema of a PostgreSQL database, step by step. A step is never changed once released, sets `schema_version`, and leaves
 * a schema that the version before can still use.
 */
export const migrations: readonly string[] = [version1, version2]
