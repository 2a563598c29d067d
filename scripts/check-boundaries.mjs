import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'

/** What each folder of the library may import; the arrows go one way. */
const layers = {
  lib: ['lib'],
  httpsig: ['lib', 'httpsig'],
  protocol: ['lib', 'protocol'],
  tokens: ['lib', 'httpsig', 'protocol', 'tokens'],
  discovery: ['lib', 'httpsig', 'protocol', 'tokens', 'discovery'],
  agent: ['lib', 'httpsig', 'protocol', 'tokens', 'discovery', 'agent'],
  resource: ['lib', 'httpsig', 'protocol', 'tokens', 'discovery', 'resource'],
  node: ['lib', 'httpsig', 'protocol', 'discovery', 'node'],
  // For frameworks of Node, which nothing else in the library reaches.
  'resource/express.js': ['httpsig', 'protocol', 'node', 'resource'],
  'resource/fastify.js': ['httpsig', 'protocol', 'node', 'resource'],
  'resource/request-gate.js': ['httpsig', 'node', 'resource'],
  wire: ['lib', 'httpsig', 'protocol', 'tokens', 'discovery'],
  'index.js': ['lib', 'httpsig', 'tokens', 'discovery'],
}

/** `protocol` is pure: no network, keys or clock, also not by way of `lib`. */
const impure = ['lib/clock.js', 'lib/jwk.js', 'lib/signer.js', 'lib/crypto.node.js', 'lib/crypto.web.js']

/** Runtime dependencies, each package its own. */
const dependencies = {
  countersign: ['jose', 'structured-headers'],
  server: [
    '@cf-wasm/photon',
    '@node-rs/argon2',
    '@simplewebauthn/server',
    'better-sqlite3',
    'countersign',
    'hono',
    'kysely',
    'openid-client',
    'zod',
  ],
  cli: ['commander', 'countersign', 'open'],
}

/** Packages that some files of a package need, and that are installed by whoever uses these. */
const optionalPeers = { cli: ['countersign-server'] }

/** Compiles native code where no prebuilt binary is found, so it belongs to one entry and may be absent. */
const native = { dependency: 'better-sqlite3', name: 'server', folder: 'storage/engines/sqlite' }

const failures = []
const refuse = (file, why) => failures.push(`${file}: ${why}`)

const byText = (one, other) => (one < other ? -1 : 1)

let files = 0
for (const name of Object.keys(dependencies)) {
  const root = resolve('packages', name)
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const declared = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies }).toSorted(byText)
  if (declared.join() !== dependencies[name].toSorted(byText).join()) {
    refuse(
      `packages/${name}/package.json`,
      `depends on ${declared.join(', ')}; the rule says ${dependencies[name].join(', ')}`,
    )
  }
  for (const file of listFiles(join(root, 'dist')).filter((path) => path.endsWith('.js'))) {
    files++
    for (const specifier of importsOf(file)) checkImport(name, root, file, specifier, manifest)
  }
}

function checkImport(name, root, file, specifier, manifest) {
  const shown = relative('.', file)
  const inside = relative(join(root, 'dist'), file).split(sep).join('/')
  const layer = inside in layers || !inside.includes('/') ? inside : inside.split('/')[0]
  if (specifier.startsWith('.')) {
    const target = resolve(dirname(file), specifier)
    if (!target.startsWith(root + sep)) refuse(shown, `reaches out of its package: ${specifier}`)
    if (name !== 'countersign') return
    checkLayer(shown, layer, relative(join(root, 'dist'), target).split(sep).join('/'))
  } else if (specifier.startsWith('#')) {
    for (const target of Object.values(manifest.imports?.[specifier] ?? { none: undefined })) {
      if (target === undefined) refuse(shown, `imports ${specifier}, which package.json does not map`)
      else if (target.endsWith('.js') && name === 'countersign') checkLayer(shown, layer, target.replace('./dist/', ''))
    }
  } else if (specifier.startsWith('node:')) {
    const nodeOnly = layer === 'node' || isNodeAdapter(layer) || inside.endsWith('.node.js')
    if (name === 'countersign' && !nodeOnly) refuse(shown, `imports ${specifier}, which only Node has`)
  } else {
    const dependency = specifier
      .split('/')
      .slice(0, specifier.startsWith('@') ? 2 : 1)
      .join('/')
    if (!dependencies[name].includes(dependency) && !optionalPeers[name]?.includes(dependency))
      refuse(shown, `imports ${dependency}, which its package does not depend on`)
    const isNativeAllowed = name === native.name && inside.startsWith(`${native.folder}/`)
    if (dependency === native.dependency && !isNativeAllowed) refuse(shown, `imports ${dependency}`)
  }
}

function isNodeAdapter(layer) {
  return layer in layers && layers[layer].includes('node') && layer !== 'node'
}

function checkLayer(shown, layer, target) {
  const allowed = layers[layer]
  if (isNodeAdapter(target) && !isNodeAdapter(layer)) refuse(shown, `${layer} imports ${target}, which only Node has`)
  const reached = target.includes('/') ? target.split('/')[0] : target
  if (!allowed) refuse(shown, `lies in ${layer}, which is no known layer`)
  else if (!allowed.includes(reached)) refuse(shown, `${layer} imports ${target}`)
  if (layer === 'protocol' && impure.includes(target)) refuse(shown, `protocol is pure, but imports ${target}`)
}

function importsOf(file) {
  const text = readFileSync(file, 'utf8')
  return [
    ...text.matchAll(
      /^(?:import|export)\b[^'"\n;]*?from ['"]([^'"]+)['"]|^import ['"]([^'"]+)['"]|\bimport\(['"]([^'"]+)['"]\)/gm,
    ),
  ].map(([, from, bare, dynamic]) => from ?? bare ?? dynamic)
}

function listFiles(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? listFiles(join(folder, entry.name)) : [join(folder, entry.name)],
  )
}

if (files < 50) refuse('packages/*/dist', `only ${files} files: build first`)
for (const failure of failures) process.stderr.write(`${failure}\n`)
process.stdout.write(failures.length === 0 ? `boundaries hold in ${files} files\n` : '')
process.exitCode = failures.length === 0 ? 0 : 1
