import { parseArgs } from 'node:util'
import { createAccessTokenContenders } from './contenders/access-tokens.mjs'
import { createCountersignContenders } from './contenders/countersign.mjs'
import { createDraft11Contenders } from './contenders/draft-11.mjs'
import { createPeerContenders, peerNotes } from './contenders/peers.mjs'
import { createRawContenders } from './contenders/raw.mjs'
import { measure } from './measure.mjs'
import { isFlat, measureMemory } from './memory.mjs'
import { formatJson, formatReport } from './report.mjs'
import { createKeyPair } from './signed-get.mjs'

const usage = `usage: npm run -s bench -- [--json] [--rounds N]
       npm run -s bench -- --memory [--json] [--tokens N]

--json        one JSON object on stdout and nothing else
--rounds N    rounds of 40 ms per contender (default 40)
--memory      heap over a million distinct auth tokens; takes minutes
--tokens N    a different number of tokens
`

const defaults = { rounds: '40', tokens: '1000000' }

async function runRates({ json, rounds }) {
  const keys = await createKeyPair()
  const contenders = [
    ...(await createRawContenders(keys)),
    ...(await createCountersignContenders(keys)),
    ...(await createDraft11Contenders(keys)),
    ...(await createPeerContenders(keys)),
    ...(await createAccessTokenContenders()),
  ]
  const measured = await measure(contenders, { rounds })
  process.stdout.write(json ? formatJson(measured) : formatReport(measured, peerNotes))
}

async function runMemory({ json, tokens }) {
  const readings = []
  if (!json) process.stdout.write('Distinct auth tokens, each fully verified; heap after a full collection.\n\n')
  for await (const reading of measureMemory({ tokens })) {
    readings.push(reading)
    if (!json) process.stdout.write(`${String(reading.tokens).padStart(10)}  ${megabytes(reading.heap)} MB\n`)
  }
  const flat = isFlat(readings)
  process.stdout.write(json ? `${JSON.stringify({ flat, readings })}\n` : `\nflat: ${flat ? 'PASS' : 'behind'}\n`)
}

function megabytes(bytes) {
  return (bytes / 2 ** 20).toFixed(1).padStart(7)
}

function readArguments() {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      rounds: { type: 'string', default: defaults.rounds },
      memory: { type: 'boolean', default: false },
      tokens: { type: 'string', default: defaults.tokens },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  const [rounds, tokens] = [Number(values.rounds), Number(values.tokens)]
  if (![rounds, tokens].every((count) => Number.isSafeInteger(count) && count > 0)) {
    throw new TypeError('--rounds and --tokens must be whole numbers above 0')
  }
  return { ...values, rounds, tokens }
}

let options
try {
  options = readArguments()
} catch (error) {
  process.stderr.write(`${error.message}\n\n${usage}`)
  process.exit(2)
}
if (options.help) process.stdout.write(usage)
else if (options.memory) await runMemory(options)
else await runRates(options)
