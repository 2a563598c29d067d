// Measures the structure of the packages' sources. `--list` names the items behind the counts; `--check` fails on files, functions and
// folder cycles over the limits.

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { parseSync, Visitor } from 'oxc-parser'

const limits = { fileLines: 300, functionLines: 120 }

const { values } = parseArgs({
  options: { check: { type: 'boolean', default: false }, list: { type: 'boolean', default: false } },
})

const packages = readdirSync('packages').map((name) => {
  const root = resolve('packages', name, 'src')
  return { name, root, files: readSources(root) }
})
const files = packages.flatMap((each) => each.files)
const lines = files.map((file) => file.lines).toSorted((one, other) => one - other)
const small = files.filter((file) => file.importers === 1 && file.lines <= 60)
const tiny = files.filter((file) => file.lines <= 20)
const long = files.filter((file) => file.lines > limits.fileLines)
const bodies = files.flatMap((file) => file.longBodies.map((body) => `${file.shown}:${body}`))
const cycles = packages.flatMap(({ name, files: own }) =>
  folderCycles(own).map((cycle) => `${name}: ${cycle.join(', ')}`),
)
const server = folderChain(packages.find(({ name }) => name === 'server').files)
const undocumented = files.flatMap((file) => file.undocumented.map((name) => `${file.shown}: ${name}`))

const rows = [
  ['files', files.length],
  ['lines of code, excluding blank lines and comments', files.reduce((sum, file) => sum + file.code, 0)],
  ['files with one importer and at most 60 lines', small.length],
  ['files of at most 20 lines', tiny.length],
  ['lines in the median file', lines[Math.floor(lines.length / 2)]],
  [`files over ${limits.fileLines} lines`, long.length],
  [`functions and class bodies over ${limits.functionLines} lines`, bodies.length],
  ['folder cycles', cycles.length],
  ['top-level folders of the server', server.folders],
  ['longest import chain among them and the files at the root', server.longest],
  ['exports without a docstring', undocumented.length],
]
for (const [what, count] of rows) process.stdout.write(`${String(count).padStart(7)}  ${what}\n`)
for (const { name, files: own } of packages)
  process.stdout.write(
    `${String(own.reduce((sum, file) => sum + file.code, 0)).padStart(7)}  ${name} (${own.length} files)\n`,
  )

const failures = [
  ...long.map((file) => `${file.shown}: ${file.lines} lines; at most ${limits.fileLines}`),
  ...bodies.map((body) => `${body}; at most ${limits.functionLines}`),
  ...cycles.map((cycle) => `folders that import each other: ${cycle}`),
]
if (values.list) {
  for (const failure of failures) process.stdout.write(`${failure}\n`)
  for (const file of small) process.stdout.write(`one importer, ${file.lines} lines: ${file.shown}\n`)
  for (const each of undocumented) process.stdout.write(`no docstring: ${each}\n`)
}
if (values.check) {
  for (const failure of failures) process.stderr.write(`${failure}\n`)
  process.exitCode = failures.length === 0 ? 0 : 1
}

function readSources(root) {
  const sources = listFiles(root).map((path) => readSource(root, path))
  const byPath = new Map(sources.map((source) => [source.path, source]))
  for (const source of sources) {
    source.reached = [
      ...new Set(source.specifiers.map((each) => findSource(byPath, source.path, each)).filter(Boolean)),
    ]
    for (const reached of source.reached) byPath.get(reached).importers++
  }
  return sources
}

function readSource(root, path) {
  const text = readFileSync(path, 'utf8')
  const { program, comments, module } = parseSync(path, text)
  const starts = lineStarts(text)
  const lineOf = (offset) => starts.findLastIndex((start) => start <= offset) + 1
  return {
    path,
    inside: relative(root, path),
    shown: relative('.', path),
    lines: starts.length - (text.endsWith('\n') ? 1 : 0),
    code: codeLines(text, comments),
    specifiers: [
      ...module.staticImports.map((each) => each.moduleRequest.value),
      ...module.staticExports.flatMap((each) => each.entries.flatMap((entry) => entry.moduleRequest?.value ?? [])),
      ...module.dynamicImports.map((each) => text.slice(each.moduleRequest.start + 1, each.moduleRequest.end - 1)),
    ],
    longBodies: longBodies(program, lineOf),
    undocumented: undocumentedExports(program, comments, text),
    importers: 0,
  }
}

function codeLines(text, comments) {
  let code = text
  for (const { start, end } of comments)
    code = code.slice(0, start) + code.slice(start, end).replace(/[^\n]/g, ' ') + code.slice(end)
  return code.split('\n').filter((line) => line.trim() !== '').length
}

function longBodies(program, lineOf) {
  const found = []
  const measure = (node) => {
    const [first, last] = [lineOf(node.start), lineOf(node.end - 1)]
    const count = last - first + 1
    if (count > limits.functionLines) found.push(`${first}: ${node.id?.name ?? node.type} has ${count} lines`)
  }
  new Visitor({
    FunctionDeclaration: measure,
    FunctionExpression: measure,
    ArrowFunctionExpression: measure,
    ClassBody: measure,
  }).visit(program)
  return found
}

/** Names of exported declarations without a preceding documentation comment. */
function undocumentedExports(program, comments, text) {
  return program.body
    .filter((node) => node.type === 'ExportNamedDeclaration' && node.declaration)
    .filter(
      (node) =>
        !comments.some(
          (each) =>
            each.type === 'Block' && each.value.startsWith('*') && text.slice(each.end, node.start).trim() === '',
        ),
    )
    .map(({ declaration }) => declaration.id?.name ?? declaration.declarations?.map(({ id }) => id.name).join(', '))
}

/** Groups of folders that import each other; a file at the root of a package counts as a group by itself. */
function folderCycles(sources) {
  const graph = folderGraph(sources, (inside) => (dirname(inside) === '.' ? inside : dirname(inside)))
  const reach = new Map([...graph.keys()].map((node) => [node, reachable(graph, node)]))
  const seen = new Set()
  const cycles = []
  for (const node of graph.keys()) {
    if (seen.has(node) || !reach.get(node).has(node)) continue
    const cycle = [...reach.get(node)].filter((other) => reach.get(other).has(node))
    for (const other of cycle) seen.add(other)
    cycles.push(cycle)
  }
  return cycles
}

/** The number of top-level folders, and the number of them and of the files beside them on the longest import chain. */
function folderChain(sources) {
  const graph = folderGraph(sources, (inside) => inside.split('/')[0])
  const folders = new Set(
    sources.filter(({ inside }) => inside.includes('/')).map(({ inside }) => inside.split('/')[0]),
  )
  const lengths = new Map()
  const lengthFrom = (node, way) => {
    if (way.includes(node)) return 0
    if (!lengths.has(node)) {
      const next = [...graph.get(node)].map((other) => lengthFrom(other, [...way, node]))
      lengths.set(node, 1 + Math.max(0, ...next))
    }
    return lengths.get(node)
  }
  return { folders: folders.size, longest: Math.max(...[...graph.keys()].map((node) => lengthFrom(node, []))) }
}

function folderGraph(sources, folderOf) {
  const byPath = new Map(sources.map((source) => [source.path, source]))
  const graph = new Map(sources.map((source) => [folderOf(source.inside), new Set()]))
  for (const source of sources)
    for (const path of source.reached) {
      const [from, to] = [folderOf(source.inside), folderOf(byPath.get(path).inside)]
      if (from !== to) graph.get(from).add(to)
    }
  return graph
}

function reachable(graph, from) {
  const reached = new Set()
  const open = [...graph.get(from)]
  while (open.length > 0) {
    const node = open.pop()
    if (reached.has(node)) continue
    reached.add(node)
    open.push(...graph.get(node))
  }
  return reached
}

function findSource(byPath, from, specifier) {
  if (!specifier.startsWith('.')) return undefined
  const target = resolve(dirname(from), specifier).replace(/\.js$/, '')
  return [`${target}.ts`, `${target}.tsx`].find((path) => byPath.has(path))
}

function lineStarts(text) {
  return [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)]
}

function listFiles(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => (entry.isDirectory() ? listFiles(join(folder, entry.name)) : [join(folder, entry.name)]))
    .filter((path) => /\.tsx?$/.test(path))
}
