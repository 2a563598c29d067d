import { execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { decide } from '../packages/cli/dist/demo/decide.js'
import { createMachine } from './docs-machine.mjs'

/**
 * Runs the command blocks of README.md and docs/ (including subfolders), each document in a fresh folder next to the repository, in the
 * order in which a reader would type them. A block that names a file is saved first. Installs use the tarballs of this checkout.
 */
const root = dirname(dirname(fileURLToPath(import.meta.url)))

const engine = 'an engine for containers'

/** Named blocks that cannot run here, and what they need; for `a test`, a test reads them and runs their commands. */
const notRun = {
  'docs/agents/scripts.md discover-agent': 'a public host',
  'docs/operate/backup.md postgres-backup': 'a test',
  'docs/operate/backup.md postgres-restore': 'a test',
  'docs/operate/backup.md postgres-try': 'a test',
  'docs/operate/containers.md add-user': engine,
  'docs/operate/containers.md backup': engine,
  'docs/operate/containers.md build': engine,
  'docs/operate/containers.md configure': engine,
  'docs/operate/containers.md gateway': engine,
  'docs/operate/containers.md podman-build': engine,
  'docs/operate/containers.md restore': engine,
  'docs/operate/containers.md start': engine,
  'docs/operate/containers.md upgrade': engine,
  'docs/operate/high-availability.md one-by-one': 'a test',
  'docs/operate/high-availability.md two-servers': 'a test',
  'docs/operate/postgresql.md from-sqlite': 'a test',
  'docs/operate/postgresql.md owner-elsewhere': 'a test',
  'docs/operate/postgresql.md two-roles': 'a test',
  'docs/operate/systemd.md doctor-outside': 'a public host',
  'docs/operate/tls.md caddy': 'apt',
  'docs/operate/tls.md nginx': 'apt',
  'docs/reference/command-line.md discover-public': 'a public host',
  'docs/reference/command-line.md doctor-public': 'a public host',
}

/** Time limit for the blocks of one document, in seconds. */
const limit = 300

const documents = [
  'README.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md') && !name.startsWith('reference/api/'))
    .map((name) => `docs/${name}`)
    .sort(),
]

/** The documents to run: those named on the command line, or all. */
const wanted = process.argv.length > 2 ? process.argv.slice(2) : documents
const failures = []

/** The blocks of a document that are commands or files, in order. */
function blocksOf(document) {
  const text = readFileSync(join(root, document), 'utf8')
  return [...text.matchAll(/^```(sh|js|json|python|nginx)(?: ([\w.-]+))?\n([\s\S]*?)^```$/gm)].flatMap(
    ({ 1: language, 2: name, 3: body, index }) => {
      const line = text.slice(0, index).split('\n').length
      return language === 'sh' || name ? [{ language, name, body, where: `${document}:${line}` }] : []
    },
  )
}

/** The documents with commands for a whole machine. */
const ofMachine = new Set(['docs/operate/systemd.md', 'docs/apis/gateway.md'])

/** The script that bash runs: it writes files, and waits for programs that a block leaves running or stops. */
function scriptOf(blocks) {
  const parts = blocks.map(({ language, name, body, where }) => {
    if (language !== 'sh') return `cat > ${name} <<'END_OF_FILE'\n${body}END_OF_FILE`
    const stays = /(?<!&)&$/m.test(body)
    const ends = /^kill /m.test(body)
    return [
      `block=${where}`,
      ...(stays ? ['before=$(listeners)'] : []),
      body,
      ...(stays ? ['settle'] : []),
      ...(ends ? ['rest'] : []),
    ].join('\n')
  })
  return `set -Eeuo pipefail
trap 'echo "$block: $BASH_COMMAND: status $?" >&3' ERR
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
listeners() { grep -c " 0A " /proc/net/tcp || true; }
settle() { for _ in $(seq 100); do sleep 0.2; [ "$(listeners)" -gt "$before" ] && sleep 0.5 && return; done; echo "$block: nothing listens" >&3; exit 1; }
rest() { for _ in $(seq 20); do seen=$(listeners); sleep 1; [ "$(listeners)" = "$seen" ] && return; done; true; }
${parts.join('\n')}
`
}

/** The working folder; set if the tarballs have already been packed and installed there. */
const prepared = process.env.COUNTERSIGN_DOCS_FOLDER
const folder = prepared ?? mkdtempSync(join(tmpdir(), 'countersign-docs-'))

/** The repository in a separate folder, so that `..` is also a fresh folder. */
function freshRepository(document) {
  const repository = join(folder, document.replaceAll(/\W/g, '-'), 'countersign')
  mkdirSync(repository, { recursive: true })
  for (const entry of readdirSync(root))
    if (!['.git', 'tarballs'].includes(entry)) symlinkSync(join(root, entry), join(repository, entry))
  cpSync(join(folder, 'tarballs'), join(repository, 'tarballs'), { recursive: true })
  return repository
}

/** The tarballs that a word such as `"$OLDPWD"/tarballs/*.tgz` stands for, or the word itself. */
function expand(word) {
  const [, glob] = /\/tarballs\/(\S+\.tgz)$/.exec(word) ?? []
  if (glob === undefined) return [word]
  const pattern = new RegExp(`^${glob.replaceAll('.', '\\.').replaceAll('*', '.*')}$`)
  return readdirSync(join(folder, 'tarballs'))
    .filter((name) => pattern.test(name))
    .map((name) => join(folder, 'tarballs', name))
}

/** What was installed, and where. */
const installed = []

/**
 * Runs the installs of the blocks, once for all blocks with the same install, in folders named after the installed packages. An install that
 * includes an earlier one continues from a copy of it.
 */
function install(words) {
  const args = words.split(' ').flatMap(expand)
  const names = args.map((each) => basename(each)).sort()
  const project = join(folder, 'installed', names.join(' ').replaceAll(/\W+/g, '-'))
  mkdirSync(project, { recursive: true })
  const part = installed.findLast((each) => each.args.every((arg) => args.includes(arg)))
  if (part) copyInstalled(part.project, project)
  else writeFileSync(join(project, 'package.json'), '{ "type": "commonjs" }\n')
  const added = args.filter((arg) => !part?.args.includes(arg))
  installed.push({ args, project })
  const flags = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund']
  const { status, stderr } = spawnSync('npm', ['install', ...flags, ...added], { cwd: project, encoding: 'utf8' })
  if (status !== 0) throw new Error(`npm install ${words}: ${stderr}`)
  // Compiling takes a minute, and was already done in this checkout.
  const driver = 'node_modules/better-sqlite3'
  const versionIn = (place) => JSON.parse(readFileSync(join(place, driver, 'package.json'), 'utf8')).version
  if (!existsSync(join(project, driver))) return
  if (versionIn(project) === versionIn(root))
    cpSync(join(root, driver, 'build'), join(project, driver, 'build'), { recursive: true })
  else execFileSync('npm', ['rebuild', 'better-sqlite3'], { cwd: project, stdio: 'ignore' })
}

/** Copies an installed project: with links to the files of packages, which npm replaces, and copies of those that it changes. */
function copyInstalled(from, to) {
  execFileSync('cp', ['-al', join(from, 'node_modules'), to])
  for (const name of ['package.json', 'package-lock.json', 'node_modules/.package-lock.json']) {
    rmSync(join(to, name), { force: true })
    cpSync(join(from, name), join(to, name))
  }
}

/** An `npm` for the blocks: it does not repeat work that is already done, and takes installs from where they were made. */
function writeNpm() {
  mkdirSync(join(folder, 'bin'))
  const npm = spawnSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).stdout.trim()
  const project = join(folder, 'project')
  mkdirSync(project)
  execFileSync(npm, ['init', '-y'], { cwd: project, stdio: 'ignore' })
  const script = `#!/usr/bin/env bash
case "$*" in
  "init -y") sed "s/\\"name\\": \\"project\\"/\\"name\\": \\"$(basename "$PWD")\\"/" ${project}/package.json >package.json ;;
  ci) echo "npm ci was the first step of this check" ;;
  "run -s tarballs") ;;
  install*) names=$(printf '%s\\n' "\${@:2}" | sed 's#.*/##' | LC_ALL=C sort | paste -sd ' '); cp -alf ${folder}/installed/"$(echo "$names" | sed -E 's#[^A-Za-z0-9_]+#-#g')"/node_modules . ;;
  *) exec ${npm} "$@" ;;
esac
`
  writeFileSync(join(folder, 'bin', 'npm'), script, { mode: 0o755 })
}

/**
 * An `npx` for the blocks: `countersign fetch` prompts its user in a terminal, so it is given one. npm takes longer to find most commands than
 * these run; the programs that stay are started through it, as they are for readers.
 */
function writeNpx() {
  const npx = spawnSync('sh', ['-c', 'command -v npx'], { encoding: 'utf8' }).stdout.trim()
  const script = `#!/usr/bin/env bash
run=(${npx} "$@")
found=node_modules/.bin/countersign
case "$*" in
  "countersign server start"* | "countersign gateway start"* | "countersign demo"*) ;;
  "countersign "*) [ ! -x $found ] || run=($found "\${@:2}") ;;
esac
case "$*" in
  "countersign fetch "*) printf -v line '%q ' "\${run[@]}"; exec script -qefc "$line" /dev/null ;;
  *) exec "\${run[@]}" ;;
esac
`
  writeFileSync(join(folder, 'bin', 'npx'), script, { mode: 0o755 })
}

/** A `node` for the blocks: the script also prompts its user in a terminal. */
function writeNode() {
  const script = `#!/usr/bin/env bash
case "$*" in
  script.mjs) exec script -qefc "${process.execPath} script.mjs" /dev/null ;;
  *) exec ${process.execPath} "$@" ;;
esac
`
  writeFileSync(join(folder, 'bin', 'node'), script, { mode: 0o755 })
}

/** An `nginx` for the blocks: they run as root, the only user in their network namespace. */
function writeNginx() {
  const script = `#!/bin/sh\nPATH="$PATH:/usr/sbin"\nexec "$(which -a nginx | tail -n 1)" -g 'user root;' "$@"\n`
  writeFileSync(join(folder, 'bin', 'nginx'), script, { mode: 0o755 })
}

/** The URL at which a program asks its user to decide. */
const asked = /(?:decide here.*: |Open this page in your browser:\r?\n\r?\n {2})(http\S+)\r?\n/g

async function run(document, blocks) {
  const cwd = freshRepository(document)
  const machine = ofMachine.has(document)
    ? createMachine(join(folder, 'machines', basename(document, '.md')))
    : undefined
  const env = {
    ...process.env,
    PATH: [...(machine?.path ?? []), join(folder, 'bin'), process.env.PATH].join(':'),
    npm_config_offline: 'true',
    // The command line's agent, which would otherwise be that of the user who runs this script.
    COUNTERSIGN_HOME: join(cwd, '..', 'agent-home'),
    NO_COLOR: '1',
    // Pages are opened only by the scripted user.
    DISPLAY: '',
    WAYLAND_DISPLAY: '',
  }
  const child = spawn('bash', ['-c', machine ? machine.within(scriptOf(blocks)) : scriptOf(blocks)], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    timeout: limit * 1000,
    killSignal: 'SIGTERM',
  })
  let output = ''
  let said = ''
  const visited = new Set()
  const person = { decision: 'grant', fetch, signal: AbortSignal.timeout(limit * 1000) }
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data) => {
      output += data
      for (const [, url] of output.matchAll(asked)) {
        if (visited.has(url)) continue
        visited.add(url)
        decide(url, person).catch((error) => {
          failures.push(`${document}: the decision failed: ${error.message}`)
          child.kill()
        })
      }
    })
  child.stdio[3].on('data', (data) => (said += data))
  child.on('exit', () => machine?.stop())
  const status = await new Promise((resolve) => child.on('close', resolve))
  if (status !== 0 || said !== '')
    failures.push(`${said || `${document}: took longer than ${limit} s`}\n${output.slice(-4000)}`)
}

/** Pages whose blocks continue, in the same shell, where those of an earlier page end. */
const continuing = {
  'docs/operate/systemd.md': ['users', 'monitoring', 'postgresql', 'backup', 'upgrade'].map(
    (page) => `docs/operate/${page}.md`,
  ),
}
const continued = new Set(Object.values(continuing).flat())

const byDocument = documents.map((document) => ({ document, blocks: blocksOf(document) }))
const runnable = documents
  .filter((document) => !continued.has(document))
  .map((document) => ({
    document,
    blocks: [document, ...(continuing[document] ?? [])]
      .flatMap((page) => blocksOf(page))
      .filter(({ language, name }) => language !== 'sh' || !name),
  }))
  .filter(({ document, blocks }) => wanted.includes(document) && blocks.some(({ language }) => language === 'sh'))

/** Every block that is not run must be listed, and no others. */
function requireListed() {
  const named = byDocument.flatMap(({ document, blocks }) =>
    blocks.filter(({ language, name }) => language === 'sh' && name).map(({ name }) => `${document} ${name}`),
  )
  for (const name of named)
    if (!(name in notRun)) failures.push(`${name} has a name, but is not listed in scripts/run-docs.mjs`)
  for (const name of Object.keys(notRun))
    if (!named.includes(name)) failures.push(`scripts/run-docs.mjs lists ${name}, which does not exist`)
  // No container engine runs here: `npm run containers` builds and exercises the same images with buildah.
  const nowhere = Object.values(notRun).filter((reason) => reason !== 'a test' && reason !== engine)
  if (nowhere.length > 6) failures.push('more than six blocks are not run anywhere')
  for (const reason of Object.values(notRun))
    if (!['a public host', 'apt', 'a test', engine].includes(reason))
      failures.push(`"${reason}" is not a valid reason to skip a block`)
}

function prepare() {
  execFileSync(process.execPath, [join(root, 'scripts/tarballs.mjs')], { cwd: folder, stdio: 'ignore' })
  writeNpm()
  writeNpx()
  writeNode()
  writeNginx()
  const installs = runnable.flatMap(({ blocks }) =>
    blocks.flatMap(({ body }) => [...body.matchAll(/^npm install (.*?)(?: &&)?$/gm)].map(([, words]) => words)),
  )
  const sizeOf = (words) => words.split(' ').flatMap(expand).length
  for (const words of [...new Set(installs)].sort((a, b) => sizeOf(a) - sizeOf(b))) install(words)
}

async function runHere({ document, blocks }) {
  const start = Date.now()
  await run(document, blocks)
  const count = blocks.filter(({ language }) => language === 'sh').length
  process.stdout.write(`${document}: ${count} command blocks, ${((Date.now() - start) / 1000).toFixed(1)} s\n`)
}

/** Runs in a separate network namespace, in which every port is free. */
const apart = ['unshare', '-rn', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh']

async function runApart({ document }) {
  const [command, ...args] = [...apart, process.execPath, fileURLToPath(import.meta.url), document]
  const env = { ...process.env, COUNTERSIGN_DOCS_FOLDER: folder }
  const child = spawn(command, args, { stdio: 'inherit', env })
  const status = await new Promise((resolve) => child.on('close', resolve))
  if (status !== 0) failures.push(`${document} tells the reader to run a command that fails`)
}

/** Two documents at a time, or one after another if they would use the same ports. */
async function runAll() {
  const [command, ...args] = [...apart, 'true']
  if (spawnSync(command, args).status !== 0) {
    for (const each of runnable) await runHere(each)
    return
  }
  const waiting = runnable.toReversed()
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) await runApart(next)
  }
  await Promise.all([work(), work()])
}

requireListed()
if (prepared) for (const each of runnable) await runHere(each)
else {
  try {
    prepare()
    await runAll()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
for (const failure of failures) process.stderr.write(`${failure}\n`)
process.exitCode = failures.length === 0 ? 0 : 1
