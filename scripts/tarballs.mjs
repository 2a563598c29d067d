import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Packs every package into `tarballs/` in the working directory, for projects elsewhere on this machine. */
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const folder = resolve('tarballs')
const packed = mkdtempSync(`${folder}-`)
const names = readdirSync(join(root, 'packages'))
const unbuilt = names.filter((name) => !existsSync(join(root, 'packages', name, 'dist')))
if (unbuilt.length > 0) {
  process.stderr.write(`Run npm run build first: ${unbuilt.join(', ')} would be packed without its code.\n`)
  process.exit(1)
}
const workspaces = names.flatMap((name) => ['-w', `packages/${name}`])
try {
  execFileSync('npm', ['pack', '--silent', '--pack-destination', packed, ...workspaces], { cwd: root, stdio: 'ignore' })
  rmSync(folder, { recursive: true, force: true })
  chmodSync(packed, 0o755)
  renameSync(packed, folder)
} finally {
  rmSync(packed, { recursive: true, force: true })
}
process.stdout.write(`Install them in another project with: npm install ${folder}/*.tgz\n`)
