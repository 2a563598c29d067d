import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Packs every package into `tarballs/` of the working folder, for projects elsewhere on this machine. */
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const folder = resolve('tarballs')
rmSync(folder, { recursive: true, force: true })
mkdirSync(folder)
const workspaces = readdirSync(join(root, 'packages')).flatMap((name) => ['-w', `packages/${name}`])
execFileSync('npm', ['pack', '--silent', '--pack-destination', folder, ...workspaces], { cwd: root, stdio: 'ignore' })
process.stdout.write(`Install them in another project with: npm install ${folder}/*.tgz\n`)
