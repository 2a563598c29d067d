import type { Terminal } from '../terminal/terminal.js'
import { createTrace } from '../trace/create-trace.js'
import { createTextRenderer } from '../trace/text-renderer.js'
import type { Party } from '../trace/trace-event.js'

/** The platform's fetch, which shows each message on standard error with the tokens in it decoded; not what was asked for. */
export function showMessages(
  { notify }: Terminal,
  { url, authServers }: { url: string; authServers: readonly string[] },
): typeof globalThis.fetch {
  const parties = new Map<string, Party>(authServers.map((id) => [new URL(id).origin, 'auth-server']))
  if (!parties.has(new URL(url).origin)) parties.set(new URL(url).origin, 'resource')
  const onEvent = createTextRenderer({ write: (text) => notify(text.trimEnd()) })
  const trace = createTrace({
    parties,
    onEvent,
    showsBody: ({ ok }, to) => !ok || to === 'auth-server',
  })
  return trace.sender('agent', (request, sent) => fetch(request, sent))
}
