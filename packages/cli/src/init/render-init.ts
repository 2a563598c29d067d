import type { Look } from '../own-agent/look.js'
import { printable } from '../text/printable.js'
import { wrapText } from '../text/wrap-text.js'
import type { InitResult } from './init-result.js'
import { inMinutes } from './known-keys.js'
import { initCommandLine, nextCommand } from './next-command.js'
import type { Upload } from './upload-folder.js'

/** What `init` did, for people. */
export function renderInit(result: InitResult): string {
  const { did, upload, look } = result
  const isUp = did === 'kept' && look?.outcome === 'up'
  const blocks = [said[did](result), upload && !isUp ? uploadLines(upload) : [], lookLines(result), nextLines(result)]
  const lines = blocks.filter((block) => block.length > 0).flatMap((block, at) => (at === 0 ? block : ['', ...block]))
  return `${lines.map(printable).join('\n')}\n`
}

const said: Readonly<Record<InitResult['did'], (result: InitResult) => string[]>> = {
  made: ({ agent: { id, path } }) => paragraph(`${id} is an agent now. Its key is in ${path}.`),
  kept: ({ agent: { id, path } }) => paragraph(`${path} has the agent ${id}.`),
  announced: ({ agent: { id } }) => paragraph(`${id} has a next key. The old one signs until others know both.`),
  changed: ({ agent: { id } }) =>
    paragraph(
      `${id} signs with its next key from now on, and the old one is removed. Start programs again that still run with ` +
        'the old one, then upload.',
    ),
  replaced: ({ agent: { id }, upload }) =>
    paragraph(
      upload
        ? `${id} signs with a new key from now on. Upload at once: until then the old one works, and not the new one.`
        : `${id} signs with a new key from now on, and the old one is removed.`,
    ),
}

function uploadLines({ folder, files }: Upload): string[] {
  return [
    ...paragraph(`Upload what is in ${folder} (.well-known is hidden). It must be at`),
    ...files.map(({ url }) => `  ${url}`),
  ]
}

/** Seconds that servers keep a key set at most (W32). */
const mostCacheSeconds = 600

/** What is up there, where that is not what it was a moment ago; of a key that leaked, how long it works. */
function lookLines({ did, look, agent }: InitResult): string[] {
  if (!look || did === 'announced' || did === 'changed') return []
  if (did === 'replaced') return leakLines(agent.id, look)
  const lead = {
    up: 'Both documents are up, as they should be.',
    absent: 'They are not up yet.',
    wrong: 'What is up there is not what it should be.',
    unreachable: 'They could not be looked at.',
  }[look.outcome]
  return [lead, ...[...look.problems, ...look.advice].map((each) => wrapText('- ', each))]
}

function leakLines(id: string, { outcome, cacheSeconds }: Look): string[] {
  // What was not seen may be kept for as long as anything is.
  const longest = outcome === 'absent' || outcome === 'unreachable' ? mostCacheSeconds : cacheSeconds
  return [
    ...paragraph(
      `The old key works for at most ${inMinutes(longest)} after the upload. Tokens that were given for it work until ` +
        'they end: ten minutes, or what their auth server has set, a day at most. Whoever runs one can refuse the agent ' +
        'there at once, and let it in again later:',
    ),
    `  countersign agents block ${id}`,
  ]
}

function nextLines(result: InitResult): string[] {
  const { did, look, waitSeconds, agent } = result
  const check = `  ${initCommandLine(result)}`
  const next = `  ${nextCommand(result)}`
  if (look && (did === 'changed' || did === 'replaced')) return ['Then see whether it is up:', check]
  if (agent.keys.next && waitSeconds === undefined)
    return ['Once that is up, this says how long to wait, and has the next key sign then:', next]
  if (agent.keys.next && waitSeconds !== undefined)
    return [
      waitSeconds > 0 ? `In ${inMinutes(waitSeconds)} everybody knows both keys:` : 'Everybody knows both keys:',
      next,
    ]
  if (look && look.outcome !== 'up')
    return [...paragraph(`Once they are up (${initCommandLine(result)} looks again):`), next]
  const served = look ? [] : paragraph('Its documents are served by fetch, sidecar and mcp, as long as they run.')
  return [...served, 'Next:', next]
}

function paragraph(text: string): string[] {
  return wrapText('', text).split('\n')
}
