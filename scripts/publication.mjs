import { readFileSync, writeFileSync } from 'node:fs'

/**
 * Applies `publication.json`, the one place for the project's addresses, to the manifests of the packages and to the documents that name the
 * contact. `repository`, `homepage` and `bugs` are `https` URLs, `contact` is the address for reports of vulnerabilities, a URL or an email
 * address. Empty values are omitted.
 *
 * Without arguments, it checks that the files match. `--write` writes them. `--release v1.2.3` also checks that version 1.2.3 can be published.
 */
const folders = ['countersign', 'server', 'gateway', 'cli', 'create-countersign']
const page = 'docs/introduction/releases.md'
const changelog = 'CHANGELOG.md'
const failures = []

const values = JSON.parse(readFileSync('publication.json', 'utf8'))
for (const name of ['repository', 'homepage', 'bugs'])
  if (values[name] !== '' && !(URL.canParse(values[name]) && values[name].startsWith('https://')))
    failures.push(`publication.json: ${name} must be an https URL or empty`)
if (values.contact !== '' && !/^(?:https:\/\/|[^@\s]+@)[^@\s]+$/.test(values.contact))
  failures.push('publication.json: contact must be an https URL, an email address or empty')

const manifests = folders.map((folder) => {
  const path = `packages/${folder}/package.json`
  const text = readFileSync(path, 'utf8')
  const { repository: _, homepage: _h, bugs: _b, keywords: _k, ...rest } = JSON.parse(text)
  return { path, text, written: `${JSON.stringify(insertFields(rest, folder), null, 2)}\n`, manifest: rest }
})
const pageText = readFileSync(page, 'utf8')
const files = [
  ...manifests,
  {
    path: page,
    text: pageText,
    written: pageText.replace(/(?<=<!-- contact -->\n)[\s\S]*?(?=<!-- end -->)/, contactText()),
  },
]

function insertFields({ name, version, description, ...others }, folder) {
  const { repository, homepage, bugs, keywords } = values
  return {
    name,
    version,
    description,
    ...(keywords.length > 0 && { keywords }),
    ...(homepage !== '' && { homepage }),
    ...(bugs !== '' && { bugs: { url: bugs } }),
    ...(repository !== '' && {
      repository: { type: 'git', url: `git+${repository}.git`, directory: `packages/${folder}` },
    }),
    ...others,
  }
}

function contactText() {
  const { contact } = values
  if (contact === '')
    return 'Use "Report a vulnerability" under the Security tab of the repository from which you have the code: there is no other address yet.\n'
  return contact.includes('@') ? `Write to <${contact}>.\n` : `Use [the form for vulnerabilities](${contact}).\n`
}

/** What prevents a release of the version that the tag names. */
function* problemsOfRelease(tag) {
  const version = tag.replace(/^v/, '')
  if (!/^v\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(tag)) yield `${tag} is not a tag of a release: name it as v1.2.3`
  for (const [name, value] of Object.entries(values))
    if (value.length === 0)
      yield `publication.json: ${name} is empty; fill it in, and run node scripts/publication.mjs --write`
  for (const { path, manifest } of manifests) {
    if (manifest.version !== version) yield `${path} has version ${manifest.version}, but the tag is ${tag}`
    for (const [name, range] of Object.entries({ ...manifest.dependencies, ...manifest.peerDependencies }))
      if (/^countersign(?:-|$)/.test(name) && range !== version)
        yield `${path} depends on ${name} ${range}, not ${version}`
  }
  if (
    !readFileSync(changelog, 'utf8')
      .split('\n')
      .some((line) => line.startsWith(`## ${version} `))
  )
    yield `${changelog} has no section "## ${version} – <date>"`
}

if (process.argv.includes('--write')) for (const { path, written } of files) writeFileSync(path, written)
else
  for (const { path, text, written } of files)
    if (text !== written) failures.push(`${path} does not match publication.json: node scripts/publication.mjs --write`)
const release = process.argv.indexOf('--release')
if (release !== -1) failures.push(...problemsOfRelease(process.argv[release + 1] ?? ''))
for (const failure of failures) process.stderr.write(`${failure}\n`)
process.exitCode = failures.length === 0 ? 0 : 1
