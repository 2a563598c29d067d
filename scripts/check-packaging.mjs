import { spawnSync } from 'node:child_process'

let failed = false
for (const name of ['countersign', 'server', 'cli']) {
  for (const [command, ...args] of [
    ['publint', `packages/${name}`, '--strict'],
    ['attw', '--pack', `packages/${name}`, '--profile', 'esm-only'],
  ]) {
    const { status, stdout, stderr } = spawnSync('npx', ['--no-install', command, ...args], { encoding: 'utf8' })
    if (status !== 0) {
      failed = true
      process.stderr.write(`${command} refuses packages/${name}:\n${stdout}${stderr}\n`)
    }
  }
}
if (!failed) process.stdout.write('publint and attw accept the three packages\n')
process.exitCode = failed ? 1 : 0
