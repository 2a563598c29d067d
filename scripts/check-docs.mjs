import { existsSync, readdirSync, readFileSync } from 'node:fs'

const failures = []
const scripts = JSON.parse(readFileSync('package.json', 'utf8')).scripts

for (const document of ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md']) {
  const text = readFileSync(document, 'utf8')
  for (const [, path] of text.matchAll(/`((?:packages|scripts|test|docs|\.ci)\/[\w./*-]+)`/g)) {
    if (!path.includes('*') && !existsSync(path)) failures.push(`${document} names ${path}, which does not exist`)
  }
  for (const [, target] of text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g)) {
    if (!existsSync(target)) failures.push(`${document} links to ${target}, which does not exist`)
  }
  for (const [, script] of text.matchAll(/npm run (?:-s )?([\w:]+)/g)) {
    if (!(script in scripts)) failures.push(`${document} tells to run "${script}", which is no script`)
  }
}

const packages = readdirSync('packages').map((name) =>
  JSON.parse(readFileSync(`packages/${name}/package.json`, 'utf8')),
)
const readme = readFileSync('README.md', 'utf8')
for (const { name, dependencies, optionalDependencies } of packages) {
  const [, listed = ''] = new RegExp(`^\\| \`${name}\` \\|[^|]*\\|([^|]*)\\|$`, 'm').exec(readme) ?? []
  const said = [...listed.matchAll(/`([^`]+)`/g)].map(([, dependency]) => dependency).sort()
  const own = new Set(packages.map((each) => each.name))
  const needed = Object.keys({ ...dependencies, ...optionalDependencies })
    .filter((dependency) => !own.has(dependency))
    .sort()
  if (said.join() !== needed.join())
    failures.push(`README.md lists other dependencies of ${name} than ${needed.join(', ')}`)
}
for (const failure of failures) process.stderr.write(`${failure}\n`)
if (failures.length === 0)
  process.stdout.write('every file, link and script that the documents name exists, and the dependencies are listed\n')
process.exitCode = failures.length === 0 ? 0 : 1
