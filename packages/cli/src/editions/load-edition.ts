import type { CommandEdition } from './command-edition.js'
import type { DemoEdition } from './demo-edition.js'

const editions = {
  january: async () => (await import('./january.js')).januaryEdition,
  'draft-11': async () => (await import('./draft-11.js')).draft11Edition,
} as const satisfies Record<string, () => Promise<CommandEdition>>

export type EditionName = keyof typeof editions

/** The names of the editions, the default first. */
export const editionNames = Object.keys(editions) as [EditionName, ...EditionName[]]

/** Loads an edition by its name. @default January 2026 */
export async function loadEdition(name: EditionName = editionNames[0]): Promise<CommandEdition> {
  return editions[name]()
}

/** Loads all editions, the default first. */
export async function loadEditions(): Promise<readonly CommandEdition[]> {
  return Promise.all(editionNames.map(loadEdition))
}

/** Finds the edition in which a header has a value of this form, for hints: no verdict depends on it. */
export async function editionWith(
  header: string,
  value: string,
): Promise<{ name: EditionName; edition: CommandEdition } | undefined> {
  for (const name of editionNames) {
    const edition = await loadEdition(name)
    if (edition.headers[header]?.fits.test(value)) return { name, edition }
  }
  return undefined
}

const demos: Readonly<Record<EditionName, () => Promise<DemoEdition>>> = {
  january: async () => (await import('./january-demo.js')).januaryDemo,
  'draft-11': async () => (await import('./draft-11-demo.js')).draft11Demo,
}

/** Loads what the demo needs of an edition. @default January 2026 */
export async function loadDemo(name: EditionName = editionNames[0]): Promise<DemoEdition> {
  return demos[name]()
}
