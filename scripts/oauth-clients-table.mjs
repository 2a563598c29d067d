import { readFileSync, writeFileSync } from 'node:fs'

/**
 * The table of docs/reference/oauth-clients.md, made from the outcomes of the tests. With --write it is written; otherwise it must be there
 * as it would be written.
 */
const document = 'docs/reference/oauth-clients.md'
const { default: rows } = await import('../packages/server/test/editions/oauth/clients/clients.json', {
  with: { type: 'json' },
})

const notRun = 'not run'

function worse(one, other) {
  return ['no', 'by hand', 'yes'].find((outcome) => [one, other].includes(outcome))
}

function rowOf({ client, version = '', outcomes, needs }) {
  const { signIn, list, call, stepUp, refresh, revoked } = outcomes ?? {}
  const cells = outcomes
    ? [signIn, worse(list, call), stepUp, refresh, revoked]
    : Array.from({ length: 5 }, () => notRun)
  return `| ${[client, version, ...cells, needs].join(' | ')} |`
}

const text = readFileSync(document, 'utf8')
const written = text.replace(
  /^(\| client \|.*\n\|(?:---\|)+\n)(?:\|.*\n)*/m,
  (_, head) => `${head}${rows.map(rowOf).join('\n')}\n`,
)
if (process.argv.includes('--write')) writeFileSync(document, written)
else if (written !== text) {
  process.stderr.write(
    `the table in ${document} does not match the outcomes: node scripts/oauth-clients-table.mjs --write\n`,
  )
  process.exitCode = 1
}
