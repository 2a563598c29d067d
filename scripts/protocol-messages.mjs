import { blocks as draft11 } from './protocol-messages/draft-11.mjs'
import { blocks as january } from './protocol-messages/january.mjs'
import { checkBlocks } from './protocol-messages/written-messages.mjs'

/**
 * The messages on the protocol's pages, as an agent, a resource and an auth server exchange them over a map of origins. With --write,
 * messages that differ are written; otherwise those on the pages may differ from them only in keys, signatures, ids and times.
 */
const pages = { 'docs/reference/protocol.md': january, 'docs/reference/protocol-draft-11.md': draft11 }

const writes = process.argv.includes('--write')
const failures = Object.entries(pages).flatMap(([page, blocks]) => checkBlocks(page, blocks, writes))
if (!writes) for (const failure of failures) process.stderr.write(`${failure}\n`)
process.exitCode = failures.length === 0 || writes ? 0 : 1
