import { readFileSync, writeFileSync } from 'node:fs'

/**
 * The table and the messages of docs/contributing/interoperability.md, made from the outcomes of `npm run interop`. With --write they are
 * written; otherwise they must be there as they would be written.
 */
const document = 'docs/contributing/interoperability.md'
const records = JSON.parse(readFileSync('packages/server/test/editions/draft-11/peers/peers.json', 'utf8'))

const names = { countersign: 'Countersign', august: 'August', mockin: 'mockin' }
const columns = [
  ['agent token'],
  ['agent token, with a query'],
  ['agent token, with a body'],
  ['session token'],
  ['person token', 'person token, after consent'],
  ['auth token'],
]

function cellOf(pair, requests) {
  const run = requests.map((request) => records[`${pair} / ${request}`]).filter((record) => record !== undefined)
  if (run.length === 0) return 'not run'
  const refused = run.find(({ outcome }) => outcome !== '200')
  if (!refused) return 'yes'
  if (!text.includes(`\n### ${refused.difference}\n`)) throw new Error(`${document} does not explain: ${pair}`)
  return `[no](#${refused.difference})`
}

function rowOf(pair) {
  const [agent, resource, personServer, settings] = pair.split(' / ')
  const cells = columns.map((requests) => cellOf(pair, requests))
  return `| ${[names[agent], names[resource], names[personServer], settings, ...cells].join(' | ')} |`
}

/** The messages of the first pair that shows a difference. */
function messagesOf(difference) {
  const found = Object.entries(records).find(([, record]) => record.difference === difference)
  if (!found) throw new Error(`${document} explains ${difference}, which no run shows`)
  const [id, { outcome, messages }] = found
  const [agent, resource, personServer] = id.split(' / ').map((each) => names[each])
  const end = outcome.startsWith('error: ') ? [`the agent stops: ${outcome.slice('error: '.length)}`] : []
  return [`# agent: ${agent}, API: ${resource}, person server: ${personServer}`, ...messages, ...end].join('\n')
}

const text = readFileSync(document, 'utf8')
const pairs = [...new Set(Object.keys(records).map((id) => id.split(' / ').slice(0, 4).join(' / ')))]
const written = text
  .replace(/^(\| agent \|.*\n\|(?:---\|)+\n)(?:\|.*\n)*/m, (_, head) => `${head}${pairs.map(rowOf).join('\n')}\n`)
  .replace(
    /^(### ([a-z-]+)\n[\s\S]*?```text\n)[\s\S]*?```$/gm,
    (_, start, difference) => `${start}${messagesOf(difference)}\n\`\`\``,
  )
if (process.argv.includes('--write')) writeFileSync(document, written)
else if (written !== text) {
  process.stderr.write(
    `the table or a message in ${document} does not match the outcomes: node scripts/interop-table.mjs --write\n`,
  )
  process.exitCode = 1
}
