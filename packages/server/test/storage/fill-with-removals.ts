import Database from 'better-sqlite3'

interface Removals {
  /** The user; otherwise this many new accounts. */
  user?: string
  people?: number
  /** The number of grants per user that were just used and revoked, each for another agent. */
  each: number
  now: number
}

let round = 0

/** Writes revocations to a file, more than the verbs could in a test. */
export function fillWithRemovals(path: string, { user, people = 1, each, now }: Removals): void {
  const database = new Database(path)
  const crowd = `crowd-${++round}-`
  const numbered = (number: string) => `unhex(printf('%016x%016x', ${round}, ${number}))`
  database.exec(`create temp table n as
    with recursive n (value) as (select 1 union all select value + 1 from n where value < ${Math.max(people, each)})
    select value from n`)
  if (user === undefined) {
    database.exec(`insert into app_user (public_id, sub, username, username_key, created_at)
      select ${numbered('value')}, ${numbered('value')}, '${crowd}' || value, '${crowd}' || value, ${now}
      from n where value <= ${people} order by value`)
  }
  const publicId = user === undefined ? numbered('p.value') : `unhex('${user.replaceAll('-', '')}')`
  database.exec(`
    insert or ignore into agent (identifier)
      select 'https://agent-' || value || '.example' from n where value <= ${each};
    insert or ignore into resource (identifier) values ('https://api.example');
    insert or ignore into display (content_hash, display) values (zeroblob(32), '{"agent":{},"resource":{}}');
    insert into consent_grant (public_id, user_id, agent_id, resource_id, remembered, display_id, created_at,
        last_used_at, revoked_at, revoked_by)
      select randomblob(16), u.id, a.id, s.id, 0, d.id, ${now}, ${now}, ${now}, 'crowd'
      from n as p join app_user as u on u.public_id = ${publicId}
        join n as g join agent as a on a.identifier = 'https://agent-' || g.value || '.example'
        join resource as s on s.identifier = 'https://api.example'
        join display as d on d.content_hash = zeroblob(32)
      where p.value <= ${people} and g.value <= ${each}`)
  database.close()
}
