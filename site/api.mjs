import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Application, Converter, ReflectionKind } from 'typedoc'

/** Generates `docs/reference/api`, the TypeScript reference: a page for each entry point of the packages. */
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const out = join(root, 'docs/reference/api')

/** The pages' entry point is left out: its types are all texts of all pages, which are larger than everything else. */
const undocumented = 'countersign-server/pages'

/** The source file of each entry point, and the name by which programs import it. */
const entries = ['countersign', 'server', 'gateway'].flatMap((folder) => {
  const { name, exports } = JSON.parse(readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8'))
  return Object.entries(exports).flatMap(([key, { default: built }]) =>
    built === undefined || name + key.slice(1) === undocumented
      ? []
      : [
          {
            import: name + key.slice(1),
            file: join(folder, built.replace('./dist/', 'src/').replace(/js$/, 'ts')),
          },
        ],
  )
})

const app = await Application.bootstrapWithPlugins({
  name: 'TypeScript API',
  plugin: ['typedoc-plugin-markdown'],
  entryPoints: entries.map(({ file }) => join(root, 'packages', file)),
  basePath: join(root, 'packages'),
  displayBasePath: join(root, 'packages'),
  tsconfig: join(root, 'site/tsconfig.json'),
  // The sources are compiled by another version of TypeScript, with `npm run build`.
  skipErrorChecking: true,
  readme: 'none',
  disableSources: true,
  excludeInternal: true,
  excludeExternals: true,
  excludePrivate: true,
  githubPages: false,
  validation: { notExported: false, invalidLink: false },
  out,
  entryFileName: 'index',
  outputFileStrategy: 'modules',
  hidePageHeader: true,
  hideBreadcrumbs: true,
  parametersFormat: 'table',
  interfacePropertiesFormat: 'table',
  typeDeclarationFormat: 'table',
  sanitizeComments: true,
})
app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
  for (const module of project.getReflectionsByKind(ReflectionKind.Module)) {
    const entry = entries.find(({ file }) => file.replace(/(?:\/index)?\.ts$/, '') === module.name)
    if (entry === undefined) throw new Error(`${module.name} is not an entry point`)
    module.name = entry.import
  }
})
const project = await app.convert()
if (project === undefined || app.logger.hasErrors()) process.exit(1)
const undescribed = project.children.filter((module) => !module.hasComment()).map(({ name }) => name)
if (undescribed.length > 0) throw new Error(`no @packageDocumentation in the entry points ${undescribed.join(', ')}`)
rmSync(out, { recursive: true, force: true })
await app.generateOutputs(project)

// The plugin counts properties, which have no heading, when it numbers headings of the same name.
for (const name of readdirSync(out, { recursive: true, encoding: 'utf8' }).filter((each) => each.endsWith('.md'))) {
  const page = readFileSync(join(out, name), 'utf8')
  const headings = [...page.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading.toLowerCase())
  const isOnly = (anchor) => headings.filter((heading) => heading === anchor).length === 1
  const links = page.replaceAll(/\]\(#(\w+)-1\)/g, (link, anchor) => (isOnly(anchor) ? `](#${anchor})` : link))
  writeFileSync(join(out, name), links)
}
