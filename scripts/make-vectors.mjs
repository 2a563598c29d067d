// Generates the vectors in packages/countersign/vectors, always the same bytes. `--print <name>` writes one of them to stdout instead.
import { writeFileSync } from 'node:fs'
import { vectors as draft11 } from './test-vectors/draft-11.mjs'
import { vectors as january } from './test-vectors/january.mjs'

const files = { 'signatures-2026-01': january, 'draft-11': draft11 }
const textOf = (vectors) => `${JSON.stringify(vectors, null, 2)}\n`

const at = process.argv.indexOf('--print')
if (at !== -1) process.stdout.write(textOf(files[process.argv[at + 1]]))
else {
  for (const [name, vectors] of Object.entries(files))
    writeFileSync(new URL(`../packages/countersign/vectors/${name}.json`, import.meta.url), textOf(vectors))
}
