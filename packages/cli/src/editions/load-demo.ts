import type { DemoEdition } from './demo-edition.js'
import { type EditionName, editionNames } from './load-edition.js'

const demos: Readonly<Record<EditionName, () => Promise<DemoEdition>>> = {
  january: async () => (await import('./january-demo.js')).januaryDemo,
  'draft-11': async () => (await import('./draft-11-demo.js')).draft11Demo,
}

/** Loads what the demo needs of an edition. @default January 2026 */
export async function loadDemo(name: EditionName = editionNames[0]): Promise<DemoEdition> {
  return demos[name]()
}
