import { generateKeyPairSync } from 'node:crypto'
import {
  chmodSync,
  cpSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, join, resolve } from 'node:path'

/** What can be created, in the order in which it is offered. */
export const templates = {
  script: { title: 'a script that calls an API for you', folders: ['agent', 'script'], key: 'agent-key.json' },
  web: { title: 'a web app that calls an API for its users', folders: ['agent', 'web'], key: 'agent-key.json' },
  api: { title: 'an API that agents call with user consent', folders: ['api'], key: 'api-key.json' },
  mcp: { title: 'an MCP server whose tools users allow', folders: ['mcp'], key: 'api-key.json' },
} as const

/** The name of a template. */
export type TemplateName = keyof typeof templates

/** A message for the user, without a stack trace. */
export class CreateError extends Error {
  override name = 'CreateError'
}

const root = resolve(import.meta.dirname, '..')
const templateFolder = (name: string) => join(root, 'templates', name)
const readJson = (path: string) => JSON.parse(readFileSync(path, 'utf8'))

/** @throws CreateError for a template that does not exist */
export function requireTemplate(name: string): TemplateName {
  if (Object.hasOwn(templates, name)) return name as TemplateName
  throw new CreateError(`There is no template "${name}". Choose one of ${Object.keys(templates).join(', ')}.`)
}

/**
 * Checks the name of a project, which is also the name of its folder and of its package, and returns the folder.
 *
 * @throws CreateError if the name is invalid, or if something with that name exists
 */
export function requireNewFolder(name: string, parent: string): string {
  if (!/^[a-z0-9][a-z0-9._-]{0,99}$/.test(name) || name.endsWith('.'))
    throw new CreateError(
      `"${name}" cannot be the name of a project: use up to 100 lowercase letters, digits, ".", "-" and "_", starting with a letter or digit.`,
    )
  if (name === 'node_modules' || isDependency(name))
    throw new CreateError(`"${name}" is a package that the project needs: choose another name.`)
  const folder = join(parent, name)
  if (lstatSync(folder, { throwIfNoEntry: false }))
    throw new CreateError(`${folder} already exists, and nothing was changed. Choose another name, or remove it first.`)
  return folder
}

function isDependency(name: string): boolean {
  return Object.keys(templates).some((template) => {
    const { dependencies, devDependencies } = readJson(join(templateFolder(template), 'package.json'))
    return name in dependencies || name in devDependencies
  })
}

/** A project to write. */
export interface ProjectOptions {
  /** The folder to create, from `requireNewFolder`. */
  folder: string
  template: TemplateName
  /** A folder with the tarball of the library, which is not on npm yet. Without it, the project depends on the published version. */
  packages?: string | undefined
}

/** A project that is still in a temporary folder. */
export interface Project {
  readonly folder: string
  /** Gives the project its name. @throws CreateError if something with that name exists by now */
  finish(): void
  /** Deletes it, if it is not finished. */
  discard(): void
}

/**
 * Writes a project into a temporary folder beside its final one, so that nothing half-made is left behind under its name.
 *
 * @throws CreateError if the folder cannot be written, or has no tarball of the library
 */
export function writeProject({ folder, template, packages }: ProjectOptions): Project {
  const name = basename(folder)
  const library = packages === undefined ? publishedVersion() : tarballIn(packages)
  const { folders, key } = templates[template]
  const draft = createDraft(folder)
  const discard = () => rmSync(draft, { recursive: true, force: true })
  try {
    for (const each of ['common', ...folders]) cpSync(templateFolder(each), draft, { recursive: true })
    // npm leaves out files with this name when it packs a template.
    renameSync(join(draft, 'gitignore'), join(draft, '.gitignore'))
    const manifest = readJson(join(draft, 'package.json'))
    manifest.dependencies.countersign = library
    writeFileSync(join(draft, 'package.json'), `${JSON.stringify({ name, ...manifest }, null, 2)}\n`)
    const readme = join(draft, 'README.md')
    writeFileSync(readme, readFileSync(readme, 'utf8').replaceAll('PROJECT', name))
    const { privateKey } = generateKeyPairSync('ed25519')
    const jwk = JSON.stringify(privateKey.export({ format: 'jwk' }), null, 2)
    writeFileSync(join(draft, key), `${jwk}\n`, { mode: 0o600 })
  } catch (error) {
    discard()
    throw error
  }
  return {
    folder: draft,
    finish() {
      requireNewFolder(name, resolve(folder, '..'))
      renameSync(draft, folder)
    },
    discard,
  }
}

/** A folder on the same disk, at the same depth, so that relative paths inside stay valid when it is renamed. */
function createDraft(folder: string): string {
  try {
    const draft = mkdtempSync(join(folder, `../.${basename(folder)}-`))
    chmodSync(draft, 0o777 & ~process.umask())
    return draft
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new CreateError(`${folder} cannot be created (${code}). Run this in a folder that you can write to.`, {
      cause,
    })
  }
}

/** @throws CreateError for a build that was not published, because its version on npm would be someone else's */
function publishedVersion(): string {
  const { version, repository } = readJson(join(root, 'package.json'))
  if (repository !== undefined) return version
  throw new CreateError(
    'Countersign is not on npm yet. Pass --packages with the folder that npm run tarballs creates in a clone of Countersign.',
  )
}

function tarballIn(packages: string): string {
  const folder = resolve(packages)
  const names = lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() ? readdirSync(folder) : []
  const [tarball, ...others] = names.filter((name) => /^countersign-\d.*\.tgz$/.test(name))
  if (tarball === undefined || others.length > 0)
    throw new CreateError(
      `${folder} must contain exactly one countersign-<version>.tgz. In a clone of Countersign, npm run tarballs creates the folder "tarballs".`,
    )
  return `file:${join(folder, tarball)}`
}
