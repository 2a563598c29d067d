import { execFile, execFileSync } from 'node:child_process'
import { chownSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)
const programs = '/usr/lib/postgresql/17/bin'

/** A PostgreSQL of this machine on a port of 127.0.0.1, with the database and roles that `containers/create-roles.sh` creates. */
export function createDatabase(folder, port) {
  const data = join(folder, 'postgresql')
  const uid = Number(execFileSync('id', ['-u', 'postgres'], { encoding: 'utf8' }))
  mkdirSync(data)
  chownSync(data, uid, -1)
  const passwords = { COUNTERSIGN_OWNER_PASSWORD: 'owner password', COUNTERSIGN_SERVER_PASSWORD: "server's password" }
  // Its output goes to a file: pg_ctl returns, but the server keeps what it inherits.
  const control = (...args) =>
    execute('runuser', ['-u', 'postgres', '--', 'sh', '-c', `cd ${data} && exec "$@" >control.log 2>&1`, 'sh', ...args])

  return {
    passwords,
    urlFor: (role) => `postgres://${role}@127.0.0.1:${port}/countersign`,
    async create() {
      const auth = ['--auth-local=trust', '--auth-host=scram-sha-256', '--username=postgres']
      await control(join(programs, 'initdb'), '--no-sync', ...auth, join(data, 'main'))
      await this.start()
      const env = { ...process.env, ...passwords, PGHOST: data, PGPORT: String(port) }
      await execute('containers/create-roles.sh', [], { env })
    },
    start: () =>
      control(
        join(programs, 'pg_ctl'),
        'start',
        '--wait',
        `--pgdata=${join(data, 'main')}`,
        `--log=${join(data, 'log')}`,
        `--options=-c listen_addresses=127.0.0.1 -p ${port} -k ${data} -c fsync=off`,
      ),
    stop: () =>
      control(join(programs, 'pg_ctl'), 'stop', '--wait', '--mode=immediate', `--pgdata=${join(data, 'main')}`),
  }
}
