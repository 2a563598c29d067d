import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'

/** The folders that make up the request handling of the auth server. */
const serverBase = ['lib', 'pages', 'storage/api', 'secrets', 'admission', 'outbound', 'config']

/**
 * The imports that each layer of a package may use in addition to its own files, types included. A layer is a folder, or a file or folder
 * inside one that is also listed here.
 */
const layers = {
  countersign: {
    lib: [],
    // Settings of any program: describes invalid settings in words for the operator who wrote them.
    settings: ['lib'],
    httpsig: ['lib'],
    protocol: ['lib'],
    tokens: ['lib', 'protocol'],
    discovery: ['lib', 'protocol', 'tokens'],
    // The seam that roles use, and the editions behind it; only an edition knows the message texts of its protocol.
    editions: ['lib', 'httpsig', 'protocol', 'tokens', 'discovery'],
    // The interface of an agent's store; stores on disk are specific to Node.
    'agent/agent-store': ['lib'],
    // The interface of an agent server's store, likewise.
    'agent/delegate-store': ['lib', 'editions'],
    // How a user is prompted; the terminal is specific to Node.
    'agent/consent-prompt': ['lib', 'editions'],
    agent: [
      'lib',
      'httpsig',
      'protocol',
      'tokens',
      'discovery',
      'editions',
      'agent/agent-store',
      'agent/consent-prompt',
    ],
    // The shared part of the adapters for web apps, which also runs anywhere.
    'agent/web-app': ['lib', 'httpsig', 'protocol', 'editions', 'agent', 'agent/agent-store', 'node/keep-private'],
    'agent/web-app/hono': ['lib', 'agent/web-app'],
    // The tool loop of a language model: it uses an agent only through its `fetch` and its `onConsent`.
    tools: ['lib', 'protocol', 'editions'],
    resource: ['lib', 'httpsig', 'protocol', 'tokens', 'discovery', 'editions'],
    // The server of an agent with many installations, and an installation. Both build on the roles.
    'agent-server': [
      'lib',
      'httpsig',
      'protocol',
      'tokens',
      'discovery',
      'editions',
      'agent',
      'resource',
      'agent/delegate-store',
    ],
    delegate: ['lib', 'httpsig', 'protocol', 'tokens', 'editions', 'agent'],
    // An installation in a web page: uses the browser's own interfaces.
    browser: ['lib', 'agent', 'agent/agent-store', 'delegate'],
    // For chats without sign-in: a web agent with its own pages.
    chat: ['lib', 'discovery', 'editions', 'agent', 'agent/agent-store'],
    x509: ['lib', 'protocol', 'discovery'],
    otel: ['lib'],
    observability: ['lib'],
    'low-level-exports': ['lib', 'httpsig', 'protocol', 'tokens', 'discovery', 'editions'],
    index: ['lib', 'httpsig', 'discovery'],
    // These depend only on the shape of Node's response, so that they load on any runtime.
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
      'agent/delegate-store',
      'node/keep-private',
      'node/outgoing',
    ],
    'resource/hono': ['lib', 'httpsig', 'editions', 'resource', 'node/keep-private'],
    'resource/mcp': ['lib', 'httpsig', 'protocol', 'editions', 'resource', 'node/keep-private', 'node/outgoing'],
    // A store that several instances share.
    'resource/redis': ['lib', 'httpsig', 'editions', 'resource'],
    // For Node frameworks; nothing else in the library imports it.
    'agent/web-app/express': ['httpsig', 'node', 'agent/web-app'],
    'agent/web-app/fastify': ['node', 'agent/web-app'],
    'resource/request-gate': ['httpsig', 'editions', 'node', 'node/keep-private', 'resource'],
    'resource/express': ['httpsig', 'editions', 'node', 'resource', 'resource/request-gate'],
    'resource/koa': ['httpsig', 'editions', 'node', 'resource', 'resource/request-gate'],
    'resource/fastify': ['httpsig', 'editions', 'node', 'resource', 'resource/request-gate'],
    // Built from public entry points alone, as a third party could build it: it cannot bypass a check.
    testing: ['index', 'agent', 'resource', 'low-level-exports'],
  },
  server: {
    lib: [],
    pages: ['lib'],
    // Storage, by layer: the contents of rows, the interface for callers, the rows, and the operations that change them.
    'storage/sql': [],
    'storage/api': ['storage/sql'],
    'storage/rows': ['storage/sql', 'storage/api'],
    'storage/verbs': ['storage/sql', 'storage/api', 'storage/rows'],
    'storage/checks': ['storage/sql', 'storage/api', 'storage/rows'],
    'storage/sql-storage': ['storage/sql', 'storage/api', 'storage/rows', 'storage/verbs', 'storage/checks'],
    'storage/sqlite': ['storage/sql', 'storage/api', 'storage/sql-storage'],
    'storage/postgres': ['storage/sql', 'storage/api', 'storage/sql-storage'],
    secrets: ['lib', 'storage/api'],
    admission: ['lib', 'storage/api', 'secrets'],
    outbound: ['lib', 'storage/api'],
    config: ['lib', 'pages', 'storage/api', 'secrets', 'outbound'],
    http: serverBase,
    'sign-in': [...serverBase, 'http'],
    consent: [...serverBase, 'http', 'sign-in'],
    account: [...serverBase, 'http', 'sign-in'],
    // The seam and the editions behind it; they render no pages.
    editions: ['lib', 'storage/api', 'secrets', 'admission', 'outbound', 'config', 'http'],
    'create-auth-server': [...serverBase, 'http', 'sign-in', 'consent', 'account', 'editions'],
    operate: [...serverBase, 'storage/checks', 'sign-in'],
    index: ['operate', 'create-auth-server'],
  },
  gateway: upwards([
    ['headers', 'events'],
    ['routes'],
    ['identity', 'bodies', 'openapi', 'editions'],
    ['upstream'],
    ['responses', 'probe-path-spellings'],
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
    ['command', 'signature-mistakes'],
    ['terminal', 'editions'],
    ['database', 'flags', 'network', 'workers', 'agent-folder'],
    ['message-trace', 'inspect', 'discover', 'key-files', 'verify'],
    ['own-agent', 'trace-page'],
    ['sign', 'operate', 'serve', 'demo', 'doctor', 'fetch', 'tokens', 'sidecar', 'mcp', 'init', 'connect-device'],
    ['gateway', 'status'],
    ['commands'],
    ['program'],
    ['main'],
  ]),
  'create-countersign': upwards([['create-project'], ['main']]),
}

/** Each layer may import all layers listed before it, and none beside it. */
function upwards(floors) {
  return Object.fromEntries(
    floors.flatMap((floor, height) => floor.map((layer) => [layer, floors.slice(0, height).flat()])),
  )
}

/** `protocol` is pure: no network, keys or clock, not even through `lib`. */
const impure = ['lib/clock', 'lib/jwk', 'lib/crypto.node', 'lib/crypto.web']

/** Runtime dependencies of each package. */
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
    'nodemailer',
    'openid-client',
    'otpauth',
    'pino',
    'preact',
    'preact-render-to-string',
    'prom-client',
    'sonic-boom',
    'uqr',
    'zod',
  ],
  // The modules that write the log and metrics are loaded by the library's entry point for them.
  gateway: ['countersign', 'pino', 'prom-client', 'sonic-boom', 'yaml', 'zod'],
  cli: ['commander', 'countersign', 'open', 'parse5'],
  'create-countersign': [],
}

/** Packages that some files of a package need, and that their users install themselves. */
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
 * Folders that are separate entry points, with the dependencies that only they need, which may not be installed. Nothing else imports them,
 * except lazily on demand.
 */
const separate = [
  { name: 'countersign', folder: 'otel', needs: ['@opentelemetry/api'] },
  { name: 'countersign', folder: 'observability', needs: ['pino', 'prom-client', 'sonic-boom'] },
  { name: 'countersign', folder: 'x509', needs: ['@peculiar/asn1-schema', '@peculiar/asn1-x509'] },
  { name: 'gateway', folder: 'redis', needs: ['@redis/client'] },
  { name: 'server', folder: 'storage/sqlite', needs: ['better-sqlite3'] },
  { name: 'server', folder: 'storage/postgres', needs: ['pg', 'pgpass'] },
  { name: 'server', folder: 'outbound/re-encode', needs: ['@cf-wasm/photon'] },
  { name: 'server', folder: 'outbound/smtp', needs: ['nodemailer'] },
]

/** The only files of the command that load the auth server. All others import `countersign-server/operate`, which loads in half the time. */
const serving = ['serve/start-server', 'demo/demo-auth-server']

/** Permissions in `layers` that some import has used. */
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
      `depends on ${declared.join(', ')}, but the rule allows ${dependencies[name].join(', ')}`,
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
    checkUrls(source)
  }
  for (const [, built] of JSON.stringify(manifest).matchAll(/"\.\/dist\/([^"]+\.js)"/g))
    if (!isSource(join(root, 'src', built)))
      refuse(`packages/${name}/package.json`, `names dist/${built}, which has no source`)
  for (const circle of circlesOf(graph)) refuse(`packages/${name}/src`, `circular imports: ${circle.join(' -> ')}`)
}

/** A file's path within its package's sources, without extension. */
function nameInside(root, file) {
  return relative(join(root, 'src'), file)
    .split(sep)
    .join('/')
    .replace(/\.[jt]sx?$/, '')
}

/** Checks one import. Returns the file of the same package that it resolves to, if any. */
function checkImport({ name, root, manifest, file, shown, inside }, { specifier, isType, isLater }) {
  if (specifier.startsWith('.')) {
    const target = resolve(dirname(file), specifier)
    if (!target.startsWith(join(root, 'src') + sep)) refuse(shown, `imports from outside its package: ${specifier}`)
    else if (!isSource(target)) refuse(shown, `imports ${specifier}, which does not exist`)
    else {
      const reached = nameInside(root, target)
      const entry = separate.find((each) => each.name === name && reached.startsWith(`${each.folder}/`))
      if (entry && !isType && !isLater && !inside.startsWith(`${entry.folder}/`))
        refuse(shown, `imports ${reached}, which belongs to a separate entry point`)
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
      refuse(shown, `imports ${specifier}, which exists only in Node`)
  } else {
    const dependency = specifier
      .split('/')
      .slice(0, specifier.startsWith('@') ? 2 : 1)
      .join('/')
    if (specifier === 'countersign-server' && !isType && !isLater && !(name === 'cli' && serving.includes(inside)))
      refuse(shown, 'loads the auth server: import countersign-server/operate instead')
    const known = [...dependencies[name], ...(optionalPeers[name] ?? [])]
    if (!isType && !known.includes(dependency))
      refuse(shown, `imports ${dependency}, which is not a dependency of its package`)
    const owner = separate.find(({ needs }) => needs.includes(dependency))
    if (owner && !(name === owner.name && inside.startsWith(`${owner.folder}/`))) refuse(shown, `imports ${dependency}`)
  }
  return []
}

/** Files that are named by URL, such as workers. `dist` has the same folders as `src`, but keeps outputs of files that were renamed. */
function checkUrls({ file, shown }) {
  for (const [, path] of readFileSync(file, 'utf8').matchAll(/new URL\('([^']+)', import\.meta\.url\)/g))
    if (!isSource(resolve(dirname(file), path))) refuse(shown, `names ${path}, which does not exist`)
}

/** Other code sees an edition only through the values in the files named after it; only an entry point exports its parts. */
function isInsideEdition(inside, reached) {
  const [, edition, part] = /^editions\/([\w-]+)\/(.+)$/.exec(reached) ?? []
  return (
    part !== undefined &&
    !(part === edition || part.startsWith(`${edition}-`)) &&
    !inside.startsWith(`editions/${edition}/`) &&
    !inside.startsWith('low-level-exports/')
  )
}

/** The layer of a file: the longest layer name that matches the file itself or a parent folder. */
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
  if (!layer) refuse(shown, `is in ${inside}, which is not in a known layer`)
  else if (layer !== reached && !layers[name][layer].includes(reached)) refuse(shown, `${layer} imports ${target}`)
  used.add(`${name}: ${layer} imports ${reached}`)
  if (name === 'countersign' && target.endsWith('.node') && !isNodeOnly(inside) && !isMapped)
    refuse(shown, `imports ${target}, which exists only in Node`)
  if (isInsideEdition(inside, target)) refuse(shown, `imports internals of an edition: ${target}`)
  if (name === 'countersign') {
    if (layer === 'protocol' && impure.includes(target)) refuse(shown, `imports ${target}, but protocol must be pure`)
  }
  return [target]
}

/** The imports of a file, type imports included; `isType` if nothing of it remains at run time, `isLater` if it is loaded lazily. */
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

/** Import cycles from a file back to itself: at least one through every group of files that import each other. */
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
 * Tests import packages through their entry points. A test may also import the one source file that it is named after, up to the first dot,
 * and any test may import the program, which is the entry point of a command line.
 */
function checkTest(file) {
  const shown = relative('.', file)
  const text = readFileSync(file, 'utf8')
  for (const [, specifier] of text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'(\.[^']*|#[^']*)'/g)) {
    const [, name, folder, inside] = /^packages\/([^/]+)\/(src|dist)\/(.*)$/.exec(reachedBy(file, specifier)) ?? []
    // Code preloaded into a program can patch a module only by importing it from dist, where the program loads it.
    if (folder === 'dist' && shown.endsWith('.hook.mjs')) continue
    if (folder === 'dist' || specifier.startsWith('#'))
      refuse(shown, `imports ${specifier}: import the entry point or the source file instead`)
    else if (folder === 'src') {
      const isOwn = shown.startsWith(`packages/${name}/test/${stem(inside)}.`) && /\.test\.tsx?$/.test(shown)
      const isProgram = name === 'cli' && inside === 'program.js'
      if (!isOwn && !isProgram) refuse(shown, `imports ${specifier}, which it is not named after: use an entry point`)
    }
  }
}

function reachedBy(file, specifier) {
  return relative('.', resolve(dirname(file), specifier))
    .split(sep)
    .join('/')
}

/** A path up to the first dot of its file name. */
function stem(path) {
  return path.replace(/\.[^/]*$/, '')
}

function listFiles(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? listFiles(join(folder, entry.name)) : [join(folder, entry.name)],
  )
}

/** An unused permission would allow imports that no one decided to allow. */
function checkPermissions(name) {
  for (const [layer, others] of Object.entries(layers[name]))
    for (const other of others)
      if (!used.has(`${name}: ${layer} imports ${other}`))
        refuse('scripts/check-boundaries.mjs', `allows ${layer} of ${name} to import ${other}, but nothing does`)
}

/**
 * The tables of docs/contributing/architecture.md list every layer of a package, in an order in which each layer imports only from rows above it, or
 * from layers to its left in the same row.
 */
function checkDocument(name, heading) {
  const document = 'docs/contributing/architecture.md'
  const section =
    readFileSync(document, 'utf8')
      .split(/^## /m)
      .find((text) => text.startsWith(heading)) ?? ''
  const rows = [...section.matchAll(/^\| (`.*?) \|/gm)].map(([, cell]) => cell)
  const order = rows.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, file]) => file.replace(/\.ts$/, '')))
  for (const layer of Object.keys(layers[name])) if (!order.includes(layer)) refuse(document, `has no row for ${layer}`)
  for (const [place, layer] of order.entries()) {
    const beyond = layers[name][layer]?.filter((other) => order.indexOf(other) > place)
    if (!beyond) refuse(document, `has a row for ${layer}, which is not a layer of ${name}`)
    else if (beyond.length > 0) refuse(document, `places ${layer} above ${beyond.join(', ')}, which it imports`)
  }
}

checkPermissions('countersign')
checkDocument('countersign', 'The layers of the library')
checkDocument('server', 'The layers of the auth server')
checkDocument('gateway', 'The layers of the gateway')
checkDocument('cli', 'The layers of the command')
checkDocument('create-countersign', 'The layers of create-countersign')

const tests = [
  'packages/countersign/test',
  'packages/server/test',
  'packages/gateway/test',
  'packages/cli/test',
  'packages/create-countersign/test',
  'test',
  'bench',
]
  .flatMap(listFiles)
  .filter((file) => /\.(?:tsx?|mjs)$/.test(file) && !file.includes('node_modules'))
for (const file of tests) checkTest(file)

for (const failure of failures) process.stderr.write(`${failure}\n`)
process.stdout.write(failures.length === 0 ? `boundaries hold in ${files} files and ${tests.length} test files\n` : '')
process.exitCode = failures.length === 0 ? 0 : 1
