import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'

/** What the folders of the auth server that serve requests are made of. */
const serverBase = ['policy', 'pages', 'admission', 'storage/api', 'secrets', 'outbound', 'config']

/**
 * What each layer of a package may import besides itself, types included. A layer is a folder, or a file or folder within
 * one that is named here, too.
 */
const layers = {
  countersign: {
    lib: [],
    // Settings of programs, whatever they are: what is wrong with them, in words for whoever wrote them.
    settings: ['lib'],
    httpsig: ['lib'],
    protocol: ['lib'],
    tokens: ['lib', 'protocol'],
    discovery: ['lib', 'protocol', 'tokens'],
    // The seam that roles see, and the editions behind it; nobody but an edition knows its texts.
    editions: ['lib', 'httpsig', 'protocol', 'tokens', 'discovery'],
    // What a store of an agent is; those on disk are of Node.
    'agent/agent-store': ['lib'],
    // How a person is asked; the terminal is of Node.
    'agent/consent-prompt': ['lib', 'editions'],
    agent: ['lib', 'httpsig', 'protocol', 'tokens', 'discovery', 'editions', 'agent/agent-store', 'agent/consent-prompt'],
    // What the adapters for web apps are made of; it runs anywhere, too.
    'agent/web-app': ['lib', 'httpsig', 'protocol', 'editions', 'agent', 'agent/agent-store', 'node/keep-private'],
    'agent/web-app/hono': ['lib', 'agent', 'agent/web-app'],
    resource: ['lib', 'httpsig', 'protocol', 'tokens', 'discovery', 'editions'],
    x509: ['lib', 'protocol', 'discovery'],
    otel: ['lib'],
    observability: ['lib'],
    'entry-points': ['lib', 'httpsig', 'protocol', 'tokens', 'discovery', 'editions'],
    index: ['lib', 'httpsig', 'discovery'],
    // What these know of Node is the shape of a response, so that they are loaded anywhere.
    'node/keep-private': [],
    'node/outgoing': [],
    node: [
      'lib',
      'settings',
      'httpsig',
      'discovery',
      'editions',
      'agent/agent-store',
      'agent/consent-prompt',
      'node/keep-private',
      'node/outgoing',
    ],
    'resource/hono': ['lib', 'httpsig', 'editions', 'resource', 'node/keep-private'],
    'resource/mcp': ['lib', 'httpsig', 'protocol', 'editions', 'resource', 'node/keep-private', 'node/outgoing'],
    // A store that several instances share.
    'resource/redis': ['lib', 'httpsig', 'resource'],
    // For frameworks of Node, which nothing else in the library reaches.
    'agent/web-app/express': ['httpsig', 'node', 'agent', 'agent/web-app'],
    'agent/web-app/fastify': ['node', 'agent', 'agent/web-app'],
    'resource/request-gate': ['httpsig', 'editions', 'node', 'node/keep-private', 'resource'],
    'resource/express': ['httpsig', 'editions', 'node', 'resource', 'resource/request-gate'],
    'resource/koa': ['httpsig', 'editions', 'node', 'resource', 'resource/request-gate'],
    'resource/fastify': ['httpsig', 'editions', 'node', 'resource', 'resource/request-gate'],
    // Made of entries alone, as anybody could make it: it has no way past a check.
    testing: ['index', 'agent', 'resource', 'entry-points'],
  },
  server: {
    policy: [],
    pages: ['policy'],
    admission: [],
    // Storage, by layer: what rows are made of, what callers see, rows, and the verbs that change them.
    'storage/sql': [],
    'storage/api': ['storage/sql'],
    'storage/rows': ['storage/sql', 'storage/api'],
    'storage/verbs': ['storage/sql', 'storage/api', 'storage/rows'],
    'storage/checks': ['storage/sql', 'storage/api', 'storage/rows'],
    'storage/sql-storage': ['storage/sql', 'storage/api', 'storage/rows', 'storage/verbs', 'storage/checks'],
    'storage/sqlite': ['storage/sql', 'storage/api', 'storage/sql-storage'],
    'storage/postgres': ['storage/sql', 'storage/api', 'storage/sql-storage'],
    secrets: ['admission', 'storage/api'],
    outbound: ['admission', 'storage/api', 'policy'],
    config: ['policy', 'storage/api', 'secrets', 'outbound'],
    http: serverBase,
    'sign-in': [...serverBase, 'http'],
    consent: [...serverBase, 'http', 'sign-in'],
    account: [...serverBase, 'http', 'sign-in'],
    // The seam and the editions behind it; they make no pages.
    editions: ['policy', 'storage/api', 'secrets', 'http'],
    'create-auth-server': [...serverBase, 'http', 'sign-in', 'consent', 'account', 'editions'],
    index: [...serverBase, 'storage/checks', 'sign-in', 'http', 'create-auth-server'],
  },
  gateway: upwards([
    ['headers', 'events'],
    ['routes'],
    ['identity', 'uploads', 'openapi'],
    ['upstream'],
    ['responses', 'probe'],
    ['gateway-options'],
    ['gateway-setup'],
    ['mcp'],
    ['gateway-server'],
    ['serve-request'],
    ['create-gateway', 'subrequests'],
    ['config'],
    ['redis'],
    ['index'],
  ]),
  cli: upwards([
    ['command', 'mistakes'],
    ['terminal'],
    ['database', 'flags', 'network', 'workers', 'agent-folder'],
    ['trace', 'inspect', 'discover', 'keys', 'verify'],
    ['own-agent'],
    ['sign', 'operate', 'serve', 'demo', 'doctor', 'fetch', 'tokens', 'sidecar', 'mcp', 'init', 'gateway'],
    ['commands'],
    ['program'],
    ['main'],
  ]),
}

/** Each layer may import all that stand before it, and none beside it. */
function upwards(floors) {
  return Object.fromEntries(
    floors.flatMap((floor, height) => floor.map((layer) => [layer, floors.slice(0, height).flat()])),
  )
}

/** `protocol` is pure: no network, keys or clock, also not by way of `lib`. */
const impure = ['lib/clock', 'lib/jwk', 'lib/crypto.node', 'lib/crypto.web']

/** Runtime dependencies, each package its own. */
const dependencies = {
  countersign: ['structured-headers'],
  server: [
    '@cf-wasm/photon',
    '@node-rs/argon2',
    '@simplewebauthn/server',
    'better-sqlite3',
    'countersign',
    'hono',
    'kysely',
    'openid-client',
    'pino',
    'preact',
    'preact-render-to-string',
    'prom-client',
    'sonic-boom',
    'zod',
  ],
  // What writes the log and counts is loaded by the library's entry for these.
  gateway: ['countersign', 'pino', 'prom-client', 'sonic-boom', 'yaml', 'zod'],
  cli: ['commander', 'countersign', 'open', 'parse5'],
}

/** Packages that some files of a package need, and that are installed by whoever uses these. */
const optionalPeers = {
  countersign: [
    '@opentelemetry/api',
    '@peculiar/asn1-schema',
    '@peculiar/asn1-x509',
    'pino',
    'prom-client',
    'sonic-boom',
  ],
  cli: ['countersign-gateway', 'countersign-server'],
  gateway: ['@redis/client'],
  server: ['pg', 'pgpass'],
}

/**
 * Folders that are entries of their own, with what only they need: it may be absent. Nothing else imports them, unless
 * it loads them when they are asked for.
 */
const separate = [
  { name: 'countersign', folder: 'otel', needs: ['@opentelemetry/api'] },
  { name: 'countersign', folder: 'observability', needs: ['pino', 'prom-client', 'sonic-boom'] },
  { name: 'countersign', folder: 'x509', needs: ['@peculiar/asn1-schema', '@peculiar/asn1-x509'] },
  { name: 'gateway', folder: 'redis', needs: ['@redis/client'] },
  { name: 'server', folder: 'storage/sqlite', needs: ['better-sqlite3'] },
  { name: 'server', folder: 'storage/postgres', needs: ['pg', 'pgpass'] },
  { name: 'server', folder: 'outbound/re-encode', needs: ['@cf-wasm/photon'] },
]

/** Permissions in `layers` that an import made use of. */
const used = new Set()

const failures = []
const refuse = (file, why) => failures.push(`${file}: ${why}`)

const byText = (one, other) => (one < other ? -1 : 1)

let files = 0
for (const name of readdirSync('packages')) {
  const root = resolve('packages', name)
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  if (!(name in layers) || !(name in dependencies)) {
    refuse(`packages/${name}`, 'has neither layers nor dependencies in scripts/check-boundaries.mjs')
    continue
  }
  const declared = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies }).toSorted(byText)
  if (declared.join() !== dependencies[name].toSorted(byText).join()) {
    refuse(
      `packages/${name}/package.json`,
      `depends on ${declared.join(', ')}; the rule says ${dependencies[name].join(', ')}`,
    )
  }
  const graph = new Map()
  for (const file of listFiles(join(root, 'src')).filter((path) => /\.tsx?$/.test(path))) {
    files++
    const source = { name, root, manifest, file, shown: relative('.', file), inside: nameInside(root, file) }
    graph.set(
      source.inside,
      importsOf(file).flatMap((found) => checkImport(source, found)),
    )
  }
  for (const circle of circlesOf(graph)) refuse(`packages/${name}/src`, `a circle of files: ${circle.join(' -> ')}`)
}

/** A file's path in its package's sources, without extension. */
function nameInside(root, file) {
  return relative(join(root, 'src'), file)
    .split(sep)
    .join('/')
    .replace(/\.[jt]sx?$/, '')
}

/** Judges one import. Returns the file that it reaches in the same package, if any. */
function checkImport({ name, root, manifest, file, shown, inside }, { specifier, isType, isLater }) {
  if (specifier.startsWith('.')) {
    const target = resolve(dirname(file), specifier)
    if (!target.startsWith(join(root, 'src') + sep)) refuse(shown, `reaches out of its package: ${specifier}`)
    else if (!isSource(target)) refuse(shown, `imports ${specifier}, which is not there`)
    else {
      const reached = nameInside(root, target)
      const entry = separate.find((each) => each.name === name && reached.startsWith(`${each.folder}/`))
      if (entry && !isType && !isLater && !inside.startsWith(`${entry.folder}/`))
        refuse(shown, `imports ${reached}, which belongs to an entry of its own`)
      return checkLayer(name, shown, inside, reached)
    }
  } else if (specifier.startsWith('#')) {
    return Object.values(manifest.imports?.[specifier] ?? { none: undefined }).flatMap((target) => {
      if (target === undefined) refuse(shown, `imports ${specifier}, which package.json does not map`)
      return target?.endsWith('.js')
        ? checkLayer(name, shown, inside, target.replace('./dist/', '').replace(/\.js$/, ''), true)
        : []
    })
  } else if (specifier.startsWith('node:')) {
    if (name === 'countersign' && !isType && !isNodeOnly(inside))
      refuse(shown, `imports ${specifier}, which only Node has`)
  } else {
    const dependency = specifier
      .split('/')
      .slice(0, specifier.startsWith('@') ? 2 : 1)
      .join('/')
    const known = [...dependencies[name], ...(optionalPeers[name] ?? [])]
    if (!isType && !known.includes(dependency))
      refuse(shown, `imports ${dependency}, which its package does not depend on`)
    const owner = separate.find(({ needs }) => needs.includes(dependency))
    if (owner && !(name === owner.name && inside.startsWith(`${owner.folder}/`))) refuse(shown, `imports ${dependency}`)
  }
  return []
}

/** Other code sees an edition as the values in files named after it; only an entry point exports its parts. */
function isInsideEdition(inside, reached) {
  const [, edition, part] = /^editions\/(\w+)\/(.+)$/.exec(reached) ?? []
  return (
    part !== undefined &&
    !(part === edition || part.startsWith(`${edition}-`)) &&
    !inside.startsWith(`editions/${edition}/`) &&
    !inside.startsWith('entry-points/')
  )
}

/** The layer of a file: the longest name that is its own or a folder's above it. */
function layerOf(name, inside) {
  const parts = inside.split('/')
  const names = parts.map((_, length) => parts.slice(0, length + 1).join('/'))
  return names.findLast((each) => each in layers[name])
}

function isNodeAdapter(layer) {
  return layer !== 'node' && layers.countersign[layer]?.includes('node')
}

function isNodeOnly(inside) {
  const layer = layerOf('countersign', inside)
  return layer === 'node' || layer === 'x509' || isNodeAdapter(layer) || inside.endsWith('.node')
}

function checkLayer(name, shown, inside, target, isMapped = false) {
  const layer = layerOf(name, inside)
  const reached = layerOf(name, target)
  if (!layer) refuse(shown, `lies in ${inside}, which is in no known layer`)
  else if (layer !== reached && !layers[name][layer].includes(reached)) refuse(shown, `${layer} imports ${target}`)
  used.add(`${name}: ${layer} imports ${reached}`)
  if (name === 'countersign' && target.endsWith('.node') && !isNodeOnly(inside) && !isMapped)
    refuse(shown, `imports ${target}, which only Node has`)
  if (isInsideEdition(inside, target)) refuse(shown, `looks into an edition: ${target}`)
  if (name === 'countersign') {
    if (layer === 'protocol' && impure.includes(target)) refuse(shown, `protocol is pure, but imports ${target}`)
  }
  return [target]
}

/** What a file imports, types too; `isType` where nothing of it is left at run time, `isLater` where it is loaded when it is needed. */
function importsOf(file) {
  const text = readFileSync(file, 'utf8')
  const statements =
    /^(?:import|export) (type )?(?:[\w$]+(?:, )?)?(?:\{[^}]*\}|\*(?: as [\w$]+)?)? ?from '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm
  return [...text.matchAll(statements)].map(([, type, from, bare, dynamic]) => ({
    specifier: from ?? bare ?? dynamic,
    isType: type !== undefined,
    isLater: dynamic !== undefined,
  }))
}

function isSource(target) {
  return ['.ts', '.tsx'].some((extension) => existsSync(target.replace(/\.js$/, extension)))
}

/** Ways round from a file back to itself: at least one through every group of files that reach each other. */
function circlesOf(graph) {
  const circles = []
  const done = new Set()
  const way = []
  for (const file of graph.keys()) walk(file)
  return circles

  function walk(file) {
    if (way.includes(file)) circles.push([...way.slice(way.indexOf(file)), file])
    if (done.has(file)) return
    done.add(file)
    way.push(file)
    for (const next of graph.get(file) ?? []) walk(next)
    way.pop()
  }
}

/**
 * Tests come in by the entries of packages. A test may import the one source file it is named after, up to the first dot,
 * and any may import the program, which is a command line's entry.
 */
function checkTest(file) {
  const shown = relative('.', file)
  const text = readFileSync(file, 'utf8')
  for (const [, specifier] of text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'(\.[^']*|#[^']*)'/g)) {
    const [, name, folder, inside] = /^packages\/([^/]+)\/(src|dist)\/(.*)$/.exec(reachedBy(file, specifier)) ?? []
    // What is loaded into a program before it can change a module only where that lies.
    if (folder === 'dist' && shown.endsWith('.hook.mjs')) continue
    if (folder === 'dist' || specifier.startsWith('#'))
      refuse(shown, `imports ${specifier}: name the entry or the source`)
    else if (folder === 'src') {
      const isOwn = shown.startsWith(`packages/${name}/test/${stem(inside)}.`) && /\.test\.tsx?$/.test(shown)
      const isProgram = name === 'cli' && inside === 'program.js'
      if (!isOwn && !isProgram) refuse(shown, `imports ${specifier}, which it is not named after: use an entry`)
    }
  }
}

function reachedBy(file, specifier) {
  return relative('.', resolve(dirname(file), specifier))
    .split(sep)
    .join('/')
}

/** A path up to the first dot of its file's name. */
function stem(path) {
  return path.replace(/\.[^/]*$/, '')
}

function listFiles(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? listFiles(join(folder, entry.name)) : [join(folder, entry.name)],
  )
}

/** A rule that nothing needs would let in what nobody decided. */
function checkPermissions(name) {
  for (const [layer, others] of Object.entries(layers[name]))
    for (const other of others)
      if (!used.has(`${name}: ${layer} imports ${other}`))
        refuse('scripts/check-boundaries.mjs', `lets ${layer} of ${name} import ${other}, and nothing does`)
}

/**
 * The tables of docs/architecture.md have every layer of a package, in an order in which each imports from those above it,
 * or to its left in the same row.
 */
function checkDocument(name, heading) {
  const document = 'docs/architecture.md'
  const section =
    readFileSync(document, 'utf8')
      .split(/^## /m)
      .find((text) => text.startsWith(heading)) ?? ''
  const rows = [...section.matchAll(/^\| (`.*?) \|/gm)].map(([, cell]) => cell)
  const order = rows.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, file]) => file.replace(/\.ts$/, '')))
  for (const layer of Object.keys(layers[name])) if (!order.includes(layer)) refuse(document, `has no row for ${layer}`)
  for (const [place, layer] of order.entries()) {
    const beyond = layers[name][layer]?.filter((other) => order.indexOf(other) > place)
    if (!beyond) refuse(document, `has a row for ${layer}, which is no layer of ${name}`)
    else if (beyond.length > 0)
      refuse(document, `says that ${layer} stands above ${beyond.join(', ')}, which it imports`)
  }
}

checkPermissions('countersign')
checkDocument('countersign', 'The layers of the library')
checkDocument('server', 'The layers of the auth server')
checkDocument('gateway', 'The layers of the gateway')
checkDocument('cli', 'The layers of the command')

const tests = [
  'packages/countersign/test',
  'packages/server/test',
  'packages/gateway/test',
  'packages/cli/test',
  'test',
  'bench',
]
  .flatMap(listFiles)
  .filter((file) => /\.(?:tsx?|mjs)$/.test(file) && !file.includes('node_modules'))
for (const file of tests) checkTest(file)

for (const failure of failures) process.stderr.write(`${failure}\n`)
process.stdout.write(
  failures.length === 0 ? `boundaries hold in ${files} files, and in ${tests.length} of tests\n` : '',
)
process.exitCode = failures.length === 0 ? 0 : 1
