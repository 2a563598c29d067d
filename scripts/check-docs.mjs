import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { slugify } from '../site/.vitepress/markdown.mjs'

const failures = []
const read = (path) => readFileSync(path, 'utf8')
const filesIn = (folder, pattern) =>
  readdirSync(folder, { recursive: true })
    .filter((path) => pattern.test(path) && !/(?:^|\/)(?:node_modules|dist|reference\/api)\//.test(path))
    .map((path) => join(folder, path))

const names = readdirSync('packages')
const documents = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'CHANGELOG.md',
  ...filesIn('docs', /\.md$/),
  ...names.map((name) => `packages/${name}/README.md`),
  'python/README.md',
]
const sources = [
  ...names.map((name) => `packages/${name}/src`),
  'scripts',
  'bench',
  'examples',
  'python/countersign',
].flatMap((folder) => filesIn(folder, /\.(?:tsx?|mjs|py)$/))
const tests = [...names.map((name) => `packages/${name}/test`), 'test'].flatMap((folder) => filesIn(folder, /\.tsx?$/))

/** Other names by which a document may refer to a file, in addition to the files that it shows. */
const fileNames = [...sources, ...tests].map((path) => basename(path))

/** The programs that documents show and ask the reader to save. */
const saved = documents.flatMap((document) =>
  [...read(document).matchAll(/^```\w+ (\S+\.\w+)$/gm)].map(([, name]) => name),
)

/** The anchors of a document: those that code hosts generate from its headings, and explicit ones, which are unique. */
function anchorsIn(document) {
  const text = read(document)
  const headings = text.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/^#+ (.*)$/gm)
  const found = new Set(Array.from(headings, ([, heading]) => slugify(heading)))
  for (const [, id] of text.matchAll(/<a id="([^"]+)">/g)) {
    if (found.has(id)) failures.push(`${document} has the anchor ${id} twice`)
    found.add(id)
  }
  return found
}
const anchors = new Map(documents.map((document) => [document, anchorsIn(document)]))

const scripts = JSON.parse(read('package.json')).scripts
for (const document of documents) {
  const text = read(document)
  for (const [, path] of text.matchAll(
    /`((?:packages|scripts|test|docs|bench|examples|python|site|\.ci)\/[\w./*-]+)`/g,
  ))
    if (!path.includes('*') && !existsSync(path)) failures.push(`${document} names ${path}, which does not exist`)
  for (const [, target = '', anchor] of text.matchAll(/\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)/g)) {
    const path = target === '' ? document : join(dirname(document), target)
    if (!existsSync(path)) failures.push(`${document} links to ${target}, which does not exist`)
    else if (anchor && !anchors.get(path)?.has(anchor))
      failures.push(`${document} links to ${target}#${anchor}, but that heading does not exist`)
    // The library's package also contains docs/, but not the files around it.
    if (document.startsWith('docs/') && !path.startsWith('docs/'))
      failures.push(`${document} links to ${target}, which is not in the package`)
  }
  // An interactive zsh does not support comments.
  for (const [, block] of text.matchAll(/^```sh.*\n([\s\S]*?)^```$/gm))
    for (const [line] of block.matchAll(/^.*(?:^| )# .*$/gm))
      failures.push(`${document} has a comment in a block to paste: ${line}`)
  for (const [, name] of text.matchAll(/`([\w.-]+\.tsx?|[\w-]+\.mjs)`/g))
    if (![...saved, ...fileNames].includes(name)) failures.push(`${document} names ${name}, which is not a file`)
  for (const [, script] of text.matchAll(/npm run (?:-s )?([\w:]+)/g))
    if (!(script in scripts)) failures.push(`${document} tells the reader to run "${script}", which is not a script`)
}

/** The target of each kind of mark. */
const marks = [
  { pattern: /(?<![\w§-])W\d{1,2}\b/g, document: 'docs/reference/protocol.md', anchor: (mark) => mark.toLowerCase() },
  {
    pattern: /(?<![\w-])[SKTACXRULOGBP]\d\db?\b/g,
    document: 'docs/security/attacks.md',
    anchor: (mark) => mark.toLowerCase(),
  },
]
/** The sections that a citation such as `S§9.3–9.7, 10` refers to. */
const cited = /S§\d+(?:\.\d+)*(?:(?:–|, (?:and )?| and )(?:S§)?\d+(?:\.\d+)*(?! steps))*/g
const sections = new Set(
  [...read('docs/reference/protocol.md').matchAll(/S§([\d.]*\d)/g)].map(([, section]) => section),
)

for (const path of [...documents, ...sources]) {
  // A picture contains points that look like marks, and a changelog or code may quote text that is not a mark.
  const text = read(path).replaceAll(/ d="[^"]*"|<a id="[^"]*">|<path .*/g, '')
  for (const { pattern, document, anchor } of marks)
    for (const [mark] of text.matchAll(pattern))
      if (!anchors.get(document)?.has(anchor(mark)))
        failures.push(`${path} has the mark ${mark}, which is missing from ${document}`)
  for (const [citation] of text.matchAll(cited))
    for (const [section] of citation.matchAll(/\d+(?:\.\d+)*/g))
      if (!sections.has(section))
        failures.push(`${path} cites S§${section}, which docs/reference/protocol.md does not explain`)
}

// On a code host, readers find every page from the index.
const index = read('docs/index.md')
for (const document of documents.filter((one) => one.startsWith('docs/') && one !== 'docs/index.md'))
  if (!index.includes(`](${document.slice('docs/'.length)})`))
    failures.push(`docs/index.md does not link to ${document}`)

// The pages show each example exactly as it is run, and no other TypeScript or Python programs.
const pages = documents.filter((document) => document.startsWith('docs/'))
const shown = pages.flatMap((page) =>
  [...read(page).matchAll(/^```(\w+) (\S+)\n([\s\S]*?)^```$/gm)].map(([, language, name, code]) => ({
    page,
    language,
    name,
    code,
  })),
)
// Readers do not copy what stands in for a model, nor the versions with which the examples are run.
const examples = filesIn('examples', /\.(?:ts|py|mjs|json|conf)$/).filter(
  (path) => !/\/(?:tsconfig|package|package-lock)\.json$|^examples\/models\/scripted\//.test(path),
)
for (const path of examples)
  if (!shown.some(({ name, code }) => name === basename(path) && code === read(path)))
    failures.push(`no page of docs/ shows ${path} verbatim`)
for (const { page, language, name } of shown)
  if (['ts', 'python'].includes(language) && !examples.some((path) => basename(path) === name))
    failures.push(`${page} shows ${name}, which is not an example`)

// Each picture is small, is shown, and exists in light and dark.
for (const name of readdirSync('docs/pictures')) {
  const path = `docs/pictures/${name}`
  const { size } = statSync(path)
  if (size > 120_000) failures.push(`${path} has ${size} bytes: 120,000 is the limit. Take it again: npm run pictures`)
  const other = path.replace(/-(light|dark)\.png$/, (_, scheme) => `-${scheme === 'light' ? 'dark' : 'light'}.png`)
  if (!existsSync(other)) failures.push(`${path} has no counterpart ${other}`)
  const light = name.replace('-dark.png', '-light.png')
  if (!pages.some((page) => read(page).includes(light))) failures.push(`no page shows docs/pictures/${light}`)
}

// Readers have only the documents of the repository.
for (const path of sources)
  for (const [named] of read(path).matchAll(/\w[\w./-]*\.md\b|\bdesign(?:: | §\d+)/g))
    if (!existsSync(named) && !documents.some((one) => basename(one) === named))
      failures.push(`${path} names ${named}, which readers do not have`)

const attacks = [...read('docs/security/attacks.md').matchAll(/^\| <a id="([^"]+)"><\/a>(\w+) \|.*\| ([^|]*) \|$/gm)]
const texts = tests.map((path) => ({ path, text: read(path) }))
for (const [, id, mark, shown] of attacks) {
  if (id !== mark.toLowerCase()) failures.push(`docs/security/attacks.md has the anchor ${id} in the row of ${mark}`)
  const showing = texts.filter(({ text }) => new RegExp(`\\b${mark}\\b`).test(text))
  if (shown.trim() === '') failures.push(`docs/security/attacks.md names no test for ${mark}`)
  for (const [, test] of shown.matchAll(/`([^`]+)`/g)) {
    const isIt = (path) => path === test || basename(path) === test
    const shows = ({ path, text }) => isIt(path) || text.includes(test)
    if (!tests.some(isIt) || !showing.some(shows))
      failures.push(`docs/security/attacks.md says that ${test} demonstrates ${mark}, but it does not`)
  }
}
const described = new Set(attacks.map(([, , mark]) => mark))
for (const { path, text } of texts)
  for (const [, mark] of text.matchAll(/(?<![\w-])'([SKTACXRULOGBP]\d\db?)'/g))
    if (!described.has(mark))
      failures.push(`${path} performs ${mark}, which docs/security/attacks.md does not describe`)

const packages = names.map((name) => JSON.parse(read(`packages/${name}/package.json`)))
const dependenciesPage = 'docs/contributing/dependencies.md'
const dependencyTable = read(dependenciesPage)
for (const { name, dependencies, optionalDependencies } of packages) {
  const [, listed = ''] = new RegExp(`^\\| \`${name}\` \\|[^|]*\\|([^|]*)\\|$`, 'm').exec(dependencyTable) ?? []
  const said = [...listed.matchAll(/`([^`]+)`/g)].map(([, dependency]) => dependency).sort()
  const own = new Set(packages.map((each) => each.name))
  const needed = Object.keys({ ...dependencies, ...optionalDependencies })
    .filter((dependency) => !own.has(dependency))
    .sort()
  if (said.join() !== needed.join())
    failures.push(`${dependenciesPage} lists dependencies of ${name} that differ from ${needed.join(', ')}`)
}
// In a fresh checkout they are compared later, by npm run docs:run, because the storage is still being compiled.
if (existsSync('node_modules/better-sqlite3/build/Release/better_sqlite3.node')) {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/protocol-messages.mjs'], { encoding: 'utf8' })
  if (status !== 0) failures.push(stderr.trim())
}
for (const failure of new Set(failures)) process.stderr.write(`${failure}\n`)
if (failures.length === 0)
  process.stdout.write('every file, link, mark and script that documents and comments name exists\n')
process.exitCode = failures.length === 0 ? 0 : 1
