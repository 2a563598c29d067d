import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

const license = readFileSync('LICENSE', 'utf8')

let failed = false
for (const name of ['countersign', 'server', 'gateway', 'cli']) {
  const folder = `packages/${name}`
  // npm takes these two only from the package's folder.
  const isLicensed = existsSync(`${folder}/LICENSE`) && readFileSync(`${folder}/LICENSE`, 'utf8') === license
  if (!isLicensed || !existsSync(`${folder}/README.md`)) {
    failed = true
    process.stderr.write(`${folder} needs a README.md and the repository's LICENSE\n`)
  }
  for (const [command, ...args] of [
    ['publint', `packages/${name}`, '--strict'],
    ['attw', '--pack', `packages/${name}`, '--profile', 'esm-only'],
  ]) {
    const { status, stdout, stderr } = spawnSync('npx', ['--no-install', command, ...args], { encoding: 'utf8' })
    if (status !== 0) {
      failed = true
      process.stderr.write(`${command} rejects packages/${name}:\n${stdout}${stderr}\n`)
    }
  }
}
if (!failed) process.stdout.write('publint and attw accept all four packages\n')
process.exitCode = failed ? 1 : 0
