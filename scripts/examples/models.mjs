import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openApi } from './parties.mjs'
import { createPerson } from './person.mjs'
import { start } from './run-program.mjs'
import { notThere, ownAgent } from './stage.mjs'

/** An API that records each request to it, byte for byte. */
async function openRecordingApi(authServer) {
  const received = []
  const api = await openApi(authServer, async (call, isServed) => {
    const { method, url, headers } = call
    received.push({ method, url, type: headers.get('content-type'), body: await call.text(), isServed })
  })
  return { ...api, received }
}

/** Runs the loop of a scripted model, whose call is held until the user has decided. */
async function runLoop(stage, file, choice) {
  const { cwd, examples, authServer, closers } = stage
  const api = await openRecordingApi(authServer)
  closers.push(() => api.close())
  const { env: own } = await ownAgent(stage)
  const running = start(process.execPath, [join(examples, file)], { cwd, env: { ...own, API: api.url } })
  const [, code, page] = await running.seen(/^Please decide here \(the page shows (\w+)\): (http\S+)$/m)
  await running.seen(/^The tool said: Waiting for the user/m)
  assert.deepEqual(
    api.received.map(({ isServed }) => isServed),
    [false],
  )
  await createPerson('testuser').visit(page, choice)
  const { status, stdout, stderr } = await running.ended
  assert.equal(status, 0, stderr)
  const model = readFileSync(join(cwd, 'model-received.jsonl'), 'utf8')
  assert.match(model, /Waiting for the user/)
  for (const secret of [page, new URL(page).searchParams.get('request_token'), 'request_token', authServer, code])
    assert.ok(!model.includes(secret), `the model received ${secret}`)
  return { api, said: stdout.trimEnd().split('\n') }
}

async function allowed(stage, file) {
  const { api, said } = await runLoop(stage, file)
  assert.equal(said.length, 2)
  assert.match(said[1], /^The tool said: The events of \S+\.$/)
  const call = { method: 'POST', url: api.url, type: 'application/json', body: '{"title":"Tea with Alice"}' }
  assert.deepEqual(api.received, [
    { ...call, isServed: false },
    { ...call, isServed: true },
  ])
}

async function denied(stage, file) {
  const { api, said } = await runLoop(stage, file, 'deny')
  assert.match(said[1], /^The tool said: Access was denied/)
  assert.deepEqual(
    api.received.map(({ isServed }) => isServed),
    [false],
  )
}

/** Each loop, and its scripted model. */
const loops = {
  'plain-loop.mjs': ['plain.mjs', 'plan.mjs'],
  'vercel-ai-sdk.mjs': ['ai-sdk.mjs'],
  'langchain.mjs': ['langchain.mjs'],
  'openai-agents.mjs': ['openai-agents.mjs'],
  'claude-agent-sdk.mjs': ['claude.mjs'],
}

/** The loops of language models. Their frameworks are installed by `npm run examples`. */
export const models = [
  ...Object.entries(loops).map(([file, scripted]) => ({
    files: [`models/${file}`, ...scripted.map((name) => `models/scripted/${name}`)],
    name: 'the user sees the link, the model does not, and the held call is sent unchanged, once',
    run: (stage) =>
      file === 'plain-loop.mjs' || existsSync(join(stage.examples, 'models/node_modules'))
        ? allowed(stage, `models/${file}`)
        : notThere,
  })),
  {
    files: ['models/plain-loop.mjs'],
    name: 'a call that the user denies is not sent',
    run: (stage) => denied(stage, 'models/plain-loop.mjs'),
  },
]
