import Database from 'better-sqlite3'

interface Removals {
  /** Of whom; else of so many accounts that were made just now. */
  user?: string
  people?: number
  /** Grants of each that were used and taken back just now, each for another agent. */
  each: number
  now: number
}

let round = 0

/** Writes to a file what people took back, more of it than the verbs could in a test. */
export function fillWithRemovals(path: string, { user, people = 1, each, now }: Removals): void {
  const database = new Database(path)
  const crowd = `crowd-${++round}`
  const userId = user === undefined ? `'${crowd}-' || p.value` : `'${user}'`
  database.exec(`create temp table n as
    with recursive n (value) as (select 1 union all select value + 1 from n where value < ${Math.max(people, each)})
    select value from n`)
  if (user === undefined) {
    database.exec(`
      insert into app_user (tenant_id, id, username, username_key, status, created_at)
        select 1, ${userId}, ${userId}, ${userId}, 'active', ${now} from n as p where value <= ${people} order by value;
      insert into subject (tenant_id, user_id, sector, sub)
        select 1, ${userId}, 'default', 'sub-' || ${userId} from n as p where value <= ${people}`)
  }
  database.exec(`
    insert into consent_grant (tenant_id, id, user_id, agent, resource, scope, remembered, created_at, last_used_at,
        revoked_at, revoked_by)
      select 1, '${crowd}-' || p.value || '-' || g.value, ${userId}, 'https://agent-' || g.value || '.example',
        'https://api.example', 'data.read', 0, ${now}, ${now}, ${now}, ${userId}
      from n as p, n as g where p.value <= ${people} and g.value <= ${each}`)
  database.close()
}
